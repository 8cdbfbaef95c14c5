"""The outline of a head, put where people draw it.

Around a first guess (an ellipse) the field is sampled along rays; of all closed curves that cross every ray once
and bend little, the one is taken that parts head colours from others and follows the edge. A tail leaves through
a gap in that edge, which the curve closes; a head that touches another ends where its own curve bends back.
Knows rays and shades: no colour space, no gate.
"""

from dataclasses import dataclass

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
_NEVER = 1e6


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


def directions() -> NDArray[np.float64]:
    """Return the unit circle (RAYS, 2) that the rays go through."""
    angle = np.arange(RAYS) * (2 * np.pi / RAYS)
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def points(ellipses: Ellipses, reach: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points (N, RAYS, 2), x and y, at `reach` (N, RAYS) radii along each ray."""
    return spokes(ellipses) * reach[..., None] + ellipses.centre_px[:, None]


def spokes(ellipses: Ellipses) -> NDArray[np.float64]:
    """Return from each centre to its ellipse along each ray (N, RAYS, 2), x and y."""
    across = np.stack([-ellipses.axis[:, 1], ellipses.axis[:, 0]], 1)
    circle = directions()
    return np.asarray(
        circle[None, :, :1] * (ellipses.axis * ellipses.half_px[:, :1])[:, None]
        + circle[None, :, 1:] * (across * ellipses.half_px[:, 1:])[:, None]
    )


def reaches() -> NDArray[np.float64]:
    """Return how far along a ray its samples lie (STEPS,), in radii."""
    return np.linspace(NEAR, FAR, STEPS)


def closed_curves(headness: NDArray[np.float32], shade: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the reach (N, RAYS) of the best closed curve of each head.

    headness (N, RAYS, STEPS): 0 to 1, how much a sample has a head's colour. shade (N, RAYS, STEPS): brightness
    against the empty slide, 1 for it. The curve goes round once and a half; the ends, which need not meet, are
    left out.
    """
    cost = _costs(headness, shade)
    around = np.concatenate([cost[:, -_OVERLAP:], cost, cost[:, :_OVERLAP]], 1)
    path = _best_path(around)[:, _OVERLAP:-_OVERLAP]
    return NEAR + _between_steps(cost, path) * (FAR - NEAR) / (STEPS - 1)


def _costs(headness: NDArray[np.float32], shade: NDArray[np.float32]) -> NDArray[np.float32]:
    rise = np.zeros_like(shade)
    rise[..., 2:-2] = shade[..., 4:] + shade[..., 3:-1] - shade[..., 1:-3] - shade[..., :-4]
    edge = np.maximum(rise, 0)
    edge /= edge + 0.25
    region = np.cumsum(0.5 - headness, axis=-1)
    return np.asarray(8 * REGION_WEIGHT / STEPS * region - EDGE_WEIGHT * edge, np.float32)


def _best_path(cost: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the step (N, R) per ray of the cheapest path over cost (N, R, S), R even, by dynamic programming.

    From both ends at once, so that half as many sums follow one another; the two halves meet in the middle.
    """
    number, rays, steps = cost.shape
    half = rays // 2
    moves = np.arange(-_LARGEST_BEND, _LARGEST_BEND + 1)
    bend = (_BEND * moves**2).astype(np.float32)
    within = slice(_LARGEST_BEND, -_LARGEST_BEND)
    totals = np.full((half, 2 * number, steps + 2 * _LARGEST_BEND), _NEVER, np.float32)
    by_ray = np.empty((half, 2 * number, steps), np.float32)
    by_ray[:, :number] = cost[:, :half].transpose(1, 0, 2)
    by_ray[:, number:] = cost[:, : half - 1 : -1].transpose(1, 0, 2)
    totals[0, :, within] = by_ray[0]
    # (half, moves, 2 N, S): the totals of the ray before, from which each move comes
    before = np.lib.stride_tricks.sliding_window_view(totals, steps, axis=2).transpose(0, 2, 1, 3)
    ways = np.empty((len(moves), 2 * number, steps), np.float32)
    bends = bend[:, None, None]
    cheapest = np.empty((2 * number, steps), np.float32)
    for to, come, ray in zip(totals[1:, :, within], before, by_ray[1:], strict=False):
        np.add(come, bends, out=ways)
        np.minimum.reduce(ways, out=cheapest)
        np.add(cheapest, ray, out=to)
    meeting = before[-1, :, :number] + bends + totals[-1, None, number:, within]
    move, step = np.divmod(meeting.transpose(1, 0, 2).reshape(number, len(moves) * steps).argmin(1), steps)
    path = np.empty((half, 2 * number), np.intp)
    path[-1] = np.concatenate([step + move - _LARGEST_BEND, step])
    flat = totals.reshape(half, -1)
    rows = np.arange(2 * number, dtype=np.intp)[:, None]
    near = np.asarray(rows * totals.shape[2] + moves + _LARGEST_BEND, np.intp)
    for ray in range(half - 1, 0, -1):
        chosen = (flat[ray - 1].take(near + path[ray][:, None]) + bend).argmin(1)
        path[ray - 1] = path[ray] + chosen - _LARGEST_BEND
    return np.concatenate([path[:, :number], path[::-1, number:]]).T


def _between_steps(cost: NDArray[np.float32], path: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the path with the fraction of a step that a parabola through the neighbouring costs gives."""
    inner = np.clip(path, 1, STEPS - 2)
    at = np.asarray(inner + np.arange(inner.size).reshape(inner.shape) * STEPS, np.intp)
    a, b, c = (cost.take(at + k) for k in (-1, 0, 1))
    bow = a - 2 * b + c
    shift = np.where(bow > 1e-6, 0.5 * (a - c) / np.where(bow > 1e-6, bow, 1), 0)
    raw = inner + np.clip(shift, -0.5, 0.5)
    return np.asarray((np.roll(raw, 1, 1) + 2 * raw + np.roll(raw, -1, 1)) / 4, np.float64)
