"""Figures of a head from its outline and the shades inside: size, axis, which end is anterior, sharpness.

Knows closed curves along rays and the brightness inside them; no colour space, no gate.
"""

from dataclasses import dataclass

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
    origin = polygons.mean(1, keepdims=True)
    here = polygons - origin
    then = np.roll(here, -1, axis=1)
    x0, y0, x1, y1 = here[..., 0], here[..., 1], then[..., 0], then[..., 1]
    cross = x0 * y1 - x1 * y0
    signed = cross.sum(1) / 2
    area = np.where(np.abs(signed) < 1e-6, 1e-6, signed)
    centre = np.stack([((x0 + x1) * cross).sum(1), ((y0 + y1) * cross).sum(1)], 1) / (6 * area[:, None])
    xx = ((x0 * x0 + x0 * x1 + x1 * x1) * cross).sum(1) / (12 * area) - centre[:, 0] ** 2
    yy = ((y0 * y0 + y0 * y1 + y1 * y1) * cross).sum(1) / (12 * area) - centre[:, 1] ** 2
    xy = ((x0 * y1 + 2 * x0 * y0 + 2 * x1 * y1 + x1 * y0) * cross).sum(1) / (24 * area)
    xy = xy - centre[:, 0] * centre[:, 1]
    half_sum, half_difference = (xx + yy) / 2, (xx - yy) / 2
    root = np.hypot(half_difference, xy)
    angle = 0.5 * np.arctan2(xy, half_difference)
    squares = np.stack([half_sum + root, half_sum - root], 1)
    return Moments(
        np.abs(area),
        centre + origin[:, 0],
        np.stack([np.cos(angle), np.sin(angle)], 1),
        2 * np.sqrt(np.maximum(squares, 0.25)),
    )


def pale_direction(
    places: NDArray[np.float32], shade: NDArray[np.float32], weight: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return where the paler part lies from the darker (N, 2), how much paler (N,), and the shade between (N,).

    places (2, N, S), x and y in pixels, shade (N, S) brightness there, weight (N, S) area that a sample stands for. The
    shades are parted in two by 2-means, as people part acrosome from post-acrosomal region.
    """
    total = weight.sum(1)
    shades = shade * weight
    shades_total = shades.sum(1)
    cut = above = below = shades_total / total
    for _ in range(_ROUNDS):
        pale = shade > cut[:, None]
        pale_total, pale_shades = (pale * weight).sum(1), (pale * shades).sum(1)
        above = pale_shades / np.maximum(pale_total, 1e-9)
        below = (shades_total - pale_shades) / np.maximum(total - pale_total, 1e-9)
        cut = (above + below) / 2
    pale_weight = (shade > cut[:, None]) * weight
    there = _mean_place(places, pale_weight)
    here = _mean_place(places, weight - pale_weight)
    return there - here, above - below, cut


def _mean_place(places: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray((places * weight).sum(2) / np.maximum(weight.sum(1), 1e-9)).T


def shading(
    places: NDArray[np.float32],
    heading: NDArray[np.float64],
    shade: NDArray[np.float32],
    weight: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Return how far shades follow the heading (N,): the correlation of shade with place along it, -1 to 1.

    heading (N, 2) unit vectors; the others as for `pale_direction`.
    """
    x, y = places
    along = x * heading[:, :1] + y * heading[:, 1:]
    total = weight.sum(1)
    along = along - ((along * weight).sum(1) / total)[:, None]
    lighter = shade - ((shade * weight).sum(1) / total)[:, None]
    spreads = (along**2 * weight).sum(1) * (lighter**2 * weight).sum(1)
    return np.asarray((along * lighter * weight).sum(1) / np.sqrt(np.maximum(spreads, 1e-12)))
