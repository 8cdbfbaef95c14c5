"""Changed crops to learn from: as the paper changes them, or as the same head might as well have been cut.

Each crop has a fixed number of views, so that what a frozen network makes of them can be computed once. Crops are
mirrored left to right only: acrosome up is what alignment says. Knows no network.
"""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.crop import CROP_PX

Changes = Literal["paper", "cut"]
"""`paper`: mirrored, and a random part at full size. `cut`: mirrored, and within what segmentation, stain and camera
leave open for one head: turned, shifted, resized, lighter or darker, flatter or steeper, noisier."""
LEAST_SHARE = 0.8
"""Of the crop's area, in a view of the paper's; torchvision's own 0.08 would cut heads away."""
_TURN_DEG, _SHIFT_PX, _SCALE, _BRIGHTNESS, _CONTRAST = 12.0, 4.0, 0.05, 8.0, 0.08
"""Limits of another cut, each drawn evenly from -limit to +limit; brightness in grey levels."""
_NOISE = 3.0
"""Standard deviation of added noise in grey levels, drawn from 0 up."""


def views(crops: NDArray[np.uint8], count: int, seed: int, changes: Changes = "paper") -> NDArray[np.uint8]:
    """Return views (N, count, 128, 128) of crops (N, 128, 128); the first of each is the crop itself."""
    seen = np.empty((len(crops), count, CROP_PX, CROP_PX), np.uint8)
    change = _resized if changes == "paper" else _cut_anew
    for i, crop in enumerate(crops):
        seen[i, 0] = crop
        random = np.random.default_rng([seed, i])
        for k in range(1, count):
            changed = change(crop, random)
            seen[i, k] = changed[:, ::-1] if random.uniform() < 0.5 else changed
    return seen


def _resized(crop: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    share, right, down = random.uniform(0, 1, 3).tolist()
    side = round(CROP_PX * float(np.sqrt(LEAST_SHARE + (1 - LEAST_SHARE) * share)))
    left, top = round(right * (CROP_PX - side)), round(down * (CROP_PX - side))
    part = crop[top : top + side, left : left + side]
    return np.asarray(cv2.resize(part, (CROP_PX, CROP_PX), interpolation=cv2.INTER_LINEAR), np.uint8)


def _cut_anew(crop: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """What moves in from outside repeats the border's pixels."""
    turn, right, down, scale, light, contrast = random.uniform(-1, 1, 6).tolist()
    middle = (CROP_PX - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), turn * _TURN_DEG, 1 + scale * _SCALE)
    matrix[:, 2] += (right * _SHIFT_PX, down * _SHIFT_PX)
    moved = cv2.warpAffine(crop, matrix, crop.shape, borderMode=cv2.BORDER_REPLICATE).astype(np.float64)
    level = float(moved.mean())
    noise = random.normal(0, random.uniform(0, _NOISE), crop.shape)
    grey = level + (moved - level) * (1 + contrast * _CONTRAST) + light * _BRIGHTNESS + noise
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)
