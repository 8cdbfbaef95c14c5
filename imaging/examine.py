"""A decoded field in, heads out: clusters, outlines, axes, gates."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import FieldRefused
from zpscope.imaging.colour import ACROSOME, NUCLEUS, TRANSITION, SlideColour, cluster
from zpscope.imaging.heads import Heads

_OPEN_UM = 1.5
"""Nothing narrower belongs to a head: tails and midpieces are cut off."""
_SINGLE_UM2 = 13.0
"""A larger object may be several heads that touch."""
_CORE_LEVELS = (0.5, 0.6, 0.7, 0.8, 0.88)
"""Depths at which cores are looked for, as shares of the deepest."""
_AREA_UM2 = (4.5, 22.0)
_SPECK_UM2 = 3.0
_SOLIDITY = 0.83
_ELONGATION = 2.9
_DARK_SHARE = 0.35
_BORDER_PX = 2


@dataclass(frozen=True)
class Examination:
    """What was found in a field, and what to examine the next one with."""

    heads: Heads
    skip: str
    """Reason if the whole field must not be scored, else empty."""
    colour: SlideColour


@dataclass(frozen=True)
class _Object:
    outline: NDArray[np.int32]
    centre_px: tuple[float, float]
    angle_deg: float
    confidence: float
    area_um2: float
    length_um: float
    width_um: float
    sharpness: float
    reason: str


def examine(field: NDArray[np.uint8], um_per_px: float, colour: SlideColour) -> Examination:
    """Return the heads of a field (H, W, 3), RGB; raise FieldRefused if it has no colour to go by."""
    if int(field[..., 0].max()) == 0 or np.array_equal(field[..., 0], field[..., 2]):
        msg = "the field has no colour: the stain is told by its colour, so set the camera to a colour format"
        raise FieldRefused(msg)
    clusters = cluster(np.asarray(cv2.GaussianBlur(field, (0, 0), 0.06 / um_per_px), np.uint8))
    grey = cv2.GaussianBlur(field[..., 1], (0, 0), 0.12 / um_per_px).astype(np.float64)
    regions = _regions(clusters, um_per_px)
    objects = [_measure(region, clusters, grey, um_per_px) for region in regions]
    order = sorted(range(len(objects)), key=lambda i: (objects[i].centre_px[1], objects[i].centre_px[0]))
    heads = _assemble([objects[i] for i in order], [regions[i] for i in order], field.shape[:2])
    return Examination(heads, "", SlideColour(colour.fields + 1))


@dataclass(frozen=True)
class _Region:
    mask: NDArray[np.uint8]
    """(h, w): 1 inside."""
    corner: tuple[int, int]
    """(x, y) of the mask in the field."""


def _regions(clusters: NDArray[np.uint8], um_per_px: float) -> list[_Region]:
    inside = np.isin(clusters, (ACROSOME, NUCLEUS, TRANSITION)).astype(np.uint8)
    size = max(3, round(_OPEN_UM / um_per_px) | 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    opened = cv2.morphologyEx(inside, cv2.MORPH_OPEN, disc)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(opened)
    regions: list[_Region] = []
    for label in range(1, count):
        x, y, width, height, area = (int(value) for value in boxes[label])
        if area * um_per_px**2 < _SPECK_UM2:
            continue
        mask = (labels[y : y + height, x : x + width] == label).astype(np.uint8)
        regions += _split(_Region(mask, (x, y)), um_per_px)
    return regions


def _split(region: _Region, um_per_px: float) -> list[_Region]:
    """Part heads that touch: each has a core of its own, farther from every edge than their contact is."""
    if region.mask.sum() * um_per_px**2 < _SINGLE_UM2:
        return [region]
    padded = cv2.copyMakeBorder(region.mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 5)
    for level in _CORE_LEVELS:
        cores = (depth <= level * depth.max()).astype(np.uint8)
        nearest = np.asarray(cv2.distanceTransformWithLabels(cores, cv2.DIST_L2, 5)[1], np.int32)
        parts = [(nearest == label) & (padded > 0) for label in range(1, int(nearest.max()) + 1)]
        if len(parts) > 1 and min(part.sum() for part in parts) * um_per_px**2 > _AREA_UM2[0]:
            return [_Region(part[1:-1, 1:-1].astype(np.uint8), region.corner) for part in parts]
    return [region]


def _measure(
    region: _Region, clusters: NDArray[np.uint8], grey: NDArray[np.float64], um_per_px: float
) -> _Object:
    contours, _ = cv2.findContours(
        region.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=region.corner
    )
    outline = max(contours, key=cv2.contourArea)[:, 0].astype(np.int32)
    ys, xs = np.nonzero(region.mask)
    ys, xs = ys + region.corner[1], xs + region.corner[0]
    points = np.stack([xs, ys], 1).astype(np.float64)
    centre = points.mean(0)
    spread, axes = np.linalg.eigh(np.cov((points - centre).T))
    axis = axes[:, 1]
    along = (points - centre) @ axis
    brightness = grey[ys, xs]
    contrast = float(np.percentile(brightness, 95) - np.percentile(brightness, 5)) or 1.0
    difference = float(brightness[along > 0].mean() - brightness[along < 0].mean())
    if difference < 0:
        axis = -axis
    across = (points - centre) @ np.array([-axis[1], axis[0]])
    area = len(points) * um_per_px**2
    solidity = cv2.contourArea(outline) / max(1.0, cv2.contourArea(cv2.convexHull(outline)))
    dark = float(np.isin(clusters[ys, xs], (NUCLEUS, TRANSITION)).mean())
    height, width = clusters.shape
    at_border = (
        xs.min() < _BORDER_PX
        or ys.min() < _BORDER_PX
        or xs.max() >= width - _BORDER_PX
        or ys.max() >= height - _BORDER_PX
    )
    elongation = float(np.sqrt(spread[1] / max(spread[0], 1e-9)))
    return _Object(
        outline,
        (float(centre[0]), float(centre[1])),
        float(np.degrees(np.arctan2(axis[1], axis[0]))),
        min(1.0, 2 * abs(difference) / contrast),
        area,
        float(np.ptp(along)) * um_per_px,
        float(np.ptp(across)) * um_per_px,
        _sharpness(outline, grey, contrast, um_per_px),
        _gate(bool(at_border), area, solidity, elongation, dark),
    )


def _sharpness(
    outline: NDArray[np.int32], grey: NDArray[np.float64], contrast: float, um_per_px: float
) -> float:
    height, width = grey.shape
    x = np.clip(outline[:, 0], 1, width - 2)
    y = np.clip(outline[:, 1], 1, height - 2)
    slope = np.hypot(grey[y, x + 1] - grey[y, x - 1], grey[y + 1, x] - grey[y - 1, x]) / (2 * um_per_px)
    return float(np.median(slope) / contrast)


def _gate(at_border: bool, area_um2: float, solidity: float, elongation: float, dark: float) -> str:
    if at_border:
        return "border"
    if not _AREA_UM2[0] <= area_um2 <= _AREA_UM2[1]:
        return "overlap" if area_um2 > _AREA_UM2[1] and dark > _DARK_SHARE else "size"
    if dark < _DARK_SHARE:
        return "not_a_head"
    if solidity < _SOLIDITY or elongation > _ELONGATION:
        return "shape"
    return ""


def _assemble(objects: list[_Object], regions: list[_Region], shape: tuple[int, int]) -> Heads:
    labels = np.zeros(shape, np.uint16)
    for number, region in enumerate(regions, 1):
        x, y = region.corner
        height, width = region.mask.shape
        labels[y : y + height, x : x + width][region.mask > 0] = number

    def column(name: str) -> NDArray[np.float64]:
        return np.array([getattr(one, name) for one in objects], np.float64)

    return Heads(
        labels=labels,
        centre_px=column("centre_px").reshape(-1, 2),
        angle_deg=column("angle_deg"),
        angle_confidence=column("confidence"),
        area_um2=column("area_um2"),
        length_um=column("length_um"),
        width_um=column("width_um"),
        sharpness=column("sharpness"),
        reason=tuple(one.reason for one in objects),
        outlines=tuple(one.outline for one in objects),
    )
