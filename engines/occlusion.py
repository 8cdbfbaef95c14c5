"""Where a classifier looks, asked of any engine: how its answer falls when a part of a crop is covered.

Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 4.2. Pure; knows no runtime.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.crop import CROP_PX

PATCH_PX = 16
"""Side of what is covered: about a fifth of a head's length."""
STEP_PX = 4
_BORDER_PX = 4
"""The background is what lies so near to the crop's sides."""

Classify = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def occlusion_map(classify: Classify, crop: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return by how much P(ZP-binding) falls where a crop (128, 128) is covered, as (128, 128), -1 to 1.

    A pixel's value is the mean over the patches that cover it; negative where covering raises the answer.
    """
    corners = [(y, x) for y in _starts() for x in _starts()]
    covered = np.repeat(crop[None], len(corners), axis=0)
    ground = _background(crop)
    for one, (y, x) in zip(covered, corners, strict=True):
        one[y : y + PATCH_PX, x : x + PATCH_PX] = ground
    fall = np.float64(classify(crop[None])[0]) - classify(covered).astype(np.float64)
    total, patches = np.zeros((2, CROP_PX, CROP_PX))
    for each, (y, x) in zip(fall, corners, strict=True):
        total[y : y + PATCH_PX, x : x + PATCH_PX] += each
        patches[y : y + PATCH_PX, x : x + PATCH_PX] += 1
    return np.asarray(total / patches, np.float64)


def _starts() -> range:
    return range(0, CROP_PX - PATCH_PX + 1, STEP_PX)


def _background(crop: NDArray[np.uint8]) -> np.uint8:
    inner = np.zeros(crop.shape, bool)
    inner[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX] = True
    return np.uint8(np.median(crop[~inner]))
