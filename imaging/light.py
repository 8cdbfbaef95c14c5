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
    tile = np.asarray(row[:, None] * _TILES + column, np.intp) * 256
    levels = [_modes(tile, sparse[..., channel]) for channel in range(3)]
    return _surfaces(np.stack(levels, 1)).reshape(_GRID, _GRID, 3).astype(np.float32)


def balance(field: NDArray[np.uint8], empty: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a field (H, W, 3) as if its empty slide had the reference's colour; `empty` (h, w, 3) lies over it."""
    gain = gain_of(empty)
    if gain.shape != field.shape:
        gain = np.asarray(cv2.resize(gain, field.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    return np.asarray(cv2.multiply(field, gain, dtype=cv2.CV_8U), np.uint8)


def gain_of(empty: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return by what an empty slide's colour (..., 3) is multiplied to become the reference's."""
    return np.asarray(np.array(REFERENCE_BACKGROUND, np.float32) / empty, np.float32)


def _modes(tile: NDArray[np.intp], channel: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the commonest level of each tile, to a part of a level; 0 for a tile without pixels.

    tile (h, w): 256 times the number of each pixel's tile. channel (h, w): its level.
    """
    counts = np.bincount((tile + channel).ravel(), minlength=_TILES**2 * 256).reshape(-1, 256)
    wide = 2 * _NEAR_LEVELS + 1
    padded = np.zeros((len(counts), 256 + wide), np.int32)
    padded[:, _NEAR_LEVELS + 1 : -_NEAR_LEVELS] = counts
    sums = np.cumsum(padded, 1, np.int32)
    peak = (sums[:, wide:] - sums[:, :-wide]).argmax(1)[:, None] + np.arange(1, wide + 1)
    first = np.arange(len(padded), dtype=np.intp)[:, None] * padded.shape[1]
    near = padded.take(np.asarray(first + peak, np.intp))
    count = near.sum(1)
    mode = (near * (peak - _NEAR_LEVELS - 1)).sum(1) / np.maximum(count, 1)
    return np.where(count > 0, np.maximum(mode, 1.0), 0.0)


def _surfaces(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, on the grid, surfaces of second order through the tiles' levels (tiles, 3), stained tiles left out."""
    known = level[:, 0] > 0
    middle = np.median(level[known], axis=0)
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
        keep = known[:, None] & (left < np.maximum(2.0, 2.5 * np.median(left[known], axis=0)))
    lowest = np.maximum(1.0, level[known].min(0) * 0.8)
    return np.where(fitted, np.clip(_GRID_TERMS @ fit, lowest, 255.0), np.maximum(1.0, middle))


def _terms(knots: int) -> NDArray[np.float64]:
    """Return the terms of second order (knots², 6) in the middle of each cell of a square grid over the field."""
    ticks = (np.arange(knots) + 0.5) * 2 / knots - 1
    y, x = (grid.ravel() for grid in np.meshgrid(ticks, ticks, indexing="ij"))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)


_TILE_TERMS, _GRID_TERMS = _terms(_TILES), _terms(_GRID)
_PRODUCTS = (_TILE_TERMS[:, :, None] * _TILE_TERMS[:, None]).reshape(len(_TILE_TERMS), -1)
