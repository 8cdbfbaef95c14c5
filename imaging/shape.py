"""Figures of a head from its outline and the shades inside: size, axis, which end is anterior, sharpness.

Knows closed curves along rays and the brightness inside them; no colour space, no gate.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.outline import Ellipses

_ROUNDS = 6


@dataclass(frozen=True)
class Moments:
    """Of N closed polygons."""

    area_px2: NDArray[np.float64]
    """(N,)."""
    centre_px: NDArray[np.float64]
    """(N, 2): x, y."""
    axis: NDArray[np.float64]
    """(N, 2): unit vector along the longest spread."""
    half_px: NDArray[np.float64]
    """(N, 2): half-axes of the ellipse of the same second moments, the longer first."""

    def ellipses(self) -> Ellipses:
        """Return the ellipses of the same second moments."""
        return Ellipses(self.centre_px, self.axis, self.half_px)


def moments(polygons: NDArray[np.float64]) -> Moments:
    """Return area, centre and axes of closed polygons (N, M, 2), x and y, by Green's theorem."""
    origin = polygons[:, 0]
    corners = (polygons - origin[:, None]).transpose(2, 0, 1)
    x, y = corners
    next_x, next_y = np.concatenate([corners[:, :, 1:], corners[:, :, :1]], 2)
    cross = x * next_y - next_x * y
    sum_x, sum_y = x + next_x, y + next_y
    xx, yy = sum_x * sum_x - x * next_x, sum_y * sum_y - y * next_y
    xy = sum_x * sum_y + x * y + next_x * next_y
    signed = cross.sum(1) / 2
    area = np.where(np.abs(signed) < 1e-6, 1e-6, signed)
    sums = np.einsum("knm,nm->nk", np.array([sum_x, sum_y, xx, xy, yy]), cross) / area[:, None]
    centre = sums[:, :2] / 6
    around = sums[:, 2:] / (12, 24, 12) - centre[:, (0, 0, 1)] * centre[:, (0, 1, 1)]
    axis, squares = spread_axes(*around.T)
    return Moments(np.abs(area), centre + origin, axis, 2 * np.sqrt(np.maximum(squares, 0.25)))


def spread_axes(
    xx: NDArray[np.float64], xy: NDArray[np.float64], yy: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return along which axis (N, 2) the spread of N shapes is largest, and the squares along and across it (N, 2)."""
    half_sum, half_difference = (xx + yy) / 2, (xx - yy) / 2
    root = np.hypot(half_difference, xy)
    angle = 0.5 * np.arctan2(xy, half_difference)
    return np.array([np.cos(angle), np.sin(angle)]).T, np.array([half_sum + root, half_sum - root]).T


def mean(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the weighted mean of values (N, R, S) for each of N."""
    return np.asarray(np.einsum("nrs,nrs->n", values, weight) / weight.sum((1, 2)), np.float64)


def pale_direction(
    ways: NDArray[np.float64],
    reaches: NDArray[np.float32],
    shade: NDArray[np.float32],
    both: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return where the paler part lies from the darker (N, 2), how much paler (N,), and the shade between (N,).

    ways (N, R, 2): x and y of rays in pixels, reaches (S,): how far along them samples lie, in their lengths. shade
    (N, R, S): brightness there, both (N, 2, R, S): the area that a sample stands for, and shade times it. The shades
    are parted in two by 2-means, as people part acrosome from post-acrosomal region.
    """
    rows, shades = both.reshape(len(both), 2, -1), shade.reshape(len(shade), -1)
    whole = rows.sum(2)
    cut = above = below = whole[:, 1] / whole[:, 0]
    for _ in range(_ROUNDS):
        pale = (shades > cut[:, None]).astype(np.float32)
        part = (rows @ pale[..., None])[..., 0]
        both_parts = np.array([part, whole - part])
        above, below = both_parts[..., 1] / np.maximum(both_parts[..., 0], 1e-9)
        cut = (above + below) / 2
    pale_weight = (shade > cut[:, None, None]) * both[:, 0]
    along = np.stack([pale_weight, both[:, 0] - pale_weight], 1) @ reaches  # (N, 2, R)
    pale_area = pale_weight.sum((1, 2))
    areas = np.array([pale_area, whole[:, 0] - pale_area]).T
    there, here = (along @ ways / np.maximum(areas, 1e-9)[..., None]).transpose(1, 0, 2)
    return there - here, above - below, cut


def shading(
    along: NDArray[np.float64],
    reaches: NDArray[np.float32],
    shade: NDArray[np.float32],
    both: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Return how far shades follow the heading (N,): the correlation of shade with place along it, -1 to 1.

    along (N, R): how far rays go along it; the others as for `pale_direction`.
    """
    sums = (both @ np.stack([np.ones_like(reaches), reaches, reaches**2], 1)).astype(
        np.float64
    )  # (N, 2, R, 3)
    total, shades = sums[..., 0].sum(2).T
    mean_shade = shades / total
    (first, second), (shaded, _) = sums[..., 1:].transpose(1, 3, 0, 2)
    middle = (along * first).sum(1) / total
    spread = (along**2 * second).sum(1) - middle**2 * total
    together = (along * (shaded - mean_shade[:, None] * first)).sum(1)
    shaded_again = (both[:, 1].reshape(len(both), 1, -1) @ shade.reshape(len(shade), -1, 1))[:, 0, 0]
    squares = shaded_again - mean_shade * shades
    return np.asarray(together / np.sqrt(np.maximum(spread * squares, 1e-12)))


def meeting(low: NDArray[Any], high: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which of N boxes, from low to high (N, 2), have which others, or themselves, in part inside (N, N)."""
    before = (low[:, None] < high).all(2)
    return np.asarray(before & before.T)
