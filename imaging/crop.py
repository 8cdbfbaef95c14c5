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
    cuts: list[Cut] = []
    for i in np.flatnonzero(heads.accepted):
        x, y = heads.centre_px[i].tolist()
        left, top = max(0, int(x) - reach), max(0, int(y) - reach)
        right, bottom = min(width, int(x) + reach), min(height, int(y) + reach)
        matrix = _matrix(x - left, y - top, float(heads.angle_deg[i]), um_per_px)
        cuts.append(Cut(left, top, right, bottom, matrix))
    return pixels.turned(cuts, CROP_PX)


def cut_masks(heads: Heads, um_per_px: float) -> NDArray[np.uint8]:
    """Return where each crop of `cut_crops` shows its head (A, 128, 128): 255 inside the outline, else 0."""
    masks = np.zeros((int(heads.accepted.sum()), CROP_PX, CROP_PX), np.uint8)
    for mask, i in zip(masks, np.flatnonzero(heads.accepted), strict=True):
        x, y = heads.centre_px[i].tolist()
        matrix = _matrix(x, y, float(heads.angle_deg[i]), um_per_px)
        outline = cv2.transform(heads.outlines[i][:, None].astype(np.float64), matrix)
        cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], (255,))
    return masks


def _matrix(x: float, y: float, angle_deg: float, um_per_px: float) -> NDArray[np.float64]:
    """Return what takes a place (x, y) near a head's centre to its place in the crop."""
    turned = cv2.getRotationMatrix2D((x, y), angle_deg + 90, um_per_px / CROP_UM_PER_PX)
    matrix = np.asarray(turned, np.float64)
    middle = (CROP_PX - 1) / 2
    matrix[:, 2] += middle - x, middle - y
    return matrix
