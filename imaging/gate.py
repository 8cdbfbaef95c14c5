"""Which objects are heads to classify, and which fields may be scored: one reason for each refusal.

Thresholds are in µm, or in shares of the empty slide's brightness, so that neither exposure nor camera moves
them. Knows figures only, no pixels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_AREA_UM2 = (4.5, 22.0)
_LEAST_WIDTH_UM, _GREATEST_WIDTH_UM = 1.6, 4.4
_GREATEST_RATIO = 3.3
_PALEST = 0.42
"""The post-acrosomal region lets less of the green light through; a globule, a bacterium's halo or mucus, more."""
_LEAST_TONE_STEP = 0.25
"""A head has a paler and a darker part; a pyknotic nucleus, a bacterium and a globule are of one shade."""
_CLEAR_TONE_STEP, _SMALL_UM2 = 0.65, 7.0
"""A small object no longer towards its tip than it is wide must have a clear acrosome to be a head."""
_LEAST_SHARP, _LEAST_FIELD_SHARP = 0.75, 1.1
"""Rise of brightness across the outline per µm, in shares of the head's contrast: of one head, and
of half the heads of a field."""
_DIRTY = 0.5
_OVERLAP = 0.25
_SCALE_UM2 = (4.0, 23.0)
"""Half the objects of a rightly calibrated field that look like heads are of a size in between."""
_SCALE_OBJECTS = 3


@dataclass(frozen=True)
class Figures:
    """What the gates go by, for N objects."""

    at_border: NDArray[np.bool_]
    """(N,)."""
    area_um2: NDArray[np.float64]
    """(N,)."""
    length_um: NDArray[np.float64]
    """(N,)."""
    width_um: NDArray[np.float64]
    """(N,)."""
    darker_light: NDArray[np.float64]
    """(N,): share of the green light that the darker part lets through; 1 for the empty slide."""
    tone_step: NDArray[np.float64]
    """(N,): brightness of the paler part less that of the darker one, summed over three channels of 0 to 1."""
    sharpness: NDArray[np.float64]
    """(N,): per µm."""
    surroundings: NDArray[np.float64]
    """(N,): 0 to 1, how much of what lies around has a head's colour."""
    overlap: NDArray[np.float64]
    """(N,): share of the area that a more likely head covers."""


def reasons(figures: Figures) -> list[str]:
    """Return for each object why it is not classified, or the empty string."""
    low, high = _AREA_UM2
    ratio = figures.length_um / np.maximum(figures.width_um, 1e-6)
    tests: list[tuple[str, NDArray[np.bool_]]] = [
        ("border", figures.at_border),
        ("not_a_head", ~_shaded_like_a_head(figures)),
        ("overlap", (figures.overlap > _OVERLAP) | _too_large_for_one(figures)),
        ("size", (figures.area_um2 < low) | (figures.area_um2 > high)),
        ("defocus", figures.sharpness < _LEAST_SHARP),
        ("dirty_background", figures.surroundings > _DIRTY),
        ("shape", (figures.width_um < _LEAST_WIDTH_UM) | (figures.width_um > _GREATEST_WIDTH_UM)),
        ("shape", ratio > _GREATEST_RATIO),
    ]
    return [next((name for name, failed in tests if failed[i]), "") for i in range(len(figures.darker_light))]


def whole_field(figures: Figures) -> str:
    """Return why the field must not be scored at all, `scale` or `defocus`, or the empty string."""
    stained = (figures.darker_light <= _PALEST) & (figures.tone_step >= _LEAST_TONE_STEP) & ~figures.at_border
    alone = stained & (figures.overlap <= _OVERLAP) & (figures.length_um < 2.5 * figures.width_um)
    if alone.sum() >= _SCALE_OBJECTS:
        typical = float(np.median(figures.area_um2[alone]))
        if not _SCALE_UM2[0] <= typical <= _SCALE_UM2[1]:
            return "scale"
    if stained.sum() > 1 and float(np.median(figures.sharpness[stained])) < _LEAST_FIELD_SHARP:
        return "defocus"
    return ""


def _shaded_like_a_head(figures: Figures) -> NDArray[np.bool_]:
    """Return which objects (N,) have a dark part and a paler one, clear enough for their form."""
    step, ratio = figures.tone_step, figures.length_um / np.maximum(figures.width_um, 1e-6)
    plain = (figures.darker_light <= _PALEST) & (step >= _LEAST_TONE_STEP)
    globule = (ratio < 1) & (step < _CLEAR_TONE_STEP) & (figures.area_um2 < _SMALL_UM2)
    return plain & ~globule


def _too_large_for_one(figures: Figures) -> NDArray[np.bool_]:
    return (figures.area_um2 > _AREA_UM2[1]) & (figures.length_um > 7.5)
