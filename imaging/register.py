"""How far one field lies from another that shows a part of the same place, and how sure that is.

Every offset at which two thumbnails overlap is tried at once, coarsely, by Fourier transform (Lewis 1995, *Fast
normalized cross-correlation*); the best is refined to a part of a pixel. A wrong answer is worse than none, so
that evidence is asked for: much common stain that agrees well, and no second offset nearly as good.
Knows two thumbnails; no slide.
"""

from dataclasses import dataclass
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

_COARSE = 2
"""Pixels of a thumbnail that are one when every offset is tried."""
_LEAST_SHARE = 0.06
"""Fields that share less than so of their area are not compared."""
_APART_PX = 5
"""Coarse pixels from the best offset on, another is another peak."""
_REFINE_PX = 3
_ROUNDS = 3
_STAINED = 40
"""Stain, of 255, from which a pixel tells anything."""
_LEAST_STAINED_PX = 60
"""About two thirds of a head."""

Stain = NDArray[np.uint8]


@dataclass(frozen=True)
class Match:
    """One thumbnail on another."""

    offset_px: tuple[float, float]
    """(x, y) in pixels of the thumbnail: a thing at (x, y) in the second lies at (x, y) + offset in the first."""
    agreement: float
    """Normalised correlation of what both show, up to 1."""
    evidence: float
    """How much stain agrees, in nats: n/2 ln 1/(1 - agreement²) for n independent stained pixels."""
    rival: float
    """Evidence of the second best offset, as a share of the best's."""


class Pattern:
    """A thumbnail made ready to be compared."""

    def __init__(self, stain: Stain) -> None:
        self.stain = stain
        height, width = stain.shape[0] // _COARSE, stain.shape[1] // _COARSE
        cut = stain[: height * _COARSE, : width * _COARSE]
        coarse = cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        self.shape = (height, width)
        plane = np.zeros((cv2.getOptimalDFTSize(2 * height), cv2.getOptimalDFTSize(2 * width)), np.float32)
        plane[:height, :width] = coarse / 255
        self.spectrum = cv2.dft(plane, flags=cv2.DFT_COMPLEX_OUTPUT, nonzeroRows=height)
        self.energy = np.asarray(cv2.integral((coarse / 255) ** 2), np.float32)
        self.stained = np.asarray(cv2.integral((coarse >= _STAINED).astype(np.uint8)), np.float32)


def register(
    first: Pattern, second: Pattern, around_px: tuple[float, float] | None = None, within_px: float = 0.0
) -> Match | None:
    """Return where the second thumbnail lies on the first, or None if nothing speaks for any offset.

    around_px: only offsets within `within_px` of it, in x and in y, are tried. Both are in pixels of the thumbnail.
    """
    if first.shape != second.shape:
        return None
    limits = [(-size + 1, size - 1) for size in first.shape]
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
    stained, evidence = _tried(first, second, rows, columns)
    _, best, _, (column, row) = cv2.minMaxLoc(evidence)
    if best <= 0:
        return None
    refined = _refined(first.stain, second.stain, (int(columns[column]) * _COARSE, int(rows[row]) * _COARSE))
    if refined is None:
        return None
    offset, agreement = refined
    rival = _second_best(evidence, row, column) / best
    return Match(offset, agreement, _nats(float(stained[row, column]), agreement), rival)


def _tried(
    first: Pattern, second: Pattern, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the stained pixels in common, and the evidence, for the offsets (rows, columns), in coarse pixels."""
    product = cv2.mulSpectrums(first.spectrum, second.spectrum, 0, conjB=True)
    common = cv2.dft(product, flags=cv2.DFT_INVERSE | cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE)
    common = common[np.ix_(rows % common.shape[0], columns % common.shape[1])]
    height, width = first.shape
    tall, wide = np.maximum(height - abs(rows), 0), np.maximum(width - abs(columns), 0)
    top, left = np.maximum(rows, 0), np.maximum(columns, 0)
    back_top, back_left = np.maximum(-rows, 0), np.maximum(-columns, 0)
    here, there = (
        (top, top + tall, left, left + wide),
        (back_top, back_top + tall, back_left, back_left + wide),
    )
    power = _sums(first.energy, *here) * _sums(second.energy, *there)
    agrees = np.clip(common / np.sqrt(np.maximum(power, 1)), 0, 0.999)
    stained = np.minimum(_sums(first.stained, *here), _sums(second.stained, *there))
    enough = tall[:, None] * wide[None] >= _LEAST_SHARE * height * width
    stained[~enough | (stained * _COARSE**2 < _LEAST_STAINED_PX)] = 0
    return np.asarray(stained, np.float32), np.asarray(
        -0.5 * stained * np.log1p(-agrees * agrees), np.float32
    )


def _sums(
    table: NDArray[np.float32],
    top: NDArray[np.intp],
    bottom: NDArray[np.intp],
    left: NDArray[np.intp],
    right: NDArray[np.intp],
) -> NDArray[np.float32]:
    """Return the sums over boxes, one per row and column, from a summed-area table."""
    rows = table[bottom] - table[top]
    return np.asarray(rows[:, right] - rows[:, left], np.float32)


def _second_best(evidence: NDArray[np.float32], row: int, column: int) -> float:
    others = evidence.copy()
    others[
        max(0, row - _APART_PX) : row + _APART_PX + 1, max(0, column - _APART_PX) : column + _APART_PX + 1
    ] = 0
    return float(others.max())


def _refined(
    first: Stain, second: Stain, offset: tuple[int, int]
) -> tuple[tuple[float, float], float] | None:
    """Return the offset to a part of a pixel and the agreement there; None if it runs away from its guess.

    Least squares on the slopes (Lucas and Kanade 1981), which no pixel grid draws towards itself.
    """
    height, width = first.shape
    x, y = offset
    left, right = max(0, x) + _REFINE_PX, min(width, x + width) - _REFINE_PX
    top, bottom = max(0, y) + _REFINE_PX, min(height, y + height) - _REFINE_PX
    if right - left < 4 * _REFINE_PX or bottom - top < 4 * _REFINE_PX:
        return None
    part = second[top - y : bottom - y, left - x : right - x].astype(np.float32)
    around = first[top - _REFINE_PX : bottom + _REFINE_PX, left - _REFINE_PX : right + _REFINE_PX]
    step = np.full(2, float(_REFINE_PX))
    agreement = 0.0
    for _ in range(_ROUNDS):
        move = np.array([[1, 0, -step[0]], [0, 1, -step[1]]])
        moved = cv2.warpAffine(around.astype(np.float32), move, part.shape[::-1])
        power, both = float((moved * moved).sum()), float((moved * part).sum())
        slope_x, slope_y = (
            cv2.Scharr(moved, -1, 1, 0, scale=1 / 32),
            cv2.Scharr(moved, -1, 0, 1, scale=1 / 32),
        )
        xx, yy = float((slope_x * slope_x).sum()), float((slope_y * slope_y).sum())
        xy = float((slope_x * slope_y).sum())
        if both <= 0 or xx * yy - xy * xy <= 0:
            return None
        agreement = both / np.sqrt(power * float((part * part).sum()))
        rest = part * np.float32(power / both) - moved
        pull = [float((slope_x * rest).sum()), float((slope_y * rest).sum())]
        step += np.linalg.solve([[xx, xy], [xy, yy]], pull)
        if np.abs(step - _REFINE_PX).max() >= _REFINE_PX:
            return None
    return (x + float(step[0]) - _REFINE_PX, y + float(step[1]) - _REFINE_PX), agreement


def _nats(worth: float, agreement: float) -> float:
    return -0.5 * worth * float(np.log1p(-(min(agreement, 0.999) ** 2)))
