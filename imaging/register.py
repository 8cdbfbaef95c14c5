"""How far one field lies from another that shows a part of the same place, and how sure that is.

Every offset at which two thumbnails overlap is tried at once, coarsely, by Fourier transform (Lewis 1995, *Fast
normalized cross-correlation*); the best is refined to a part of a pixel. A wrong answer is worse than none, so
that evidence is asked for: much common stain that agrees well, and no second offset nearly as good.
Knows two thumbnails; no slide.
"""

from dataclasses import dataclass
from functools import lru_cache

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
        self.padded = (cv2.getOptimalDFTSize(2 * height), cv2.getOptimalDFTSize(2 * width))
        plane = np.zeros(self.padded, np.float32)
        plane[:height, :width] = coarse
        self.spectrum = cv2.dft(plane, flags=cv2.DFT_COMPLEX_OUTPUT, nonzeroRows=height)
        self.energy = np.asarray(cv2.integral(coarse * coarse), np.float64)
        self.stained = np.asarray(cv2.integral((coarse >= _STAINED).astype(np.uint8)), np.float64)


def register(
    first: Pattern, second: Pattern, around_px: tuple[float, float] | None = None, within_px: float = 0.0
) -> Match | None:
    """Return where the second thumbnail lies on the first, or None if nothing speaks for any offset.

    around_px: only offsets within `within_px` of it, in x and in y, are tried. Both are in pixels of the thumbnail.
    """
    if first.shape != second.shape:
        return None
    stained, evidence = _every_offset(first, second)
    if around_px is not None:
        _keep_near(evidence, around_px, within_px)
    _, best, _, at = cv2.minMaxLoc(evidence)
    if best <= 0:
        return None
    rival = _second_best(evidence, at) / best
    x, y = (_signed(value, size) for value, size in zip(at, evidence.shape[::-1], strict=True))
    fine = _refined(first.stain, second.stain, (x * _COARSE, y * _COARSE))
    if fine is None:
        return None
    offset, better = fine
    worth = float(stained[at[1], at[0]])
    return Match(offset, better, _nats(worth, better), rival)


def _every_offset(first: Pattern, second: Pattern) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    product = cv2.mulSpectrums(first.spectrum, second.spectrum, 0, conjB=True)
    common = cv2.dft(product, flags=cv2.DFT_INVERSE | cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE)
    boxes = _overlaps(first.shape, first.padded)
    power = np.sqrt(_sums(first.energy, boxes.first) * _sums(second.energy, boxes.second))
    agreement = common / np.maximum(power, 1.0).astype(np.float32)
    stained = np.minimum(_sums(first.stained, boxes.first), _sums(second.stained, boxes.second))
    worth = np.where(boxes.enough & (stained * _COARSE**2 >= _LEAST_STAINED_PX), stained, 0)
    agrees = np.clip(agreement, 0, 0.999)
    evidence = -0.5 * worth.astype(np.float32) * np.log1p(-agrees * agrees)
    return stained, np.asarray(evidence, np.float32)


@dataclass(frozen=True)
class _Overlaps:
    first: tuple[NDArray[np.intp], ...]
    second: tuple[NDArray[np.intp], ...]
    enough: NDArray[np.bool_]


@lru_cache(maxsize=4)
def _overlaps(shape: tuple[int, int], padded: tuple[int, int]) -> _Overlaps:
    """Return for every offset the part of each thumbnail that the other shows."""
    dy, dx = (
        np.array([_signed(value, size) for value in range(size)], np.intp) for size in padded
    )
    (top, bottom), (left, right) = (
        (np.clip(shift, 0, size), np.clip(shift + size, 0, size)) for shift, size in zip((dy, dx), shape, strict=True)
    )
    back_top, back_left = np.clip(-dy, 0, shape[0]), np.clip(-dx, 0, shape[1])
    tall, wide = np.maximum(bottom - top, 0), np.maximum(right - left, 0)
    first = (top, top + tall, left, left + wide)
    back_top, back_left = np.minimum(back_top, shape[0] - tall), np.minimum(back_left, shape[1] - wide)
    second = (back_top, back_top + tall, back_left, back_left + wide)
    enough = tall[:, None] * wide[None] >= _LEAST_SHARE * shape[0] * shape[1]
    return _Overlaps(first, second, enough)


def _sums(table: NDArray[np.float64], box: tuple[NDArray[np.intp], ...]) -> NDArray[np.float64]:
    top, bottom, left, right = box
    rows = table[bottom] - table[top]
    return np.asarray(rows[:, right] - rows[:, left])


def _keep_near(evidence: NDArray[np.float32], around_px: tuple[float, float], within_px: float) -> None:
    """Set to 0 whatever is not near, in place."""
    reach = within_px / _COARSE + 1
    for axis, (size, middle) in enumerate(zip(evidence.shape, around_px[::-1], strict=True)):
        signed = np.array([_signed(value, size) for value in range(size)])
        far = np.abs(signed - middle / _COARSE) > reach
        evidence[far if axis == 0 else (slice(None), far)] = 0


def _second_best(evidence: NDArray[np.float32], at: tuple[int, int]) -> float:
    rows, columns = (
        np.arange(middle - _APART_PX, middle + _APART_PX + 1) % size
        for middle, size in zip((at[1], at[0]), evidence.shape, strict=True)
    )
    others = evidence.copy()
    others[np.ix_(rows, columns)] = 0
    return float(others.max())


def _signed(value: int, size: int) -> int:
    return value - size if value > size // 2 else value


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
        slope_x, slope_y = cv2.Scharr(moved, -1, 1, 0, scale=1 / 32), cv2.Scharr(moved, -1, 0, 1, scale=1 / 32)
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
    return -0.5 * worth * float(np.log1p(-min(agreement, 0.999) ** 2))
