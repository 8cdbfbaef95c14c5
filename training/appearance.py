"""What crops look like apart from the head: where their background is, and figures of light, contrast and noise.

The background is one fixed part of every crop, the same for all: a mask cut along each head would itself tell one
head from another. Knows no network and no class.
"""

from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.crop import CROP_PX, CROP_UM_PER_PX

_HEAD_UM = (2.9, 3.9)
"""Half axes, across and along, of what may be head in an aligned crop; a usual head's are 1.4 and 2.2."""
_MIDPIECE_UM = 1.1
"""Half width of the strip below the head's centre in which the midpiece leaves."""
_CORE_UM = (0.8, 1.2)
"""Half axes of what is head in any crop."""
_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
"""A filter that light and straight edges do not move (Immerkaer 1996); noise of 1 becomes 6."""


@dataclass(frozen=True)
class Statistics:
    """Figures of one crop, or their means; grey levels, but for `grain`."""

    background: float
    """Mean of the background."""
    head: float
    """Mean of the head's middle."""
    contrast: float
    """Background less head."""
    unevenness: float
    """Standard deviation of the background after a blur of 4 px: film, debris, neighbours."""
    noise: float
    """Standard deviation of the background's noise, by Immerkaer's filter."""
    grain: float
    """How alike neighbouring pixels' noise is: 0 as of a sensor, higher after a blur, -1 to 1."""


def background() -> NDArray[np.bool_]:
    """Return which pixels (128, 128) of an aligned crop are neither head nor midpiece."""
    x, y = _axes_um()
    across, along = _HEAD_UM
    return ((x / across) ** 2 + (y / along) ** 2 > 1) & ~((np.abs(x) < _MIDPIECE_UM) & (y > 0))


def statistics(crops: NDArray[np.uint8]) -> list[Statistics]:
    """Return the figures of each of the crops (N, 128, 128)."""
    x, y = _axes_um()
    core, around = (x / _CORE_UM[0]) ** 2 + (y / _CORE_UM[1]) ** 2 < 1, background()
    return [_statistics(crop, core, around) for crop in crops.astype(np.float32)]


def empty_grey(crops: NDArray[np.uint8]) -> tuple[float, float]:
    """Return between which grey levels the empty slide around 98 % of the crops (N, 128, 128) lies."""
    levels = [float(np.median(crop[background()])) for crop in crops]
    low, high = np.percentile(levels, (1, 99)).tolist()
    return round(low, 1), round(high, 1)


def mean(figures: list[Statistics]) -> Statistics:
    """Return the means over crops."""
    names = asdict(figures[0])
    return Statistics(**{name: float(np.mean([getattr(one, name) for one in figures])) for name in names})


def _statistics(crop: NDArray[np.float32], core: NDArray[np.bool_], around: NDArray[np.bool_]) -> Statistics:
    residual = np.asarray(cv2.filter2D(crop, cv2.CV_32F, _IMMERKAER, borderType=cv2.BORDER_REFLECT))
    fine = crop - np.asarray(cv2.GaussianBlur(crop, (0, 0), 2.0))
    smooth = np.asarray(cv2.GaussianBlur(crop, (0, 0), 4.0))
    pairs = around[:, 1:] & around[:, :-1]
    both = float((fine[:, 1:] * fine[:, :-1])[pairs].mean())
    level, head = float(crop[around].mean()), float(crop[core].mean())
    return Statistics(
        background=level,
        head=head,
        contrast=level - head,
        unevenness=float(smooth[around].std()),
        noise=float(np.abs(residual[around]).mean() * np.sqrt(np.pi / 2) / 6),
        grain=both / max(float((fine[around] ** 2).mean()), 1e-9),
    )


def _axes_um() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of every pixel of a crop, from its middle."""
    y, x = (np.indices((CROP_PX, CROP_PX), np.float64) - (CROP_PX - 1) / 2) * CROP_UM_PER_PX
    return x, y
