"""Figures of each head: its outline along rays, its axis, which end is anterior, what the gates go by.

Knows a field, the colour of the empty slide and the look-up table; judges nothing.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.colour import bins, looked_up
from zpscope.imaging.light import balance, gain_of
from zpscope.imaging.median import medians
from zpscope.imaging.outline import (
    ANGLES,
    FAR,
    NEAR,
    RAYS,
    REACHES,
    STEPS,
    Ellipses,
    closed_curves,
    running,
    spokes,
)
from zpscope.imaging.shape import Moments, mean, moments, pale_direction, shading

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
_SLOPE_RADII = 2 * _SLOPE_STEPS * (FAR - NEAR) / (STEPS - 1)
"""The rise across an outline is taken over so many radii."""
_WEAK = 0.35
"""An edge that rises less than so, against the outline's median, is weak."""


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
    """(N,): see `gate.Figures`, as all that follow."""
    darker_blue: NDArray[np.float64]
    tone_step: NDArray[np.float64]
    tone_along: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    smear: NDArray[np.float64]
    surroundings: NDArray[np.float64]
    three_lobed: NDArray[np.float64]
    rim: NDArray[np.float64]
    weak_edge: NDArray[np.float64]
    contact: NDArray[np.float64]


@dataclass(frozen=True)
class _Samples:
    """What lies along the rays from N ellipses, and the outlines drawn through it."""

    ways: NDArray[np.float64]
    """(N, RAYS, 2): x and y from the centre to the ellipse along each ray."""
    levels: NDArray[np.uint8]
    """(3, N, RAYS, STEPS): RGB."""
    white: NDArray[np.float32]
    """(N, 3): the colour of the empty slide, RGB levels."""
    headness: NDArray[np.int32]
    """(N, RAYS, STEPS): running sums along the rays of 0 to 255."""
    reach: NDArray[np.float64]
    """(N, RAYS): of the outline."""

    def put(self, which: NDArray[np.bool_], others: "_Samples") -> None:
        """Put those of others in the place of `which` (N,)."""
        self.ways[which], self.levels[:, which], self.white[which] = others.ways, others.levels, others.white
        self.headness[which], self.reach[which] = others.headness, others.reach


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
    samples = _sampled(field, empty, table, found)
    ellipses = moments(_outlines(found, samples, um_per_px)).ellipses()
    poor = _far_from(ellipses, found)
    ellipses = found.with_rows(poor, ellipses)
    if poor.any():
        # Half the rays or steps for the first round would take less time, but at heads that touch this one goes astray.
        samples.put(poor, _sampled(field, empty, table, ellipses.rows(poor)))
    reach = samples.reach
    polygons = _outlines(ellipses, samples, um_per_px)
    shape = moments(polygons)
    ways = samples.ways
    inside = REACHES[: 1 + int((REACHES < reach.max(initial=NEAR) - _RIM).sum())].astype(np.float32)
    weight = np.where(inside < (reach - _RIM).astype(np.float32)[..., None], inside, np.float32(1e-9))
    red, green, blue = samples.levels[..., : len(inside)] * (1 / samples.white.T[..., None, None])
    tone = red + green + blue
    both = np.stack([weight, tone * weight], 1)
    pale, step, cut = pale_direction(ways, inside, tone, both)
    heading = _heading(shape, pale)
    across = heading[:, ::-1] * (-1, 1)
    darker = (tone <= cut[:, None, None]) * weight
    across_rim = _rises(samples)
    rise = across_rim / (_SLOPE_RADII * np.hypot(ways[..., 0], ways[..., 1]) * um_per_px)
    middle_rise = medians(rise.T)
    surroundings, contact = _around(samples.headness, reach)
    traced = Traced(
        polygons=polygons,
        moments=shape,
        angle_deg=np.degrees(np.arctan2(heading[:, 1], heading[:, 0])),
        angle_confidence=np.minimum(np.maximum(step / _SURE_STEP, 0), 1),
        length_px=np.ptp(np.einsum("nrk,nk->nr", polygons, heading), axis=1),
        width_px=np.ptp(np.einsum("nrk,nk->nr", polygons, across), axis=1),
        darker_light=mean(green, darker),
        darker_blue=mean(blue, darker),
        tone_step=step,
        tone_along=shading((ways @ heading[..., None])[..., 0], inside, tone, both),
        sharpness=middle_rise / np.maximum(1 - mean(green, weight), 0.1),
        smear=_smear(rise, ways),
        surroundings=surroundings,
        three_lobed=_three_lobed(reach),
        rim=medians(across_rim.T),
        weak_edge=(rise < _WEAK * middle_rise[:, None]).mean(1),
        contact=contact,
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
        traced.rim[order],
        traced.weak_edge[order],
        traced.contact[order],
    )


def _outlines(ellipses: Ellipses, samples: _Samples, um_per_px: float) -> NDArray[np.float64]:
    """Return closed outlines (N, RAYS, 2), x and y in pixels."""
    radius_um = np.sqrt(ellipses.half_px.prod(1)) * um_per_px
    reach = samples.reach + (_PEOPLE_DRAW_OUTSIDE_UM / radius_um)[:, None]
    return np.asarray(samples.ways * reach[..., None] + ellipses.centre_px[:, None])


def _far_from(ellipses: Ellipses, guesses: Ellipses) -> NDArray[np.bool_]:
    """Return which of N outlines (N,) came out so far from their guesses that rays from there would differ."""
    radius = np.sqrt(guesses.half_px.prod(1))
    moved = np.hypot(*(ellipses.centre_px - guesses.centre_px).T) / radius
    grown = np.abs(np.log(ellipses.half_px / guesses.half_px)).max(1, initial=0)
    return np.asarray(np.maximum(moved, grown) > _POOR_GUESS)


def _sampled(
    field: NDArray[np.uint8], empty: NDArray[np.float32], table: NDArray[np.uint8], ellipses: Ellipses
) -> _Samples:
    ways = spokes(ellipses)
    number = len(ways)
    places = ways.transpose(2, 0, 1).astype(np.float32, "C")[..., None] * REACHES.astype(np.float32)
    places += ellipses.centre_px.T[..., None, None].astype(np.float32)
    x_map, y_map = places.reshape(2, number, -1)
    pixels = np.asarray(
        cv2.remap(field, x_map, y_map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
    size = np.array(empty.shape[1::-1])
    x, y = ((ellipses.centre_px + 0.5) * (size / field.shape[1::-1])).astype(np.intp).T
    white = empty[np.minimum(np.maximum(y, 0), size[1] - 1), np.minimum(np.maximum(x, 0), size[0] - 1)]
    gain = cv2.resize(gain_of(white)[:, None], pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    shape = number, RAYS, STEPS
    seen = bins(balance(pixels, np.asarray(gain, np.float32)))
    headness = running(looked_up(seen, table).reshape(shape))
    planes = np.empty((3, *pixels.shape[:2]), np.uint8)
    cv2.split(pixels, [planes[0], planes[1], planes[2]])
    levels = planes.reshape(3, *shape)
    return _Samples(ways, levels, white, headness, closed_curves(headness, levels[1], white[:, 1]))


def _heading(shape: Moments, pale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit direction (N, 2) to the anterior tip.

    The long axis, turned to where the paler part lies, the more so the rounder the head is.
    """
    axis = shape.axis * np.where((pale * shape.axis).sum(1) < 0, -1, 1)[:, None]
    towards = pale / np.maximum(np.hypot(*pale.T), 1e-9)[:, None]
    elongation = shape.half_px[:, :1] / shape.half_px[:, 1:] - 1
    heading = axis * elongation + _TONE_WEIGHT * towards
    return np.asarray(heading / np.maximum(np.hypot(*heading.T), 1e-9)[:, None])


def _rises(samples: _Samples) -> NDArray[np.float64]:
    """Return the rise of brightness across the outline, over `_SLOPE_RADII`, along each ray (N, RAYS)."""
    at = np.rint((samples.reach - NEAR) / (REACHES[1] - REACHES[0])).astype(np.intp)
    at = np.minimum(np.maximum(at, _SLOPE_STEPS), STEPS - 1 - _SLOPE_STEPS)
    at = np.asarray(at + np.arange(at.size, dtype=np.intp).reshape(at.shape) * STEPS, np.intp)
    green = samples.levels[1].reshape(-1)
    higher = green.take(at + _SLOPE_STEPS).astype(np.float64) - green.take(at - _SLOPE_STEPS)
    return np.asarray(higher / samples.white[:, 1:2], np.float64)


def _smear(rise: NDArray[np.float64], ways: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, 2) towards which side outlines are sharper, as a vector of twice that angle, 0 to 1 long."""
    x, y = ways.transpose(2, 0, 1)
    sides = np.array([x * x - y * y, 2 * x * y]) / (x * x + y * y)
    steep = np.maximum(rise, 0) + 1e-6
    return np.asarray(((steep * sides).sum(2) / steep.sum(1) - sides.mean(2)).T)


def _around(
    headness: NDArray[np.int32], reach: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how much of what lies around has a head's colour (N,), and along what share of the outline most does.

    headness: running sums along the rays.
    """
    pitch = REACHES[1] - REACHES[0]
    before, last = (
        np.minimum(np.ceil((reach + (beyond - NEAR)) / pitch).astype(np.intp) - 1, STEPS - 1)
        for beyond in _AROUND
    )
    rays = np.arange(reach.size, dtype=np.intp).reshape(reach.shape) * STEPS
    like = np.asarray(headness.take(rays + last) - headness.take(rays + before), np.int32) / 255
    steps = last - before
    share = np.asarray(like.sum(1) / np.maximum(steps.sum(1), 1), np.float64)
    return share, np.asarray((2 * like > steps).mean(1), np.float64)


def _three_lobed(reach: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.hypot(*(np.log(reach) @ _THREE_WAVES).T) * (2 / RAYS), np.float64)


_THREE_WAVES = np.stack([np.cos(3 * ANGLES), np.sin(3 * ANGLES)], 1)
