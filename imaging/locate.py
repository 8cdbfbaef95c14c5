"""Where heads may be: blobs of head colour, thicker than any tail, parted where they touch.

Works at a coarse scale, so that its cost is small and noise is averaged away. Finds generously; outlines and
gates come after. Knows head colour as one figure per pixel, nothing else.
"""

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.outline import Ellipses
from zpscope.imaging.shape import meeting, spread_axes

_THICK_UM = 1.3
"""Nothing thinner is a head: tails, midpieces and most bacteria."""
_SINGLE_UM2 = 12.0
"""A larger blob may be several heads that touch."""
_CORE_LEVELS = (0.5, 0.6, 0.7, 0.8, 0.88, 0.94)
"""Depths at which cores are looked for, as shares of the deepest."""
_FULLER = 0.03
"""Parts fill their convex hulls better than the whole by so much, else the blob is not parted."""
_PART_UM2 = 4.0
"""A part of a blob is at least so large, else the blob is not parted there."""
_SPECK_UM2 = 2.0


def locate(inside: NDArray[np.uint8], um_per_px: float) -> Ellipses:
    """Return an ellipse per blob in `inside` (H, W), 1 where the colour is a head's, else 0; in pixels, row by row."""
    radius = _THICK_UM / 2 / um_per_px
    least_px2 = max(0.0, radius - 2) ** 2 * np.pi
    blobs: list[_Blob] = []
    for outline in cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
        if len(outline) < 2 * (2 * radius - 2):
            continue  # a speck
        x, y, width, height = cv2.boundingRect(outline)
        if min(width, height) >= 2 * radius - 1 and cv2.contourArea(outline) >= least_px2:  # room for a disc
            blobs.append(_Blob(outline, x, y, width, height))
    found = [
        _moments(part, left, top)
        for mask, left, top in _opened(inside, blobs, radius)
        if cv2.countNonZero(mask) * um_per_px**2 >= _SPECK_UM2
        for part in _parts(mask, um_per_px)
    ]
    return _ellipses(np.array(sorted(found, key=lambda one: (one[1], one[0])), np.float64).reshape(-1, 5))


class _Blob(NamedTuple):
    outline: NDArray[Any]
    x: int
    y: int
    width: int
    height: int


def _opened(
    inside: NDArray[np.uint8], blobs: list[_Blob], radius: float
) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
    """Yield what is left of blobs without what is thinner than a disc.

    Masks, and the place in the field of the first pixel of each. Blobs of similar height are laid side by side, so that
    each step is one call for all of them.
    """
    shelves: dict[int, list[int]] = {}
    for i, blob in enumerate(blobs):
        shelves.setdefault((blob.height.bit_length() + 1) // 2, []).append(i)
    boxes = np.array([blob[1:] for blob in blobs]).reshape(-1, 4)
    crowded = meeting(boxes[:, :2], boxes[:, :2] + boxes[:, 2:]).sum(1) > 1
    for shelf in shelves.values():
        starts = list(accumulate((blobs[i].width + 1 for i in shelf), initial=1))
        laid = np.zeros((max(blobs[i].height for i in shelf) + 2, starts[-1]), np.uint8)
        for i, left in zip(shelf, starts, strict=False):
            outline, x, y, width, height = blobs[i]
            whole = inside[y : y + height, x : x + width]
            laid[1 : height + 1, left : left + width] = (
                _filled(outline, x, y, whole) if crowded[i] else whole  # without what reaches into its box
            )
        thick = np.asarray(cv2.morphologyEx(laid, cv2.MORPH_OPEN, _disc(radius)), np.uint8)
        parts = _outer_outlines(thick)
        slots = [bisect_right(starts, part.x) - 1 for part in parts]
        for (outline, x, y, width, height), slot in zip(parts, slots, strict=True):
            mask = thick[y : y + height, x : x + width]
            if slots.count(slot) > 1:
                mask = _filled(outline, x, y, mask)
            blob = blobs[shelf[slot]]
            yield mask, x - starts[slot] + blob.x, y - 1 + blob.y


def _outer_outlines(mask: NDArray[np.uint8]) -> list[_Blob]:
    """Return the pieces of a mask, also those inside the holes of others."""
    outlines, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return []
    outer = [outline for outline, parent in zip(outlines, tree[0, :, 3].tolist(), strict=True) if parent < 0]
    return [_Blob(outline, *cv2.boundingRect(outline)) for outline in outer]


def _filled(outline: NDArray[Any], x: int, y: int, inside: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return that of a window (H, W) at x, y which an outline surrounds."""
    mask = np.zeros(inside.shape, np.uint8)
    cv2.drawContours(mask, [outline], 0, 1, cv2.FILLED, offset=(-x, -y))
    mask &= inside
    return mask


@lru_cache(maxsize=8)
def _disc(radius: float) -> NDArray[np.uint8]:
    """Return a disc (D, D), 1 at all pixels nearer to the middle than `radius`, D odd. Not to be written to."""
    middle = int(radius) + 1
    away = np.ones((2 * middle + 1, 2 * middle + 1), np.uint8)
    away[middle, middle] = 0
    return (cv2.distanceTransform(away, cv2.DIST_L2, 3) < radius).view(np.uint8)


def _parts(mask: NDArray[np.uint8], um_per_px: float) -> list[NDArray[np.uint8]]:
    """Part heads that touch: each has a core of its own, farther from every edge than their contact is."""
    if cv2.countNonZero(mask) * um_per_px**2 < _SINGLE_UM2:
        return [mask]
    depth = np.asarray(cv2.distanceTransform(_padded(mask), cv2.DIST_L2, 5), np.float32)
    whole = _solidity(mask)
    for level in _CORE_LEVELS:
        parts = _around_cores(mask, depth, level * depth.max(), _PART_UM2 / um_per_px**2)
        if len(parts) < 2:
            continue
        fuller = sum(_solidity(part) * part.sum() for part in parts) / mask.sum()
        if fuller > whole + _FULLER:
            return [smaller for part in parts for smaller in _parts(part, um_per_px)]
    return [mask]


def _around_cores(
    mask: NDArray[np.uint8], depth: NDArray[np.float32], least: float, smallest_px2: float
) -> list[NDArray[np.uint8]]:
    """Return the parts of a mask, each nearest to one of its cores deeper than `least`, none tiny."""
    count, cores = cv2.connectedComponents((depth > least).astype(np.uint8))
    while count > 2:
        outside = (cores == 0).astype(np.uint8)
        nearest = np.asarray(cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5)[1], np.int32)
        names = np.zeros(int(nearest.max()) + 1, np.int32)
        names[nearest[cores > 0]] = cores[cores > 0]
        whose = names[nearest][1:-1, 1:-1] * mask
        sizes = np.bincount(whose.ravel(), minlength=count)
        sizes[0] = mask.size
        present = [one for one in range(1, count) if sizes[one] and sizes[one] < mask.size]
        if sizes[present].min() >= smallest_px2:
            return [(whose == one).astype(np.uint8) for one in present]
        tiny = min(present, key=lambda one: int(sizes[one]))
        cores[cores == tiny] = 0
        cores[cores == count - 1] = tiny
        count -= 1
    return [mask]


def _padded(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a mask with a rim of zeros, one pixel wide."""
    return np.asarray(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0), np.uint8)


def _solidity(mask: NDArray[np.uint8]) -> float:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    corners = np.concatenate(contours)
    return float(mask.sum()) / max(1.0, cv2.contourArea(cv2.convexHull(corners)))


def _moments(mask: NDArray[np.uint8], left: int, top: int) -> tuple[float, ...]:
    """Return a mask's centre, x and y, and its spread along x, between x and y, and along y."""
    m = cv2.moments(mask)
    area = m["m00"]
    x, y = m["m10"] / area + left, m["m01"] / area + top
    return (x, y, m["mu20"] / area, m["mu11"] / area, m["mu02"] / area)


def _ellipses(found: NDArray[np.float64]) -> Ellipses:
    """Return the ellipses of N masks from their moments (N, 5)."""
    axis, squares = spread_axes(*found.T[2:])
    axis *= np.where(
        axis[:, :1] < axis[:, 1:], 1, -1
    )  # the end that curves begin at: it decides between equal ones
    return Ellipses(found[:, :2], axis, 2 * np.sqrt(np.maximum(squares, 1.0)))
