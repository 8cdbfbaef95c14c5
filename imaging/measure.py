"""Figures of each head: its outline along rays, its axis, which end is anterior, what the gates go by.

Knows a field, the colour of the empty slide and the look-up table; judges nothing.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.colour import bins
from zpscope.imaging.light import balance
from zpscope.imaging.outline import NEAR, RAYS, STEPS, Ellipses, closed_curves, points, reaches, spokes
from zpscope.imaging.shape import Moments, moments, pale_direction, shading

_PEOPLE_DRAW_OUTSIDE_UM = 0.045
"""People draw so far outside the steepest rise: the best of four tried on 32 training fields."""
_RIM = 0.08
"""The blurred rim, in radii, tells nothing of the parts inside."""
_AROUND = (0.2, 0.5)
"""What lies around, in radii outside the outline."""
_TONE_WEIGHT = 4.0
"""How much the paler part's place counts for the axis, against an elongation of 1."""
_SURE_STEP = 0.6
_POOR_GUESS = 0.1
"""An outline whose centre lies so many radii from the guess, or whose axes differ by such a share, is drawn again from
its own ellipse. Below it a second round moved the centre by 0.04 µm at most in 95 % of 200 heads of training fields."""
_SLOPE_STEPS = 3


@dataclass(frozen=True)
class Traced:
    """N objects with their outlines, in pixels of the field they were traced in."""

    polygons: NDArray[np.float64]
    """(N, RAYS, 2): x, y."""
    moments: Moments
    angle_deg: NDArray[np.float64]
    """(N,): to the anterior tip."""
    angle_confidence: NDArray[np.float64]
    """(N,): 0 to 1."""
    length_px: NDArray[np.float64]
    """(N,): extent along the axis."""
    width_px: NDArray[np.float64]
    """(N,): extent across it."""
    darker_light: NDArray[np.float64]
    """(N,): see `gate.Figures`, as the next six."""
    darker_blue: NDArray[np.float64]
    tone_step: NDArray[np.float64]
    tone_along: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    smear: NDArray[np.float64]
    surroundings: NDArray[np.float64]
    three_lobed: NDArray[np.float64]


@dataclass(frozen=True)
class _Samples:
    places: NDArray[np.float64]
    """(2, N, RAYS, STEPS): x, y from the centre of the ellipse."""
    headness: NDArray[np.float32]
    """(N, RAYS, STEPS): 0 to 1."""
    light: NDArray[np.float32]
    """(3, N, RAYS, STEPS): share of the empty slide's light, RGB."""


def trace(
    field: NDArray[np.uint8],
    empty: NDArray[np.float32],
    table: NDArray[np.uint8],
    found: Ellipses,
    um_per_px: float,
) -> Traced:
    """Return the objects around the ellipses `found` in a field (H, W, 3), RGB, of `um_per_px`.

    empty (h, w, 3): the colour of the empty slide, at any resolution. table: headness per colour bin.
    """
    samples, reach = _one_round(field, empty, table, found)
    ellipses = moments(_outlines(found, reach, um_per_px)).ellipses()
    poor = _far_from(ellipses, found)
    ellipses = found.with_rows(poor, ellipses)
    if poor.any():
        # Half the rays or steps for the first round would take less time, but at heads that touch this one goes astray.
        better, reach[poor] = _one_round(field, empty, table, ellipses.rows(poor))
        samples.places[:, poor], samples.headness[poor], samples.light[:, poor] = (
            better.places,
            better.headness,
            better.light,
        )
    polygons = _outlines(ellipses, reach, um_per_px)
    shape = moments(polygons)
    number = len(polygons)
    steps = reaches()
    steps = steps[
        : 1 + int((steps < reach.max(initial=NEAR) - _RIM).sum())
    ]  # what lies beyond is inside no head
    inner = steps < reach[..., None] - _RIM
    weight = np.asarray(np.where(inner, steps, 1e-9), np.float32).reshape(number, -1)
    within = np.s_[:, :, : len(steps)]
    red, green, blue = samples.light
    tone = (red[within] + green[within] + blue[within]).reshape(number, -1)
    places = samples.places[:, :, :, : len(steps)].astype(np.float32).reshape(2, number, -1)
    pale, step, cut = pale_direction(places, tone, weight)
    heading = _heading(shape, pale)
    across = np.stack([-heading[:, 1], heading[:, 0]], 1)
    green_within = green[within].reshape(number, -1)
    blue_within = blue[within].reshape(number, -1)
    darker = (tone <= cut[:, None]) * weight
    ways = spokes(ellipses)
    rise = _rises(green, reach, np.linalg.norm(ways, axis=-1) * um_per_px)
    traced = Traced(
        polygons=polygons,
        moments=shape,
        angle_deg=np.degrees(np.arctan2(heading[:, 1], heading[:, 0])),
        angle_confidence=np.clip(step / _SURE_STEP, 0, 1),
        length_px=np.ptp(np.einsum("nrk,nk->nr", polygons, heading), axis=1),
        width_px=np.ptp(np.einsum("nrk,nk->nr", polygons, across), axis=1),
        darker_light=(green_within * darker).sum(1) / darker.sum(1),
        darker_blue=(blue_within * darker).sum(1) / darker.sum(1),
        tone_step=step,
        tone_along=shading(places, heading, tone, weight),
        sharpness=np.median(rise, axis=1)
        / np.maximum(1 - (green_within * weight).sum(1) / weight.sum(1), 0.1),
        smear=_smear(rise, ways),
        surroundings=_surroundings(samples.headness, reach),
        three_lobed=_three_lobed(reach),
    )
    return _in_rows(traced)


def _in_rows(traced: Traced) -> Traced:
    """Return the objects row by row of their centres."""
    x, y = traced.moments.centre_px.T
    order = np.lexsort((x, y))
    m = traced.moments
    return Traced(
        traced.polygons[order],
        Moments(m.area_px2[order], m.centre_px[order], m.axis[order], m.half_px[order]),
        traced.angle_deg[order],
        traced.angle_confidence[order],
        traced.length_px[order],
        traced.width_px[order],
        traced.darker_light[order],
        traced.darker_blue[order],
        traced.tone_step[order],
        traced.tone_along[order],
        traced.sharpness[order],
        traced.smear[order],
        traced.surroundings[order],
        traced.three_lobed[order],
    )


def _one_round(
    field: NDArray[np.uint8], empty: NDArray[np.float32], table: NDArray[np.uint8], ellipses: Ellipses
) -> tuple[_Samples, NDArray[np.float64]]:
    samples = _sampled(field, empty, table, ellipses)
    return samples, closed_curves(samples.headness, samples.light[1])


def _outlines(ellipses: Ellipses, reach: NDArray[np.float64], um_per_px: float) -> NDArray[np.float64]:
    radius_um = np.sqrt(ellipses.half_px.prod(1)) * um_per_px
    return points(ellipses, reach + (_PEOPLE_DRAW_OUTSIDE_UM / radius_um)[:, None])


def _far_from(ellipses: Ellipses, guesses: Ellipses) -> NDArray[np.bool_]:
    """Return which of N outlines (N,) came out so far from their guesses that rays from there would differ."""
    radius = np.sqrt(guesses.half_px.prod(1))
    moved = np.linalg.norm(ellipses.centre_px - guesses.centre_px, axis=1) / radius
    grown = np.abs(np.log(ellipses.half_px / guesses.half_px)).max(1, initial=0)
    return np.asarray(np.maximum(moved, grown) > _POOR_GUESS)


def _sampled(
    field: NDArray[np.uint8], empty: NDArray[np.float32], table: NDArray[np.uint8], ellipses: Ellipses
) -> _Samples:
    number = len(ellipses.axis)
    places = spokes(ellipses).transpose(2, 0, 1)[..., None] * reaches()
    on_field = (places + ellipses.centre_px.T[..., None, None]).astype(np.float32)
    x_map, y_map = on_field.reshape(2, -1, STEPS)
    pixels = np.empty((*x_map.shape, 3), np.uint8)
    for first in range(0, len(pixels), _REMAP_ROWS):
        rows = slice(first, first + _REMAP_ROWS)
        pixels[rows] = cv2.remap(
            field, x_map[rows], y_map[rows], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    rays = pixels.reshape(number, RAYS, STEPS, 3)
    scale = np.array([empty.shape[1] / field.shape[1], empty.shape[0] / field.shape[0]])
    last = np.array([empty.shape[1] - 1, empty.shape[0] - 1])
    x, y = np.clip(np.rint((ellipses.centre_px + 0.5) * scale - 0.5), 0, last).astype(np.intp).T
    under = empty[y, x][:, None]
    # What each of the 256 levels comes to under each head's light.
    levels = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], number, 0).repeat(3, 2)
    balanced_levels = balance(levels, np.broadcast_to(under, levels.shape))
    balanced = np.empty_like(pixels)
    for one, whole, become in zip(balanced.reshape(rays.shape), rays, balanced_levels, strict=True):
        cv2.LUT(whole, become[None], one)
    headness = np.asarray(table / np.float32(255), np.float32).take(bins(balanced)).reshape(rays.shape[:-1])
    light = np.empty((3, *rays.shape[:-1]), np.float32)
    np.divide(np.moveaxis(rays, -1, 0), under.T.reshape(3, number, 1, 1), out=light)
    return _Samples(places, headness, light)


_REMAP_ROWS = 32000
"""OpenCV maps pictures of fewer than 32768 rows."""


def _heading(shape: Moments, pale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit direction (N, 2) to the anterior tip.

    The long axis, turned to where the paler part lies, the more so the rounder the head is.
    """
    axis = shape.axis * np.where((pale * shape.axis).sum(1) < 0, -1, 1)[:, None]
    towards = pale / np.maximum(np.linalg.norm(pale, axis=1, keepdims=True), 1e-9)
    elongation = shape.half_px[:, :1] / shape.half_px[:, 1:] - 1
    heading = axis * elongation + _TONE_WEIGHT * towards
    return np.asarray(heading / np.maximum(np.linalg.norm(heading, axis=1, keepdims=True), 1e-9))


def _rises(
    green: NDArray[np.float32], reach: NDArray[np.float64], radius_um: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the rise of brightness across the outline per µm (N, RAYS); radius_um (N, RAYS): of the ellipse."""
    pitch = reaches()[1] - reaches()[0]
    at = np.clip(
        np.rint((reach - reaches()[0]) / pitch).astype(np.intp), _SLOPE_STEPS, STEPS - 1 - _SLOPE_STEPS
    )
    first = np.arange(reach.size, dtype=np.intp).reshape(reach.shape) * STEPS
    at = np.asarray(first + at, np.intp)
    higher = green.take(at + _SLOPE_STEPS) - green.take(at - _SLOPE_STEPS)
    return np.asarray(higher / (2 * _SLOPE_STEPS * pitch * radius_um), np.float64)


def _smear(rise: NDArray[np.float64], ways: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, 2) towards which side outlines are sharper, as a vector of twice that angle, 0 to 1 long."""
    doubled = 2 * np.arctan2(ways[..., 1], ways[..., 0])
    sides = np.stack([np.cos(doubled), np.sin(doubled)], -1)
    steep = np.maximum(rise, 0)[..., None] + 1e-6
    return np.asarray((steep * sides).sum(1) / steep.sum(1) - sides.mean(1))


def _surroundings(headness: NDArray[np.float32], reach: NDArray[np.float64]) -> NDArray[np.float64]:
    beyond = reaches() - reach[..., None]
    ring = (beyond > _AROUND[0]) & (beyond < _AROUND[1])
    return np.asarray((headness * ring).sum((1, 2)) / np.maximum(ring.sum((1, 2)), 1), np.float64)


def _three_lobed(reach: NDArray[np.float64]) -> NDArray[np.float64]:
    around = 3 * np.arange(RAYS) * (2 * np.pi / RAYS)
    waves = np.stack([np.cos(around), np.sin(around)], 1)
    return np.asarray(np.linalg.norm(np.log(reach) @ waves, axis=1) * (2 / RAYS), np.float64)
