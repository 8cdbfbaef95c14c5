"""The outline of a head, put where people draw it.

Around a first guess (an ellipse) the field is sampled along rays; of all closed curves that cross every ray once
and bend little, the one is taken that parts head colours from others and follows the edge. A tail leaves through
a gap in that edge, which the curve closes; a head that touches another ends where its own curve bends back.
Knows rays and shades: no colour space, no gate.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

RAYS = 64
STEPS = 56
NEAR, FAR = 0.35, 1.75
"""Where rays begin and end, in radii of the ellipse."""
EDGE_WEIGHT = 6.0
REGION_WEIGHT = 1.0
_BEND = 0.1
_LARGEST_BEND = 2
_OVERLAP = RAYS // 4
_UNIT = 1 << 17
"""Costs are summed as whole numbers of so many to 1: a path costs less than 1000, and the number of the last move
still fits below, in the lowest bits."""
_MOVE_BITS = 3
_MOVES = (1 << _MOVE_BITS) - 1
_NEVER = 1000 * _UNIT << _MOVE_BITS


@dataclass(frozen=True)
class Ellipses:
    """First guesses of N heads."""

    centre_px: NDArray[np.float64]
    """(N, 2): x, y."""
    axis: NDArray[np.float64]
    """(N, 2): unit vector along the longer half-axis."""
    half_px: NDArray[np.float64]
    """(N, 2): longer and shorter half-axis."""

    def rows(self, which: NDArray[np.bool_]) -> "Ellipses":
        """Return those of `which` (N,)."""
        return Ellipses(self.centre_px[which], self.axis[which], self.half_px[which])

    def with_rows(self, which: NDArray[np.bool_], others: "Ellipses") -> "Ellipses":
        """Return them with those of `others` (N) in the place of `which` (N,)."""
        mine = ~which[:, None]
        return Ellipses(
            np.where(mine, self.centre_px, others.centre_px),
            np.where(mine, self.axis, others.axis),
            np.where(mine, self.half_px, others.half_px),
        )


def spokes(ellipses: Ellipses) -> NDArray[np.float64]:
    """Return from each centre to its ellipse along each ray (N, RAYS, 2), x and y."""
    along = ellipses.axis * ellipses.half_px[:, :1]
    across = ellipses.axis[:, ::-1] * ellipses.half_px[:, 1:] * (-1, 1)
    return np.asarray(_CIRCLE @ np.stack([along, across], 1))


REACHES = np.linspace(NEAR, FAR, STEPS)
"""How far along a ray its samples lie (STEPS,), in radii."""
ANGLES = np.arange(RAYS) * (2 * np.pi / RAYS)
"""Where around the unit circle the rays go through (RAYS,)."""
_CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)


def running(headness: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the sums of headness (N, RAYS, STEPS) along each ray, up to and with each sample."""
    rows = headness.reshape(-1, STEPS)
    sums = np.asarray(cv2.integral(rows), np.int32)
    return np.asarray(np.diff(sums[:, 1:], axis=0).reshape(headness.shape), np.int32)


def closed_curves(
    headness: NDArray[np.int32], shade: NDArray[np.uint8], white: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the reach (N, RAYS) of the best closed curve of each head.

    headness (N, RAYS, STEPS): running sums of 0 to 255, how much a sample has a head's colour. shade
    (N, RAYS, STEPS): brightness. white (N,): that of the empty slide. The curve goes round once and a half; the ends,
    which need not meet, are left out.
    """
    cost = _costs(headness, shade, white)
    return np.asarray(NEAR + _between_steps(cost, _best_path(cost)) * (FAR - NEAR) / (STEPS - 1))


def _costs(
    headness: NDArray[np.int32], shade: NDArray[np.uint8], white: NDArray[np.float32]
) -> NDArray[np.int32]:
    """Return the cost of each sample (N, RAYS, STEPS), in parts of `_UNIT` and with room for a move below."""
    # Along all rays at once, and then without what reaches from one ray into the next.
    shades = shade.reshape(-1).astype(np.int16)
    rise = np.zeros(shade.shape, np.int16)
    rise.reshape(-1)[2:-2] = shades[4:] + shades[3:-1] - shades[1:-3] - shades[:-4]
    rise[..., :2], rise[..., -2:] = 0, 0
    edge = np.maximum(rise, 0).astype(np.float32)
    edge /= edge + 0.25 * white[:, None, None]
    region = np.subtract(_EVEN, headness, dtype=np.float32)
    whole = np.float32(_UNIT << _MOVE_BITS)
    cost = region * (whole * np.float32(8 * REGION_WEIGHT / STEPS / 255))
    cost -= edge * (whole * np.float32(EDGE_WEIGHT))
    return np.asarray(cost.astype(np.int32) & ~_MOVES, np.int32)


_EVEN = 127.5 * np.arange(1, STEPS + 1, dtype=np.float32)
"""Running sums of what is as like a head as not."""


def _best_path(cost: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return the step (N, RAYS) per ray of the cheapest path over cost (N, RAYS, STEPS), by dynamic programming.

    From both ends at once, so that half as many sums follow one another; the two halves meet in the middle. The
    number of the move that was cheapest rides in the lowest bits of each sum.
    """
    number = len(cost)
    half = RAYS // 2 + _OVERLAP
    first = np.arange(-_OVERLAP, RAYS // 2)
    wide = STEPS + 2 * _LARGEST_BEND
    totals = np.full((half, 2 * number, wide), _NEVER, np.int32)
    by_ray = cost.transpose(1, 0, 2)
    inner = slice(_LARGEST_BEND, -_LARGEST_BEND)
    totals[:, :number, inner] = by_ray[first]
    totals[:, number:, inner] = by_ray[(RAYS - 1 - first) % RAYS]
    # One row per ray: a move of so many steps is a shift by as many numbers, and between two heads nothing is cheap.
    row = 2 * number * wide
    sums = totals.reshape(half, row)
    width = row - 2 * _LARGEST_BEND
    shifted = np.ndarray(
        (half, len(_BENDS), width), np.int32, totals, 0, (4 * row, 4, 4)
    )  # views, not copies
    ways = np.empty((len(_BENDS), width), np.int32)
    cheapest = np.zeros((half, row), np.int32)
    kept = np.empty(width, np.int32)
    for come, best, to in zip(shifted, cheapest[1:, inner], sums[1:, inner], strict=False):
        np.add(come, _BENDS, out=ways)
        np.minimum.reduce(ways, out=best)
        np.bitwise_and(best, ~_MOVES, out=kept)
        to += kept
    np.add(shifted[-1], _BENDS, out=ways)
    meeting = np.zeros(row, np.int32)
    np.minimum.reduce(ways, out=meeting[inner])
    meeting = meeting.reshape(2 * number, wide)[:number, inner]
    step = ((meeting & ~_MOVES) + totals[-1, number:, inner]).argmin(1)
    before = step + (meeting[np.arange(number), step] & _MOVES) - _LARGEST_BEND
    # Back along both halves: places in `cheapest`, each by its move away from the one after it.
    back = (cheapest[_OVERLAP:] & _MOVES) - (row + _LARGEST_BEND)
    starts = np.arange(2 * number) * wide + _LARGEST_BEND
    path = np.empty((RAYS // 2, 2 * number), np.intp)
    at = (len(path) - 1) * row + starts + np.concatenate([before, step])
    path[-1] = at
    for ray in range(RAYS // 2 - 2, -1, -1):
        at = at + back.take(at)
        path[ray] = at
    path -= starts + np.arange(len(path))[:, None] * row
    return np.ascontiguousarray(np.concatenate([path[:, :number], path[::-1, number:]]).T)


def _bends() -> NDArray[np.int32]:
    """Return the cost of each move (moves, 1), its number in the lowest bits."""
    moves = np.arange(2 * _LARGEST_BEND + 1)
    costs = np.rint(_BEND * (moves - _LARGEST_BEND) ** 2 * _UNIT).astype(np.int32)
    return np.asarray(costs << _MOVE_BITS | moves, np.int32)[:, None]


_BENDS = _bends()


def _between_steps(cost: NDArray[np.int32], path: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the path with the fraction of a step that a parabola through the neighbouring costs gives."""
    inner = np.minimum(np.maximum(path, 1), STEPS - 2)
    at = inner + np.arange(inner.size, dtype=np.intp).reshape(inner.shape) * STEPS
    a, b, c = cost.take(at + _NEIGHBOURS).astype(np.float64)
    bow = a - 2 * b + c
    shift = np.divide(0.5 * (a - c), bow, out=np.zeros_like(bow), where=bow > 0)
    raw = inner + np.minimum(np.maximum(shift, -0.5), 0.5)
    around = np.concatenate([raw[:, -1:], raw, raw[:, :1]], 1)
    return np.asarray((around[:, :-2] + 2 * raw + around[:, 2:]) / 4, np.float64)


_NEIGHBOURS = np.arange(-1, 2)[:, None, None]
