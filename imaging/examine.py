"""A decoded field in, heads out: light, clusters, places, outlines, gates.

Puts the steps in order and knows nothing of how any is done; no sample, no slide but its colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import FieldRefused
from zpscope.imaging.colour import SlideColour, clusters_of, headness_table
from zpscope.imaging.gate import AT_A_CELL_UM, Figures, larger_than_heads, reasons, whole_field
from zpscope.imaging.heads import Heads, fill
from zpscope.imaging.light import background
from zpscope.imaging.locate import locate
from zpscope.imaging.measure import Traced, trace
from zpscope.imaging.neighbours import from_cells_um, hidden
from zpscope.imaging.outline import RAYS, Ellipses
from zpscope.imaging.pixels import Pixels, pixels_of
from zpscope.imaging.shape import meeting

_COARSE_UM_PER_PX = 0.104
"""Heads are looked for at about this scale."""
_FINE_UM_PER_PX = 0.052
"""Outlines are drawn at about this scale."""
_BORDER_PX = 1.5
_DARK_LEVEL, _DARK_SHARE = 25, 0.9
_CLIPPED_LEVEL, _CLIPPED_SHARE = 254, 0.995
_GREY_SPREAD = 6.0
_STAINED = 0.6
"""Pixels darker than this share of the empty slide are stained, and must have colour."""
_HEAD = 128
"""From here on a colour is likelier a head's than not."""
_STRIDE = 8
"""Every eighth pixel of every eighth row tells whether a field can be used."""
_DRIFT_STRIDE = 4
"""Once the colours stand still, every fourth pixel of every fourth row tells how far a field's own lie from them: on
average within 0.1, in L*a*b* units, of what all pixels say (32 training fields)."""
_WHOLE_FIELD_REASON = {"scale": "size", "moving": "defocus", "defocus": "defocus"}


Plane = NDArray[np.uint8]
"""One channel (H, W)."""


@dataclass(frozen=True)
class Examination:
    """What was found in a field, and what to examine the next one with."""

    heads: Heads
    skip: str
    """Reason if the whole field must not be scored, else empty: `dark`, `saturated`, `moving`, `defocus`, or
    `scale`, when what looks like heads is far from their size, as with a µm/px that is wrong by a factor of 2."""
    colour: SlideColour
    figures: Figures
    """What the verdicts rest on, for the N objects."""


def examine(field: NDArray[np.uint8] | Pixels, um_per_px: float, colour: SlideColour) -> Examination:
    """Return the heads of a field (H, W, 3), RGB, of `um_per_px` µm per pixel.

    Raises FieldRefused if the field has no colour to go by.
    """
    pixels = pixels_of(field)
    coarse_times = max(1, round(_COARSE_UM_PER_PX / um_per_px))
    coarse = pixels.shrunk(coarse_times)
    unusable = _unusable(*_some(coarse))
    if unusable:
        return Examination(_nothing(pixels.shape), unusable, colour, Figures.none())
    _refuse_equal_channels(pixels.levels())
    empty = background(coarse.levels())
    balanced = coarse.balanced(empty)
    _refuse_grey(*_some(balanced))
    seen = balanced.bins()
    counts = seen.histogram(_DRIFT_STRIDE if colour.frozen else 1)
    now = colour.seen(clusters_of(counts, colour), empty)
    table = headness_table(now.centroids)
    inside = seen.looked_up((table >= _HEAD).view(np.uint8))
    found = locate(inside, um_per_px * coarse_times)
    if len(found.axis) == 0:
        return Examination(_nothing(pixels.shape), "", now, Figures.none())
    times = max(1, round(_FINE_UM_PER_PX / um_per_px))
    fine = pixels.shrunk(times).levels()
    traced = trace(fine, empty, table, _scaled(found, coarse_times / times), um_per_px * times)
    heads, skip, figures = _judged(traced, times, um_per_px, pixels.shape)
    return Examination(heads, skip, now, figures)


def _scaled(ellipses: Ellipses, times: float) -> Ellipses:
    centre = (ellipses.centre_px + 0.5) * times - 0.5
    return Ellipses(centre, ellipses.axis, ellipses.half_px * times)


def _some(pixels: Pixels) -> Sequence[Plane]:
    """Return red, green and blue of every so many-th pixel."""
    some = np.ascontiguousarray(pixels.levels(_STRIDE))
    return [np.asarray(plane, np.uint8) for plane in cv2.split(some)]


def _unusable(red: Plane, green: Plane, blue: Plane) -> str:
    brightest, darkest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    if np.count_nonzero(brightest < _DARK_LEVEL) > _DARK_SHARE * red.size:
        return "dark"
    if np.count_nonzero(darkest >= _CLIPPED_LEVEL) > _CLIPPED_SHARE * red.size:
        return "saturated"
    return ""


_NO_COLOUR = "the field has no colour: the stain is told by its colour, so set the camera to a colour format"


def _refuse_equal_channels(field: NDArray[np.uint8]) -> None:
    if (field[0, :, 0] == field[0, :, 2]).all() and (field[..., 0] == field[..., 2]).all():
        raise FieldRefused(_NO_COLOUR)


def _refuse_grey(red: Plane, green: Plane, blue: Plane) -> None:
    """Raise FieldRefused if what is stained has the same hue as what is not; of white-balanced pixels."""
    ordered = np.sort(green, axis=None, kind="stable")
    stained = green < _STAINED * float(ordered[len(ordered) // 2])
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    spread = np.sort(spread[stained], kind="stable")
    if len(spread) and spread[len(spread) * 9 // 10] < _GREY_SPREAD:
        raise FieldRefused(_NO_COLOUR)


def _judged(
    traced: Traced, times: int, um_per_px: float, shape: tuple[int, int]
) -> tuple[Heads, str, Figures]:
    """Return the objects with their verdicts, why the field must not be scored, if so, and the figures."""
    full = (traced.polygons + 0.5) * times - 0.5
    um_per_fine_px = um_per_px * times
    height, width = shape
    sides = full.transpose(2, 0, 1).copy()
    low, high = sides.min(2).T, sides.max(2).T
    at_border = ((low < _BORDER_PX) | (high > np.array([width, height]) - 1 - _BORDER_PX)).any(1)
    figures = Figures(
        at_border,
        traced.moments.area_px2 * um_per_fine_px**2,
        traced.length_px * um_per_fine_px,
        traced.width_px * um_per_fine_px,
        traced.darker_light,
        traced.darker_blue,
        traced.tone_step,
        traced.tone_along,
        traced.sharpness,
        traced.smear,
        traced.surroundings,
        traced.three_lobed,
        overlap=np.zeros(len(full)),
        rim=traced.rim,
        weak_edge=traced.weak_edge,
        contact=traced.contact,
        hidden=np.zeros(len(full)),
        from_cell_um=np.full(len(full), np.inf),
    )
    alone = reasons(figures)
    likely = (1 - figures.darker_light) * figures.area_um2 * [not reason for reason in alone]
    figures = replace(
        figures,
        overlap=_covered(full, low, high, likely),
        hidden=hidden(full, np.isin(alone, ("", "border")), um_per_px),
        from_cell_um=from_cells_um(full, larger_than_heads(figures), AT_A_CELL_UM, um_per_px),
    )
    skip = whole_field(figures)
    verdicts = reasons(figures)
    if skip:
        verdicts = [reason or _WHOLE_FIELD_REASON[skip] for reason in verdicts]
    heads = Heads(
        field_px=shape,
        polygons=full,
        likely=likely,
        centre_px=(traced.moments.centre_px + 0.5) * times - 0.5,
        angle_deg=traced.angle_deg,
        angle_confidence=traced.angle_confidence,
        area_um2=figures.area_um2,
        length_um=figures.length_um,
        width_um=figures.width_um,
        sharpness=traced.sharpness,
        reason=tuple(verdicts),
    )
    return heads, skip, figures


def _covered(
    polygons: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    likely: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return what share of each object (N,) lies under likelier ones; low, high (N, 2): its least and greatest x, y."""
    meet = meeting(low, high + 1)
    covered = np.zeros(len(polygons))
    for i in np.flatnonzero(meet.sum(1) > 1).tolist():
        corner = np.floor(low[i])
        width, height = (np.ceil(high[i] - corner).astype(int) + 1).tolist()
        whole, above = np.zeros((2, height, width), np.uint8)
        fill(whole, polygons[i] - corner, 1)
        for other in np.flatnonzero(meet[i]).tolist():
            if (likely[other], -other) > (likely[i], -i):
                fill(above, polygons[other] - corner, 1)
        covered[i] = cv2.countNonZero(whole & above) / max(1, cv2.countNonZero(whole))
    return covered


def _nothing(shape: tuple[int, int]) -> Heads:
    none = np.zeros(0)
    return Heads(
        shape, np.zeros((0, RAYS, 2)), none, np.zeros((0, 2)), none, none, none, none, none, none, ()
    )
