"""What lies beside an object: how much of a head another one hides, and how far the nearest cell is.

Knows closed outlines; no pixels, no gate.
"""

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
    near = _near(outlines, heads, heads, _FREE_UM / um_per_px)
    ellipses = {
        i: _ellipse(
            outlines[i], np.max([_depths_px(outlines[i], outlines[j]) for j in others], axis=0), um_per_px
        )
        for i, others in near.items()
    }
    for i, others in near.items():
        turn, centre = ellipses[i]
        spread = _DISC @ turn.T + centre
        covered = np.zeros(len(spread), np.bool_)
        for other, its_centre in (ellipses[j] for j in others if j in ellipses):
            covered |= np.linalg.norm(np.linalg.solve(other, (spread - its_centre).T), axis=0) < 1
        shares[i] = covered.mean()
    return shares


def from_cells_um(
    outlines: Outlines, cells: NDArray[np.bool_], within_um: float, um_per_px: float
) -> NDArray[np.float64]:
    """Return how far (N,) each object is from the nearest of `cells` (N,); infinite beyond `within_um`."""
    apart_um = np.full(len(outlines), np.inf)
    for i, others in _near(outlines, ~cells, cells, within_um / um_per_px).items():
        depth_um = max(float(_depths_px(outlines[i], outlines[j]).max()) for j in others) * um_per_px
        if -depth_um <= within_um:
            apart_um[i] = max(0.0, -depth_um)
    return apart_um


def _near(
    outlines: Outlines, which: NDArray[np.bool_], others: NDArray[np.bool_], reach_px: float
) -> dict[int, list[int]]:
    """Return for each object of `which` those of `others` whose box is so near, if there are any."""
    if not (which.any() and others.any()):
        return {}
    near = meeting(outlines.min(1), outlines.max(1) + reach_px) & which[:, None] & others
    np.fill_diagonal(near, val=False)
    return {i: np.flatnonzero(near[i]).tolist() for i in np.flatnonzero(near.any(1)).tolist()}


def _depths_px(points: NDArray[np.float64], outline: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how deep each point (M, 2) lies inside an outline (M, 2) that every ray from its middle leaves once.

    Below 0 outside of it; to the nearest of the outline's points, which lie 0.2 µm apart.
    """
    middle = outline.mean(0)
    rim, here = outline - middle, points - middle
    squares = (here**2).sum(1)[:, None] + (rim**2).sum(1) - 2 * here @ rim.T
    apart = np.sqrt(np.maximum(squares.min(1), 0))
    way, rim_way = np.arctan2(here[:, 1], here[:, 0]), np.arctan2(rim[:, 1], rim[:, 0])
    reach = np.asarray(np.interp(way, rim_way, np.linalg.norm(rim, axis=1), period=2 * np.pi), np.float64)
    return np.asarray(np.where(np.linalg.norm(here, axis=1) < reach, apart, -apart), np.float64)


def _ellipse(
    outline: NDArray[np.float64], depth_px: NDArray[np.float64], um_per_px: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what makes the unit circle the whole ellipse, (2, 2), and the centre (2,)."""
    free = outline[depth_px * um_per_px < -_FREE_UM]
    told = free if len(free) >= _LEAST_FREE else outline
    centre, axes, angle_deg = cv2.fitEllipseDirect(told.astype(np.float32)[:, None])
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return np.array([[cos, -sin], [sin, cos]]) * np.maximum(axes, 1.0) / 2, np.array(centre)


def _disc() -> NDArray[np.float64]:
    """Return points (P, 2) spread evenly over the disc of radius 1."""
    axis = (np.arange(20) - 9.5) / 10
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    return np.asarray(points[np.hypot(points[:, 0], points[:, 1]) < 1])


_DISC = _disc()
