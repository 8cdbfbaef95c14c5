"""Aligned grey crops at one physical scale, the same for training and for use."""

import hashlib
import json

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.heads import Heads
from zpscope.imaging.pixels import Cut, Pixels, pixels_of

CROP_PX = 128
CROP_UM_PER_PX = 0.069
"""128 px = 8.8 µm: the head and the beginning of the midpiece."""
_DECLARED = {
    "version": 4,
    "crop_px": CROP_PX,
    "um_per_px": CROP_UM_PER_PX,
    "grey": "ITU-R BT.601 luma",
    "interpolation": "linear, from the full field",
    "alignment": "centre of the outline in the middle, acrosome up",
    "border": "reflected",
}
PREPROCESSING_HASH = hashlib.sha256(json.dumps(_DECLARED, sort_keys=True).encode()).hexdigest()
"""sha256 of what a crop is; a model trained on other crops is refused. Raise `version` whenever heads come to be
outlined, centred or turned otherwise: the rest of the declaration does not show it."""


def cut_crops(field: NDArray[np.uint8] | Pixels, heads: Heads, um_per_px: float) -> NDArray[np.uint8]:
    """Return crops (A, 128, 128), one per accepted head in order, from a field (H, W, 3), RGB."""
    pixels = pixels_of(field)
    height, width = pixels.shape
    reach = int(CROP_PX * CROP_UM_PER_PX / um_per_px / np.sqrt(2)) + 3
    kept = heads.accepted
    centres = heads.centre_px[kept]
    low = np.maximum(centres.astype(np.intp) - reach, 0)
    high = np.minimum(centres.astype(np.intp) + reach, (width, height))
    matrices = _matrices(centres - low, heads.angle_deg[kept], um_per_px)
    windows = np.concatenate([low, high], 1).tolist()
    cuts = [
        Cut(left, top, right, bottom, matrix)
        for (left, top, right, bottom), matrix in zip(windows, matrices, strict=True)
    ]
    return pixels.turned(cuts, CROP_PX)


def cut_masks(heads: Heads, um_per_px: float) -> NDArray[np.uint8]:
    """Return where each crop of `cut_crops` shows its head (A, 128, 128): 255 inside the outline, else 0."""
    masks = np.zeros((int(heads.accepted.sum()), CROP_PX, CROP_PX), np.uint8)
    kept = heads.accepted
    matrices = _matrices(heads.centre_px[kept], heads.angle_deg[kept], um_per_px)
    for mask, outline, matrix in zip(masks, heads.outlines[kept], matrices, strict=True):
        turned = np.rint(outline @ matrix[:, :2].T + matrix[:, 2]).astype(np.int32)
        cv2.fillPoly(mask, [turned], (255,))
    return masks


def _matrices(
    centres: NDArray[np.float64], angle_deg: NDArray[np.float64], um_per_px: float
) -> NDArray[np.float64]:
    """Return what takes places near the centres (A, 2) of heads to their places in the crops (A, 2, 3)."""
    turn = np.radians(angle_deg + 90)
    cos, sin = np.cos(turn) * (um_per_px / CROP_UM_PER_PX), np.sin(turn) * (um_per_px / CROP_UM_PER_PX)
    linear = np.array([[cos, sin], [-sin, cos]]).transpose(2, 0, 1)
    shift = (CROP_PX - 1) / 2 - linear @ centres[..., None]
    return np.concatenate([linear, shift], 2)
