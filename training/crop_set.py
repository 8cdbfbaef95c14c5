"""Labelled crops of known origin, and the folders they are kept in.

A crop set lies in `FOLDER/{bound,unbound}/DONOR/SLIDE/NAME.png`, grey, 128 x 128 px; without the donor's folder
each slide counts as a donor of its own. Knows no field, no network and no split.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import PictureRefused, SettingsError, StoreError
from zpscope.imaging.crop import CROP_PX
from zpscope.imaging.picture import read_grey
from zpscope.training.network import CLASSES

UNREADABLE_LIMIT = 0.05
"""So large a share of the pictures may be unusable, at most."""


@dataclass(frozen=True)
class CropSet:
    """Crops side by side with what is known of them."""

    crops: NDArray[np.uint8]
    """(N, 128, 128)."""
    bound: NDArray[np.bool_]
    """(N,) of the class `bound`."""
    donor: NDArray[np.str_]
    """(N,)."""
    slide: NDArray[np.str_]
    """(N,) within the donor."""
    name: NDArray[np.str_]
    """(N,) path of the crop's file within the set."""

    def __len__(self) -> int:
        return len(self.bound)

    @property
    def digest(self) -> str:
        """SHA-256 of every crop, class and origin, in order."""
        text = "\n".join(self.name.tolist())
        return sha256(self.crops.tobytes() + self.bound.tobytes() + text.encode()).hexdigest()

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Self:
        """Return some of the crops."""
        parts = {name: getattr(self, name)[chosen] for name in ("crops", "bound", "donor", "slide", "name")}
        return replace(self, **parts)


def read_crops(folder: Path, refused: Callable[[str], object]) -> CropSet:
    """Return the crop set in a folder; `refused` hears of every picture that cannot be used.

    Raises:
        SettingsError: A class has no crops, or too many pictures cannot be used.
    """
    crops: list[NDArray[np.uint8]] = []
    rows: list[tuple[bool, str, str, str]] = []
    faults = 0
    for path, bound, donor, slide in origins(folder, "*.png"):
        try:
            crops.append(_crop(path))
        except PictureRefused as error:
            refused(str(error))
            faults += 1
            continue
        rows.append((bound, donor, slide, path.relative_to(folder).as_posix()))
    check_faults(faults, faults + len(rows))
    return checked(_gather(crops, rows), folder)


def _gather(crops: list[NDArray[np.uint8]], rows: list[tuple[bool, str, str, str]]) -> CropSet:
    bound, donor, slide, name = ([row[i] for row in rows] for i in range(4))
    stacked = np.stack(crops) if crops else np.empty((0, CROP_PX, CROP_PX), np.uint8)
    texts = [np.asarray(column, np.str_) for column in (donor, slide, name)]
    return CropSet(stacked, np.asarray(bound, np.bool_), *texts)


def origins(folder: Path, pattern: str) -> Iterator[tuple[Path, bool, str, str]]:
    """Yield path, class, donor and slide of everything in a folder that a pattern names, in order of names.

    Raises:
        SettingsError: The folder has no class folders, or something does not lie in a slide's folder.
    """
    for name in CLASSES:
        if not (folder / name).is_dir():
            msg = f"{folder} has no folder `{name}`: put the pictures into {folder}/{CLASSES[1]} and {CLASSES[0]}"
            raise SettingsError(msg)
        for path in sorted((folder / name).rglob(pattern)):
            match path.relative_to(folder / name).parts:
                case (slide, _):
                    yield path, name == "bound", slide, slide
                case (donor, slide, _):
                    yield path, name == "bound", donor, slide
                case _:
                    msg = f"{path} must lie in {name}/SLIDE or {name}/DONOR/SLIDE: move it there"
                    raise SettingsError(msg)


def write_crops(folder: Path, crops: NDArray[np.uint8], names: Iterable[str]) -> None:
    """Write crops (N, 128, 128) as PNG files of these names; raise StoreError where the disk does not take one."""
    for crop, name in zip(crops, names, strict=True):
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(cv2.imencode(".png", crop)[1].tobytes())
        except OSError as error:
            msg = f"{path} cannot be written ({error.strerror}): make room or choose another folder"
            raise StoreError(msg) from error


def check_faults(faults: int, pictures: int) -> None:
    """Raise SettingsError if too many pictures could not be used."""
    if faults > UNREADABLE_LIMIT * pictures:
        msg = (
            f"{faults} of {pictures} pictures cannot be used, more than {UNREADABLE_LIMIT:.0%}: "
            "mend or remove them first"
        )
        raise SettingsError(msg)


def checked(crops: CropSet, folder: Path) -> CropSet:
    """Return a crop set that can be trained on; raise SettingsError if a class is empty or a crop has two."""
    for name, count in zip(CLASSES, ((~crops.bound).sum(), crops.bound.sum()), strict=True):
        if not count:
            msg = f"{folder}/{name} gives no crop: both classes must have some"
            raise SettingsError(msg)
    classes: dict[bytes, int] = {}
    for i, crop in enumerate(crops.crops):
        first = classes.setdefault(sha256(crop.tobytes()).digest(), i)
        if crops.bound[first] != crops.bound[i]:
            msg = f"{crops.name[first]} and {crops.name[i]} are one crop in both classes: remove one of them"
            raise SettingsError(msg)
    return crops


def _crop(path: Path) -> NDArray[np.uint8]:
    grey = read_grey(path)
    if grey.shape != (CROP_PX, CROP_PX):
        msg = (
            f"{path} is {grey.shape[1]} x {grey.shape[0]} px, a crop is {CROP_PX} x {CROP_PX}: "
            "cut it from its field with zpscope train FIELDS --um-per-px"
        )
        raise PictureRefused(msg)
    return grey
