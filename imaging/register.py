"""How far one field lies from another that shows a part of the same place, and how sure that is.

Every offset at which two thumbnails overlap is tried at once, coarsely, by Fourier transform (Lewis 1995, *Fast
normalized cross-correlation*); the best is refined to a part of a pixel. What is compared is the relief: what a
pixel differs from its surroundings by, limited to about a sign, so that film weighs as much as heads do and no head
passes for another one. A wrong answer is worse than none, so that evidence is asked for, and no second offset
nearly as good. Knows two thumbnails; no slide.
"""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_COARSE = 2
"""Pixels of a thumbnail that are one when every offset is tried."""
_AROUND_PX = 5
"""Coarse pixels to either side: the surroundings."""
_LIMIT = 0.25
"""Greater differences count little more."""
_INDEPENDENT_PX = 6.0
"""So many coarse pixels say what one alone would: neighbours are alike."""
_LEAST_SHARE = 0.06
"""Fields that share less than so of their area are not compared."""
_APART_PX = 5
"""Coarse pixels from the best offset on, another is another peak."""
_REFINE_PX = 3
_ENOUGH_PX = 128
"""So many pixels, along each side, are enough to refine by."""
_ROUNDS = 3
_STAINED = 3.1
"""Darkness, see `thumbnail`, of stained things: a sixth of the light."""
_LEAST_STAINED_PX = 60
"""About two thirds of a head."""

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Match:
    """One thumbnail on another."""

    offset_px: tuple[float, float]
    """(x, y) in pixels of the thumbnail: a thing at (x, y) in the second lies at (x, y) + offset in the first."""
    evidence: float
    """How much agrees, in nats: n/2 ln 1/(1 - r²) for the correlation r of n independent pixels."""
    lead: float
    """How much of it is more than what speaks for the second best offset."""
    stain: float
    """Normalised correlation of the stained things that either shows there, up to 1; 1 if there are none."""


class Pattern:
    """A thumbnail made ready to be compared."""

    def __init__(self, darkness: Plane) -> None:
        """darkness: (h, w), see `thumbnail.darkness_of`."""
        self.darkness = darkness
        height, width = darkness.shape[0] // _COARSE, darkness.shape[1] // _COARSE
        cut = darkness[: height * _COARSE, : width * _COARSE]
        small = np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA), np.float32)
        coarse = _relief(small, _AROUND_PX)
        self.shape = (height, width)
        plane = np.zeros((cv2.getOptimalDFTSize(2 * height), cv2.getOptimalDFTSize(2 * width)), np.float32)
        plane[:height, :width] = coarse
        self.spectrum = cv2.dft(plane, nonzeroRows=height)
        self.energy = np.asarray(cv2.integral(coarse * coarse), np.float32)

    @cached_property
    def fine(self) -> Plane:
        """The relief (h, w) in pixels of the thumbnail, without the finest noise."""
        smooth = np.asarray(cv2.GaussianBlur(self.darkness, (0, 0), 1), np.float32)
        return _relief(smooth, _AROUND_PX * _COARSE)

    @cached_property
    def stain(self) -> Plane:
        """How much darker than film each pixel (h, w) is."""
        return np.asarray(np.maximum(self.darkness - np.float32(_STAINED), 0), np.float32)


def register(
    first: Pattern,
    second: Pattern,
    around_px: tuple[float, float] | None = None,
    within_px: float = 0.0,
    *,
    least_lead: float = 0.0,
) -> Match | None:
    """Return where the second thumbnail lies on the first, or None if nothing speaks for any offset.

    around_px: only offsets within `within_px` of it, in x and in y, are tried. Both are in pixels of the thumbnail.
    least_lead: None, too, and sooner, for a match whose lead is less.
    """
    if first.shape != second.shape:
        return None
    farthest = [floor((1 - _LEAST_SHARE) * size) for size in first.shape]
    limits = [(-far, far) for far in farthest]
    if around_px is not None:
        reach = within_px / _COARSE + 1
        middle = [value / _COARSE for value in around_px[::-1]]
        limits = [
            (max(low, floor(at - reach)), min(high, ceil(at + reach)))
            for (low, high), at in zip(limits, middle, strict=True)
        ]
    rows, columns = (np.arange(low, high + 1, dtype=np.intp) for low, high in limits)
    if not (len(rows) and len(columns)):
        return None
    evidence = _tried(first, second, rows, columns)
    _, best, _, (column, row) = cv2.minMaxLoc(evidence)
    lead = best - _second_best(evidence, row, column)
    if best <= 0 or lead < least_lead:
        return None
    coarse = (int(columns[column]) * _COARSE, int(rows[row]) * _COARSE)
    offset = _refined(first, second, coarse)
    if offset is None:
        return None
    return Match(offset, best, lead, _stain(first.stain, second.stain, offset))


def _relief(darkness: NDArray[np.float32], around_px: int) -> Plane:
    relief = darkness - cv2.blur(darkness, (2 * around_px + 1, 2 * around_px + 1))
    return np.asarray(relief / np.sqrt(1 + (relief / np.float32(_LIMIT)) ** 2), np.float32)


def _tried(
    first: Pattern, second: Pattern, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return the evidence for the offsets (rows, columns), in coarse pixels; both without a gap."""
    product = cv2.mulSpectrums(first.spectrum, second.spectrum, 0, conjB=True)
    lapped = cv2.dft(product, flags=cv2.DFT_INVERSE | cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE)
    common = _wrapped(np.asarray(lapped.take(rows, 0, mode="wrap"), np.float32), columns)
    height, width = first.shape
    tall, wide = np.maximum(height - abs(rows), 0), np.maximum(width - abs(columns), 0)
    power = _shared(first.energy, rows, columns)
    power *= _shared(second.energy, -rows[::-1], -columns[::-1])[::-1, ::-1]
    np.maximum(common, np.float32(0), out=common)
    common *= common
    np.maximum(power, np.float32(1e-3), out=power)
    common /= power
    np.minimum(common, np.float32(0.998), out=common)
    np.subtract(np.float32(1), common, out=common)
    evidence = np.asarray(cv2.log(common, dst=common), np.float32)
    area = np.asarray(tall[:, None] * wide[None], np.float32)
    evidence *= area * np.float32(-0.5 / _INDEPENDENT_PX)
    evidence[area < _LEAST_SHARE * height * width] = 0
    return evidence


def _wrapped(plane: Plane, columns: NDArray[np.intp]) -> Plane:
    """Return columns without a gap, those below 0 from the right end; ten times as fast as by their numbers."""
    low, high = int(columns[0]), int(columns[-1]) + 1
    left = plane[:, low : min(high, 0) or None] if low < 0 else plane[:, :0]
    return np.concatenate([left, plane[:, max(low, 0) : max(high, 0)]], 1)


def _shared(table: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Plane:
    """Return the sums over what a plane shares with one shifted by (rows, columns), from its summed-area table."""
    height, width = table.shape[0] - 1, table.shape[1] - 1
    above, below = np.asarray(np.maximum(rows, 0), np.intp), np.asarray(np.minimum(rows, 0) + height, np.intp)
    strips = np.asarray(table.take(below, 0) - table.take(above, 0), np.float32)
    low, high = int(columns[0]), int(columns[-1]) + 1
    sums = np.empty((len(rows), len(columns)), np.float32)
    left = max(0, min(high, 0) - low)
    np.subtract(strips[:, width + low : width + low + left], strips[:, :1], out=sums[:, :left])
    np.subtract(strips[:, -1:], strips[:, max(low, 0) : max(high, 0)], out=sums[:, left:])
    return sums


def _second_best(evidence: NDArray[np.float32], row: int, column: int) -> float:
    others = evidence.copy()
    others[
        max(0, row - _APART_PX) : row + _APART_PX + 1, max(0, column - _APART_PX) : column + _APART_PX + 1
    ] = 0
    return float(others.max())


def _refined(one: Pattern, other: Pattern, offset: tuple[int, int]) -> tuple[float, float] | None:
    """Return the offset to a part of a pixel; None if it runs away from its guess.

    Least squares on the slopes (Lucas and Kanade 1981), which no pixel grid draws towards itself, over the part of
    what both show in which there is most to see: on bare glass the rest is noise.
    """
    first, second = one.fine, other.fine
    height, width = first.shape
    x, y = offset
    left, right = max(0, x) + _REFINE_PX, min(width, x + width) - _REFINE_PX
    top, bottom = max(0, y) + _REFINE_PX, min(height, y + height) - _REFINE_PX
    if right - left < 4 * _REFINE_PX or bottom - top < 4 * _REFINE_PX:
        return None
    left, right = _busiest(one.energy[bottom // _COARSE] - one.energy[top // _COARSE], left, right)
    top, bottom = _busiest(one.energy[:, right // _COARSE] - one.energy[:, left // _COARSE], top, bottom)
    part = np.ascontiguousarray(second[top - y : bottom - y, left - x : right - x])
    around = first[top - _REFINE_PX : bottom + _REFINE_PX, left - _REFINE_PX : right + _REFINE_PX]
    step = np.full(2, float(_REFINE_PX))
    for _ in range(_ROUNDS):
        move = np.array([[1, 0, -step[0]], [0, 1, -step[1]]])
        moved = cv2.warpAffine(around, move, part.shape[::-1])
        power, both = _product(moved, moved), _product(moved, part)
        slope_x, slope_y = (
            cv2.Scharr(moved, -1, 1, 0, scale=1 / 32),
            cv2.Scharr(moved, -1, 0, 1, scale=1 / 32),
        )
        xx, yy, xy = (
            _product(slope_x, slope_x),
            _product(slope_y, slope_y),
            _product(slope_x, slope_y),
        )
        steep = xx * yy - xy * xy
        if both <= 0 or steep <= 0:
            return None
        rest = part * np.float32(power / both) - moved
        pull_x, pull_y = _product(slope_x, rest), _product(slope_y, rest)
        step += (pull_x * yy - pull_y * xy) / steep, (pull_y * xx - pull_x * xy) / steep
        if np.abs(step - _REFINE_PX).max() >= _REFINE_PX:
            return None
    return x + float(step[0]) - _REFINE_PX, y + float(step[1]) - _REFINE_PX


def _product(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(np.vdot(one, other))


def _busiest(sums: NDArray[np.float32], low: int, high: int) -> tuple[int, int]:
    """Return the `_ENOUGH_PX` from low to high that hold most; sums (n + 1,): running, in coarse pixels."""
    if high - low <= _ENOUGH_PX:
        return low, high
    starts = np.arange(low, high - _ENOUGH_PX + 1, _COARSE, dtype=np.intp)
    held = sums.take((starts + _ENOUGH_PX) // _COARSE) - sums.take(starts // _COARSE)
    start = int(starts[int(held.argmax())])
    return start, start + _ENOUGH_PX


def _stain(first: Plane, second: Plane, offset: tuple[float, float]) -> float:
    height, width = first.shape
    x, y = round(offset[0]), round(offset[1])
    here = first[max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)]
    there = second[max(0, -y) : height + min(0, -y), max(0, -x) : width + min(0, -x)]
    if max(cv2.countNonZero(here), cv2.countNonZero(there)) < _LEAST_STAINED_PX:
        return 1.0
    power = float((here * here).sum()) * float((there * there).sum())
    return float((here * there).sum()) / np.sqrt(power) if power > 0 else 0.0
