"""The light of a field: its background by mode and slow surface, and white balance from it.

Knows nothing of the stain: after this step the empty slide has one colour everywhere, whatever the camera.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.colour import REFERENCE_BACKGROUND
from zpscope.imaging.median import medians

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
    planes = [np.ascontiguousarray(field[::_STRIDE, ::_STRIDE, channel]) for channel in range(3)]
    tile = _tiles(*planes[0].shape)
    both, spans = [_TILES**2, 256], [0, _TILES**2, 0, 256]
    counts = [cv2.calcHist([tile, plane], [0, 1], None, both, spans) for plane in planes]
    levels = _modes(np.asarray(np.concatenate(counts), np.float32)).reshape(3, -1).T
    return _surfaces(levels).reshape(_GRID, _GRID, 3).astype(np.float32)


@lru_cache(maxsize=8)
def _tiles(height: int, width: int) -> NDArray[np.uint8]:
    """Return the number of each pixel's tile (H, W). Not to be written to."""
    rows, columns = (np.arange(side) * _TILES // side for side in (height, width))
    return (rows[:, None] * _TILES + columns).astype(np.uint8)


def balance(field: NDArray[np.uint8], gain: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a field (H, W, 3) as if its empty slide had the reference's colour; `gain` (h, w, 3) lies over it."""
    if gain.shape != field.shape:
        gain = np.asarray(cv2.resize(gain, field.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    return np.asarray(cv2.multiply(field, gain, dtype=cv2.CV_8U), np.uint8)


def gain_of(empty: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return by what an empty slide's colour (..., 3) is multiplied to become the reference's."""
    return np.asarray(np.array(REFERENCE_BACKGROUND, np.float32) / empty, np.float32)


def _modes(counts: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the commonest level of each of M histograms (M, 256), to a part of a level; 0 for an empty one."""
    wide = 2 * _NEAR_LEVELS + 1
    padded = cv2.copyMakeBorder(counts, 0, 0, _NEAR_LEVELS, _NEAR_LEVELS, cv2.BORDER_CONSTANT, value=0)
    sums = cv2.filter2D(counts, -1, np.ones((1, wide)), borderType=cv2.BORDER_CONSTANT)
    levels = sums.argmax(1)[:, None] + np.arange(-_NEAR_LEVELS, _NEAR_LEVELS + 1)
    rows = np.arange(len(padded))[:, None] * padded.shape[1]
    near = np.asarray(np.asarray(padded).take(rows + levels + _NEAR_LEVELS), np.float64)
    count = near.sum(1)
    mode = (near * levels).sum(1) / np.maximum(count, 1)
    return np.where(count > 0, np.maximum(mode, 1.0), 0.0)


def _surfaces(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, on the grid, surfaces of second order through the tiles' levels (tiles, 3), stained tiles left out."""
    known = level[:, 0] > 0
    middle = medians(level[known])
    terms = _TILE_TERMS.shape[1]
    if known.sum() < 3 * terms:
        return np.broadcast_to(np.maximum(1.0, middle), (len(_GRID_TERMS), 3))
    keep = known[:, None] & (level > _STEEPEST * level.max(0)) & (np.abs(level - middle) < 0.35 * middle)
    fitted, fit = np.ones(3, np.bool_), np.zeros((terms, 3))
    for _ in range(3):
        fitted &= keep.sum(0) >= 3 * terms
        kept = np.where(fitted, keep, known[:, None])
        normal = (kept.T @ _PRODUCTS).reshape(3, terms, terms)
        fit = np.asarray(
            np.linalg.solve(normal, ((kept * level).T @ _TILE_TERMS)[..., None])[..., 0].T, np.float64
        )
        left = np.abs(level - _TILE_TERMS @ fit)
        keep = known[:, None] & (left < np.maximum(2.0, 2.5 * medians(left[known])))
    lowest = np.maximum(1.0, level[known].min(0) * 0.8)
    surfaces = np.minimum(np.maximum(_GRID_TERMS @ fit, lowest), 255.0)
    return np.where(fitted, surfaces, np.maximum(1.0, middle))


def _terms(knots: int) -> NDArray[np.float64]:
    """Return the terms of second order (knots², 6) in the middle of each cell of a square grid over the field."""
    ticks = (np.arange(knots) + 0.5) * 2 / knots - 1
    y, x = (grid.ravel() for grid in np.meshgrid(ticks, ticks, indexing="ij"))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)


_TILE_TERMS, _GRID_TERMS = _terms(_TILES), _terms(_GRID)
_PRODUCTS = (_TILE_TERMS[:, :, None] * _TILE_TERMS[:, None]).reshape(len(_TILE_TERMS), -1)
