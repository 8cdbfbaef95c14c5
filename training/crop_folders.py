"""Crops as files: a folder with a sub-folder for each slide, one grey PNG of 128 x 128 for each head.

Reads such a tree, saying everything that is wrong with it at once, and writes one with the same names. Knows
no network.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import PictureRefused, SettingsError, StoreError
from zpscope.imaging.crop import CROP_PX
from zpscope.imaging.picture import read_grey

_SHOWN = 5
"""At most so many faults are spelt out."""


@dataclass(frozen=True)
class CropFolder:
    """The crops of a folder, in the order of their names."""

    crops: NDArray[np.uint8]
    """(N, 128, 128)."""
    names: tuple[Path, ...]
    """N paths below the folder."""

    @property
    def slides(self) -> NDArray[np.str_]:
        """(N,) the slide of each crop: the path of its sub-folder."""
        return np.array([name.parent.as_posix() for name in self.names], np.str_)

    @property
    def digests(self) -> list[str]:
        """N SHA-256 of the crops' pixels."""
        return [sha256(crop.tobytes()).hexdigest() for crop in self.crops]


def read_crops(folder: Path) -> CropFolder:
    """Read every PNG below a folder.

    Raises:
        SettingsError: There is none, one lies beside the slides' folders, or some are no crops; one line for each
            of the first few.
    """
    if not folder.is_dir():
        msg = f"{folder} is no folder: give one with a sub-folder of crops for each slide"
        raise SettingsError(msg)
    names = tuple(path.relative_to(folder) for path in sorted(folder.rglob("*.png")))
    if not names or any(name.parent == Path() for name in names):
        msg = (
            f"{folder} must hold a sub-folder for each slide, and those the crops ({CROP_PX} x {CROP_PX} PNG)"
        )
        raise SettingsError(msg)
    crops = np.empty((len(names), CROP_PX, CROP_PX), np.uint8)
    faults: list[str] = []
    for crop, name in zip(crops, names, strict=True):
        try:
            grey = read_grey(folder / name)
        except PictureRefused as error:
            faults.append(str(error))
            continue
        if grey.shape == crop.shape:
            crop[:] = grey
        else:
            faults.append(
                f"{folder / name} is {grey.shape[1]} x {grey.shape[0]}: crops are {CROP_PX} x {CROP_PX}"
            )
    if faults:
        more = [f"and {len(faults) - _SHOWN} more crops cannot be used"] if len(faults) > _SHOWN else []
        raise SettingsError("\n".join(faults[:_SHOWN] + more))
    return CropFolder(crops, names)


def write_crops(folder: Path, written: CropFolder) -> None:
    """Write crops below a folder under their names; raise StoreError if the disk is full or may not be written."""
    for crop, name in zip(written.crops, written.names, strict=True):
        write_png(folder / name, crop)


def write_png(path: Path, grey: NDArray[np.uint8]) -> None:
    """Write a grey picture (H, W); raise StoreError if the disk is full or may not be written."""
    content = cv2.imencode(".png", grey)[1].tobytes()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}): make room, and give the same command again"
        raise StoreError(msg) from error
