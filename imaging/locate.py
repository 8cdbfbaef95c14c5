"""Where heads may be: blobs of head colour, thicker than any tail, parted where they touch.

Works at a coarse scale, so that its cost is small and noise is averaged away. Finds generously; outlines and
gates come after. Knows head colour as one figure per pixel, nothing else.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.outline import Ellipses

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


def locate(headness: NDArray[np.uint8], um_per_px: float) -> Ellipses:
    """Return an ellipse per blob in the field `headness` (H, W), 0 to 255, in its own pixels, row by row."""
    inside = _padded((headness >= 128).astype(np.uint8))
    radius = _THICK_UM / 2 / um_per_px
    smallest_px2 = _SPECK_UM2 / um_per_px**2
    least_px2 = max(0.0, radius - 2) ** 2 * np.pi
    found: list[tuple[float, ...]] = []
    for outline in cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
        x, y, width, height = cv2.boundingRect(outline)
        if min(width, height) < 2 * radius - 1 or cv2.contourArea(outline) < least_px2:
            continue  # no room for a disc
        left, top = x - 1, y - 1
        blob = np.zeros((height + 2, width + 2), np.uint8)
        cv2.drawContours(blob, [outline], 0, 1, cv2.FILLED, offset=(-left, -top))
        blob &= inside[top : top + height + 2, left : left + width + 2]
        for mask, right, down in _opened(blob, radius, smallest_px2):
            found += [_moments(part, left + right, top + down) for part in _parts(mask, um_per_px)]
    return _ellipses(np.array(sorted(found, key=lambda one: (one[1], one[0])), np.float64).reshape(-1, 5))


def _opened(
    blob: NDArray[np.uint8], radius: float, smallest_px2: float
) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
    """Yield what is left of a blob (H, W), 0 along its edges, without what is thinner than a disc, and its place.

    Masks, none tiny, and how many pixels right of and below the blob's first inner pixel each begins.
    """
    depth = np.asarray(cv2.distanceTransform(blob, cv2.DIST_L2, 3), np.float32)
    thin = (depth < radius).view(np.uint8)
    if thin.all():
        return
    away = np.asarray(cv2.distanceTransform(thin, cv2.DIST_L2, 3), np.float32)
    thick = (away < radius).view(np.uint8) & blob
    _, labels, boxes, _ = cv2.connectedComponentsWithStatsWithAlgorithm(thick, 8, cv2.CV_32S, cv2.CCL_BBDT)
    large = np.flatnonzero(boxes[1:, cv2.CC_STAT_AREA] >= smallest_px2) + 1
    for label, (x, y, width, height, _) in zip(large.tolist(), boxes[large].tolist(), strict=True):
        yield (labels[y : y + height, x : x + width] == label).astype(np.uint8), x - 1, y - 1


def _parts(mask: NDArray[np.uint8], um_per_px: float) -> list[NDArray[np.uint8]]:
    """Part heads that touch: each has a core of its own, farther from every edge than their contact is."""
    if mask.sum() * um_per_px**2 < _SINGLE_UM2:
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
    m = cv2.moments(mask, binaryImage=True)
    area = m["m00"]
    x, y = m["m10"] / area + left, m["m01"] / area + top
    return (x, y, m["mu20"] / area, m["mu11"] / area, m["mu02"] / area)


def _ellipses(found: NDArray[np.float64]) -> Ellipses:
    """Return the ellipses of N masks from their moments (N, 5)."""
    squares, axes = np.linalg.eigh(found[:, [2, 3, 3, 4]].reshape(-1, 2, 2))
    return Ellipses(found[:, :2], axes[:, :, 1], 2 * np.sqrt(np.maximum(squares[:, ::-1], 1.0)))
