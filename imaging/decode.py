"""Sensor pixels to a colour field."""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

PixelLayout = Literal["rgb8", "bayer_rg8", "bayer_bg8", "bayer_gr8", "bayer_gb8"]
"""`rgb8` (H, W, 3); `bayer_XY8` (H, W), XY the colours of the first two pixels of the first row (GenICam PFNC)."""

# OpenCV names a Bayer pattern after the second row's second and third pixel; GenICam after the first two.
_BAYER_TO_RGB: dict[str, int] = {
    "bayer_rg8": cv2.COLOR_BayerBG2RGB,
    "bayer_bg8": cv2.COLOR_BayerRG2RGB,
    "bayer_gr8": cv2.COLOR_BayerGB2RGB,
    "bayer_gb8": cv2.COLOR_BayerGR2RGB,
}


def decode(pixels: NDArray[np.uint8], layout: PixelLayout) -> NDArray[np.uint8]:
    """Return the colour field (H, W, 3), RGB; the input itself when it is `rgb8` already."""
    if layout == "rgb8":
        return pixels
    return np.asarray(cv2.cvtColor(pixels, _BAYER_TO_RGB[layout]), np.uint8)
