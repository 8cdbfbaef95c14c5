"""Software autofocus: the height at which the outlines of heads rise most steeply. Knows no stage and no camera."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import FieldRefused
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.examine import examine

_JUDGED = ("", "defocus")
"""Heads, sharp or not; anything else says nothing about focus."""


def head_sharpness(field: NDArray[np.uint8], um_per_px: float) -> float:
    """Return the median steepness of the outlines of the heads in a field (H, W, 3); 0 where there is none."""
    try:
        heads = examine(field, um_per_px, SlideColour.fresh()).heads
    except FieldRefused:
        return 0.0
    judged = heads.sharpness[[reason in _JUDGED for reason in heads.reason]]
    return float(np.median(judged)) if len(judged) else 0.0


def sharpest_um(
    sharpness_at: Callable[[float], float], start_um: float, range_um: float, step_um: float
) -> float:
    """Return the height of greatest sharpness, from `range_um` below the start to as much above.

    Between the steps it is the top of the parabola through the best step and its neighbours; without any
    sharpness, the start.
    """
    count = max(1, round(range_um / step_um))
    heights = [start_um + number * step_um for number in range(-count, count + 1)]
    seen = [sharpness_at(height) for height in heights]
    best = int(np.argmax(seen))
    if seen[best] <= 0:
        return start_um
    if best in (0, len(seen) - 1):
        return heights[best]
    below, top, above = seen[best - 1 : best + 2]
    bend = below - 2 * top + above
    return heights[best] + (step_um * (below - above) / (2 * bend) if bend < 0 else 0.0)
