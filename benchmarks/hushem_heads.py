"""The heads of the HuSHeM set, cut by the project's own imaging, with what is known beside their pixels."""

import csv
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.colour import SlideColour
from zpscope.imaging.crop import CROP_PX, CROP_UM_PER_PX
from zpscope.imaging.examine import examine
from zpscope.imaging.picture import read_picture
from zpscope.training.duplicates import near_duplicates

FOLDS = 5
_SAME = 0.25
"""Near-identical pairs of this set are within this ratio; see `training/duplicates.py`."""
_NEAR_PX = 20
_PLACES = 12

Floats = NDArray[np.float64]


class Heads:
    """The set: crops by alignment, what is known beside the network, classes and folds."""

    def __init__(self, folder: Path, um_per_px: float) -> None:
        with (folder / "labels_and_folds.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        found = [_cut(read_picture(folder / row["file"]), um_per_px) for row in rows]
        self.crops = {
            "aligned": np.stack([one[0] for one in found]),
            "unaligned": np.stack([one[1] for one in found]),
        }
        shape = np.stack([one[2] for one in found])
        self.shape = np.where(np.isnan(shape), np.nanmean(shape, axis=0), shape)
        self.background = np.stack([one[3] for one in found])
        self.label = np.array([int(row["class"][:2]) - 1 for row in rows])
        contiguous = [[row[f"fold{k + 1}"] for k in range(FOLDS)].index("test") for row in rows]
        self.folds = {
            "contiguous": np.array(contiguous),
            "SHMC-Net": np.array([int(row["shmcnet_fold"][1:]) - 1 for row in rows]),
        }
        self.pairs = near_duplicates(self.crops["aligned"], _SAME)
        for fold in self.folds.values():
            for one, other in self.pairs:
                fold[other] = fold[one]


def _cut(
    picture: NDArray[np.uint8], um_per_px: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Floats, Floats]:
    """Return the aligned and the centred crop, the outline's figures, and the background's colours."""
    heads = examine(picture, um_per_px, SlideColour.fresh()).heads
    height, width = picture.shape[:2]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    apart = np.linalg.norm(heads.centre_px - middle, axis=1)
    unaligned = _crop(picture, middle, -90.0, um_per_px)
    around = picture[cv2.dilate(heads.labels, np.ones((9, 9), np.uint8)) == 0].astype(np.float64)
    background = np.concatenate([around.mean(axis=0), around.std(axis=0)])
    if not len(apart) or apart.min() > _NEAR_PX:
        return unaligned, unaligned, np.full(5 + 2 * _PLACES, np.nan), background
    i = int(apart.argmin())
    area, length, across = (float(each[i]) for each in (heads.area_um2, heads.length_um, heads.width_um))
    whole = np.array([area, length, across, length / across, area / (length * across)])
    centre_px, angle_deg = heads.centre_px[i], float(heads.angle_deg[i])
    return (
        _crop(picture, centre_px, angle_deg, um_per_px),
        unaligned,
        np.concatenate([whole, _widths_um((heads.outlines[i] - centre_px) * um_per_px, angle_deg)]),
        background,
    )


def _crop(
    picture: NDArray[np.uint8], centre_px: Floats, angle_deg: float, um_per_px: float
) -> NDArray[np.uint8]:
    """Cut as `imaging.crop` does, also a head that the gate did not accept."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    matrix = _matrix(centre_px, angle_deg, um_per_px)
    cut = cv2.warpAffine(grey, matrix, (CROP_PX, CROP_PX), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(cut, np.uint8)


def _matrix(centre_px: Floats, angle_deg: float, um_per_px: float) -> Floats:
    x, y = centre_px.tolist()
    matrix = cv2.getRotationMatrix2D((x, y), angle_deg + 90, um_per_px / CROP_UM_PER_PX)
    matrix[:, 2] += (CROP_PX - 1) / 2 - x, (CROP_PX - 1) / 2 - y
    return np.asarray(matrix, np.float64)


def _widths_um(outline_um: Floats, angle_deg: float) -> Floats:
    """Return how wide a head is at places along its axis, and by how much wider on one side than on the other.

    outline_um (M, 2): closed, from the centre.
    """
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    along, across = outline_um @ (cos, sin), outline_um @ (-sin, cos)
    at: Floats = np.linspace(float(along.min()), float(along.max()), 2 * _PLACES + 1)[1::2, None]
    rise = np.roll(along, -1) - along
    share = (at - along) / np.where(rise == 0, 1, rise)
    crossed = (rise != 0) & (share >= 0) & (share < 1)
    side = across + (np.roll(across, -1) - across) * share
    left, right = np.where(crossed, side, -np.inf).max(axis=1), -np.where(crossed, side, np.inf).min(axis=1)
    return np.asarray(np.concatenate([left + right, np.abs(left - right)]), np.float64)
