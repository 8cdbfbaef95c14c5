"""Writes a model bundle; the counterpart of `zpscope.engines.bundle`, which reads it.

A bundle appears whole or not at all. Knows nothing of networks and of training.
"""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from zpscope.engines.bundle import CARD
from zpscope.engines.card import Card


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the SHA-256 of every file, by name, as a card wants them."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}


def write_bundle(folder: Path, card: Card, files: Mapping[str, bytes]) -> None:
    """Write a bundle beside `folder`, then put it in its place; an older bundle there is replaced.

    Raises:
        ValueError: The card was written for other files, or the folder is there and is no bundle.
        OSError: The disk is full or read-only; the older bundle is still there.
    """
    if card.files != digests(files):
        msg = "the card was written for other files"
        raise ValueError(msg)
    if folder.exists() and not (folder / CARD).is_file() and any(folder.iterdir()):
        msg = f"{folder} is there and is no model bundle; choose another folder"
        raise ValueError(msg)
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name, content in files.items():
        (fresh / name).write_bytes(content)
    (fresh / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    if folder.exists():
        shutil.rmtree(folder)
    fresh.rename(folder)
