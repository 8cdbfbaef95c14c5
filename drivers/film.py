"""The film of protein that dries on a smear: smooth noise over the endless slide, the same wherever it is asked for.

Knows no field and no sensor; the value at a place depends on the seed and the place alone.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

_NODE_UM = 1.2
_OCTAVES = ((1, 0.25), (4, 0.35), (14, 0.4))
"""Wavelength in nodes, and weight, of what is added up."""


def film_density(
    seed: int, corner_um: NDArray[np.float64], shape_px: tuple[int, int], um_per_px: float
) -> NDArray[np.float32]:
    """Return the film's optical density (H, W), 0 to about 0.1, of a field whose first pixel is at `corner_um`."""
    height, width = shape_px
    first = [int(np.floor(value / _NODE_UM)) - 1 for value in corner_um]
    columns = int(np.ceil(width * um_per_px / _NODE_UM)) + 4
    rows = int(np.ceil(height * um_per_px / _NODE_UM)) + 4
    xs, ys = np.arange(first[0], first[0] + columns), np.arange(first[1], first[1] + rows)
    nodes = sum(
        (weight * _waves(seed + 101 * step, xs, ys, step) for step, weight in _OCTAVES),
        np.zeros((rows, columns)),
    )
    density = (0.16 * np.clip(nodes - 0.45, 0, None)).astype(np.float32)
    step = um_per_px / _NODE_UM
    place = np.array(
        [[step, 0, corner_um[0] / _NODE_UM - first[0]], [0, step, corner_um[1] / _NODE_UM - first[1]]],
        np.float64,
    )
    warped = cv2.warpAffine(density, place, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(warped, np.float32)


def _waves(seed: int, xs: NDArray[np.int64], ys: NDArray[np.int64], step: int) -> NDArray[np.float64]:
    """Return noise (len(ys), len(xs)), 0 to 1, that varies over `step` nodes."""
    x0, y0 = xs // step, ys // step
    fx, fy = (_ease((axis - low * step) / step) for axis, low in ((xs, x0), (ys, y0)))
    top = _hash(seed, x0, y0) * (1 - fx) + _hash(seed, x0 + 1, y0) * fx
    bottom = _hash(seed, x0, y0 + 1) * (1 - fx) + _hash(seed, x0 + 1, y0 + 1) * fx
    return np.asarray(top * (1 - fy[:, None]) + bottom * fy[:, None])


def _ease(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return share * share * (3 - 2 * share)


def _hash(seed: int, xs: NDArray[np.int64], ys: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a number (len(ys), len(xs)), 0 to 1, for every lattice point; wraps in 32 bits on purpose."""
    key = xs.astype(np.uint32) * np.uint32(374761393) + (ys.astype(np.uint32) * np.uint32(668265263))[:, None]
    key = (key ^ np.uint32(seed * 2654435761 & 0xFFFFFFFF)) * np.uint32(2246822519)
    key = (key ^ (key >> np.uint32(15))) * np.uint32(3266489917)
    return np.asarray((key ^ (key >> np.uint32(16))) / 4294967296.0)
