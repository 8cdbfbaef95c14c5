"""A model bundle: a folder that holds a model and its card, and nothing that the card does not vouch for.

Everything about a bundle is checked here, once, before any runtime sees a byte of it. Nothing is ever
unpickled. Knows no runtime; the preprocessing it must fit is given to it.
"""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from zpscope.config.errors import ModelRefused
from zpscope.engines.card import Card
from zpscope.engines.onnx_file import check_weights

CARD = "card.json"
MODEL = "model.onnx"
MODEL_INT8 = "model.int8.onnx"
"""The same network in 8-bit integers; a bundle may be without."""
DEMONSTRATION = Path(__file__).with_name("demonstration")
"""The bundle that ships with zpscope."""
_CARD_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True)
class Bundle:
    """A bundle that was whole, and fitted, when it was opened."""

    folder: Path
    card: Card
    sha256: str
    """Digest of the whole bundle: of the card, which holds the digest of every other file."""


def open_bundle(path: Path | Literal["demonstration"], preprocessing_hash: str, um_per_px: float) -> Bundle:
    """Return the bundle in a folder, after checking every byte of it.

    Args:
        path: The folder, or the name of the bundle that ships.
        preprocessing_hash: Of the code that will make the crops.
        um_per_px: Scale of the crops that will be made, in µm per pixel.

    Raises:
        ModelRefused: A file is missing, altered or foreign; the model does not fit the crops; a weight is not
            finite or not in the file.
    """
    folder = DEMONSTRATION if path == "demonstration" else path
    found = _names(folder)
    written = _card_bytes(folder)
    card = _card(folder, written)
    _check_names(folder, card, found)
    for name in card.files:
        content = _verified(folder, name, card)
        if name.endswith(".onnx"):
            check_weights(content, folder / name)
    _check_fit(folder, card, preprocessing_hash, um_per_px)
    return Bundle(folder, card, hashlib.sha256(written).hexdigest())


def read_model(bundle: Bundle, name: str = MODEL) -> bytes:
    """Return a model file's bytes; they are what the card says even if the folder changed since opening.

    Raises:
        ModelRefused: The bundle has no such file, or it is gone or altered.
    """
    if name not in bundle.card.files:
        msg = f"{bundle.folder} has no {name}: set classifier.precision to another one, or make the bundle with it"
        raise ModelRefused(msg)
    return _verified(bundle.folder, name, bundle.card)


def _names(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError) as error:
        msg = f"{folder}: no such model bundle; set classifier.bundle to a folder that holds {CARD}"
        raise ModelRefused(msg) from error
    except OSError as error:
        msg = f"{folder}: the model bundle cannot be read ({error.strerror}); let this user read it"
        raise ModelRefused(msg) from error


def _card_bytes(folder: Path) -> bytes:
    try:
        with (folder / CARD).open("rb") as file:
            written = file.read(_CARD_LIMIT_BYTES + 1)
    except OSError as error:
        msg = f"{folder}: {CARD} cannot be read ({error.strerror}); copy the bundle again"
        raise ModelRefused(msg) from error
    if len(written) > _CARD_LIMIT_BYTES:
        msg = f"{folder}: {CARD} is larger than 1 MiB and so is no card; copy the bundle again"
        raise ModelRefused(msg)
    return written


def _card(folder: Path, written: bytes) -> Card:
    try:
        return Card.model_validate_json(written)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'card'}: {fault['msg']}" for fault in error.errors()
        )
        msg = f"{folder}: {CARD} is not a card this zpscope reads ({faults}); make the bundle again"
        raise ModelRefused(msg.replace("\n", " ")) from error


def _check_names(folder: Path, card: Card, found: set[str]) -> None:
    wanted = {CARD, *card.files}
    if missing := sorted(wanted - found):
        msg = f"{folder}: {', '.join(missing)} is missing; copy the bundle again"
        raise ModelRefused(msg)
    if extra := sorted(found - wanted):
        msg = f"{folder}: {', '.join(extra)} is not named in {CARD}; move it out of the folder"
        raise ModelRefused(msg)


def _verified(folder: Path, name: str, card: Card) -> bytes:
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        msg = f"{folder}: {name} cannot be read ({error.strerror}); copy the bundle again"
        raise ModelRefused(msg) from error
    if hashlib.sha256(content).hexdigest() != card.files[name]:
        msg = f"{folder}: {name} is not the file {CARD} was written for; copy the bundle again"
        raise ModelRefused(msg)
    return content


def _check_fit(folder: Path, card: Card, preprocessing_hash: str, um_per_px: float) -> None:
    made_for = card.preprocessing
    if not math.isclose(made_for.um_per_px, um_per_px, rel_tol=1e-9):
        msg = (
            f"{folder}: the model wants crops at {made_for.um_per_px} µm/px, they are made at {um_per_px}; "
            "install a model for this scale"
        )
        raise ModelRefused(msg)
    if made_for.hash != preprocessing_hash:
        msg = (
            f"{folder}: the model was trained on crops made by another version of the segmentation "
            f"({made_for.hash[:12]}, this is {preprocessing_hash[:12]}); train it again or install the "
            "zpscope it was made with"
        )
        raise ModelRefused(msg)
