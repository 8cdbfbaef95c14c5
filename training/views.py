"""The paper's changes of a crop: mirrored, and a random part of it at full size.

Each crop has a fixed number of views, so that what a frozen network makes of them can be computed once. Crops are
mirrored left to right only: acrosome up is what alignment says. Knows no network.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.crop import CROP_PX

LEAST_SHARE = 0.8
"""Of the crop's area, in a view; torchvision's own 0.08 would cut heads away."""


def views(crops: NDArray[np.uint8], count: int, seed: int) -> NDArray[np.uint8]:
    """Return views (N, count, 128, 128) of crops (N, 128, 128); the first of each is the crop itself."""
    seen = np.empty((len(crops), count, CROP_PX, CROP_PX), np.uint8)
    for i, crop in enumerate(crops):
        seen[i, 0] = crop
        random = np.random.default_rng([seed, i])
        for k in range(1, count):
            seen[i, k] = _view(crop, random)
    return seen


def _view(crop: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    share, right, down, mirror = random.uniform(0, 1, 4).tolist()
    side = round(CROP_PX * float(np.sqrt(LEAST_SHARE + (1 - LEAST_SHARE) * share)))
    left, top = round(right * (CROP_PX - side)), round(down * (CROP_PX - side))
    part = crop[top : top + side, left : left + side]
    whole = np.asarray(cv2.resize(part, (CROP_PX, CROP_PX), interpolation=cv2.INTER_LINEAR), np.uint8)
    return whole[:, ::-1] if mirror < 0.5 else whole
