"""What lies beside an object: how much of a head another one hides, and how far the nearest cell is.

Knows closed outlines; no pixels, no gate.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.shape import meeting

_FREE_UM = 0.4
"""Outline that is so far from the next object's is the head's own."""
_LEAST_FREE = 24
"""Points of free outline that tell an ellipse; with fewer all of them are taken."""

Outlines = NDArray[np.float64]
"""(N, M, 2): x, y in pixels."""


def hidden(outlines: Outlines, heads: NDArray[np.bool_], um_per_px: float) -> NDArray[np.float64]:
    """Return the share (N,) of each of `heads` (N,) that others of them lie on; 0 for the other objects.

    Where two heads lie on one another the outlines part them somewhere; so whole ellipses are fitted to what of each
    outline is free, and it is asked how much of one lies in another.
    """
    shares = np.zeros(len(outlines))
    free_px = _FREE_UM / um_per_px
    near = _near(outlines, heads, heads, free_px)
    ellipses = {
        i: _ellipse(_free(outlines[i], [outlines[j] for j in others], free_px)) for i, others in near.items()
    }
    for i, others in near.items():
        to_field, _, centre = ellipses[i]
        covered = np.zeros(_DISC.shape[1], np.bool_)
        for _, to_circle, its_centre in (ellipses[j] for j in others if j in ellipses):
            x, y = to_circle @ to_field @ _DISC + (to_circle @ (centre - its_centre))[:, None]
            covered |= x * x + y * y < 1
        shares[i] = covered.mean()
    return shares


def from_cells_um(
    outlines: Outlines, cells: NDArray[np.bool_], within_um: float, um_per_px: float
) -> NDArray[np.float64]:
    """Return how far (N,) each object is from the nearest of `cells` (N,); infinite beyond `within_um`."""
    apart_um = np.full(len(outlines), np.inf)
    for i, others in _near(outlines, ~cells, cells, within_um / um_per_px).items():
        depth_um = max(_depths_px(outlines[i], outlines[j]).max() for j in others) * um_per_px
        if -depth_um <= within_um:
            apart_um[i] = max(0.0, -depth_um)
    return apart_um


def _near(
    outlines: Outlines, which: NDArray[np.bool_], others: NDArray[np.bool_], reach_px: float
) -> dict[int, list[int]]:
    """Return for each object of `which` those of `others` whose box is so near, if there are any."""
    if not (which.any() and others.any()):
        return {}
    sides = outlines.transpose(2, 0, 1).copy()
    near = meeting(sides.min(2).T, sides.max(2).T + reach_px) & which[:, None] & others
    np.fill_diagonal(near, val=False)
    return {i: np.flatnonzero(near[i]).tolist() for i in np.flatnonzero(near.any(1)).tolist()}


def _depths_px(points: NDArray[np.float64], outline: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how deep each point (P, 2) lies inside an outline (M, 2); below 0 outside of it."""
    closed = outline.astype(np.float32)
    depths = [cv2.pointPolygonTest(closed, (x, y), measureDist=True) for x, y in points.tolist()]
    return np.array(depths, np.float64)


def _free(
    outline: NDArray[np.float64], others: list[NDArray[np.float64]], free_px: float
) -> NDArray[np.float64]:
    """Return the points of an outline (M, 2) that lie so far outside of all others, or all if they are few."""
    free = np.ones(len(outline), np.bool_)
    for other in others:
        low, high = other.min(0), other.max(0)
        close = np.flatnonzero(((outline > low - free_px) & (outline < high + free_px)).all(1))
        free[close] &= _depths_px(outline[close], other) < -free_px
    return outline[free] if free.sum() >= _LEAST_FREE else outline


def _ellipse(
    points: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return of the ellipse through points (M, 2) what makes the unit circle it, and it the circle, and its centre."""
    centre, axes, angle_deg = cv2.fitEllipseDirect(points.astype(np.float32)[:, None])
    turned = math.radians(angle_deg)
    cos, sin = math.cos(turned), math.sin(turned)
    turn, half = np.array([[cos, -sin], [sin, cos]]), np.maximum(axes, 1.0) / 2
    return turn * half, turn.T / half[:, None], np.array(centre)


def _disc() -> NDArray[np.float64]:
    """Return x and y (2, P) of points spread evenly over the disc of radius 1."""
    axis = (np.arange(20) - 9.5) / 10
    points = np.stack(np.meshgrid(axis, axis)).reshape(2, -1)
    return np.asarray(points[:, np.hypot(*points) < 1])


_DISC = _disc()
