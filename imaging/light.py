"""The light of a field: its background by mode and slow surface, and white balance from it.

Knows nothing of the stain: after this step the empty slide has one colour everywhere, whatever the camera.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.colour import REFERENCE_BACKGROUND

_TILES = 12
"""Tiles along each side for the surface of the light."""
_STRIDE = 3
"""Every third pixel of every third row tells the mode well enough."""
_NEAR_LEVELS = 4
_STEEPEST = 0.6
"""A tile darker than this share of the brightest is all stain and tells nothing of the light."""
_GRID = 32
"""Knots along each side of the surface."""


def background(field: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the colour of the empty slide (32, 32, 3), RGB levels, on a grid over a field (H, W, 3).

    The mode of each tile and channel, and through the modes a surface of second order.
    """
    sparse = field[::_STRIDE, ::_STRIDE]
    rows, columns = sparse.shape[:2]
    row = np.asarray(np.arange(rows) * _TILES // rows, np.intp)
    column = np.asarray(np.arange(columns) * _TILES // columns, np.intp)
    tile = np.asarray(row[:, None] * _TILES + column, np.intp)
    modes = np.stack([_modes(tile, sparse[..., channel]) for channel in range(3)], 1)
    y, x = (np.indices((_TILES, _TILES)).reshape(2, -1) + 0.5) * 2 / _TILES - 1
    ticks = (np.arange(_GRID) + 0.5) * 2 / _GRID - 1
    at_y, at_x = (grid.ravel() for grid in np.meshgrid(ticks, ticks, indexing="ij"))
    filled = modes[:, 0] > 0
    planes = [_surface(x[filled], y[filled], modes[filled, channel], at_x, at_y) for channel in range(3)]
    return np.stack(planes, -1).reshape(_GRID, _GRID, 3).astype(np.float32)


def balance(field: NDArray[np.uint8], empty: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a field (H, W, 3) as if its empty slide had the reference's colour; `empty` (h, w, 3) lies over it."""
    gain = np.asarray(np.array(REFERENCE_BACKGROUND, np.float32) / empty, np.float32)
    if gain.shape != field.shape:
        gain = np.asarray(cv2.resize(gain, field.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    return np.asarray(cv2.multiply(field, gain, dtype=cv2.CV_8U), np.uint8)


def _modes(tile: NDArray[np.intp], channel: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the commonest level of each tile, to a part of a level; 0 for a tile without pixels."""
    counts = np.bincount((tile * 256 + channel).ravel(), minlength=_TILES**2 * 256).reshape(-1, 256)
    wide = 2 * _NEAR_LEVELS + 1
    padded = np.pad(counts, ((0, 0), (_NEAR_LEVELS, _NEAR_LEVELS)))
    levels = np.arange(-_NEAR_LEVELS, 256 + _NEAR_LEVELS, dtype=np.int64)
    near = np.cumsum(np.pad(padded, ((0, 0), (1, 0))), 1)
    sums = np.cumsum(np.pad(padded * levels, ((0, 0), (1, 0))), 1)
    near, sums = near[:, wide:] - near[:, :-wide], sums[:, wide:] - sums[:, :-wide]
    peak = near.argmax(1)[:, None]
    count = np.take_along_axis(near, peak, 1)[:, 0]
    mode = np.take_along_axis(sums, peak, 1)[:, 0] / np.maximum(count, 1)
    return np.where(count > 0, np.maximum(mode, 1.0), 0.0)


def _surface(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    level: NDArray[np.float64],
    at_x: NDArray[np.float64],
    at_y: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return, at (at_x, at_y), the surface of second order through the levels, stained tiles left out."""
    middle = float(np.median(level))
    keep = (level > _STEEPEST * level.max()) & (np.abs(level - middle) < 0.35 * middle)
    terms = _terms(x, y)
    fit = np.zeros(terms.shape[1])
    for _ in range(3):
        if keep.sum() < 3 * len(fit):
            return np.full(at_x.shape, max(1.0, middle))
        fit = np.linalg.lstsq(terms[keep], level[keep], rcond=None)[0]
        left = np.abs(level - terms @ fit)
        keep = left < max(2.0, 2.5 * float(np.median(left)))
    return np.asarray(np.clip(_terms(at_x, at_y) @ fit, max(1.0, level.min() * 0.8), 255.0))


def _terms(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)
