"""Which objects are heads to classify, and which fields may be scored: one reason for each refusal.

Thresholds are in µm, or in shares of the empty slide's brightness, so that neither exposure nor camera moves
them. Knows figures only, no pixels.
"""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.median import medians

_AREA_UM2 = (4.0, 26.0)
_LEAST_WIDTH_UM, _GREATEST_WIDTH_UM = 1.5, 5.5
_GREATEST_RATIO = 3.5
_ONE_HEAD_UM2, _ONE_HEAD_UM = 22.0, 7.5
"""What is larger and longer is more than one head."""
_PALEST = 0.42
"""The post-acrosomal region lets less of the green light through; a globule, a bacterium's halo or mucus, more."""
_LEAST_TONE_STEP = 0.25
"""What has a paler and a darker part at all may be a head, whatever its size."""
_TYPICAL_WIDTH_UM, _TYPICAL_AREA_UM2 = 2.85, 10.0
_DARK_ENOUGH = 0.2
"""Below it, darkness differs from stain to stain and says nothing."""
_WEIGHTS = (-16.54, 2.81, 3.70, 2.99, -9.05, -1.83, -49.89, 0.86, 1.70, 3.86)
_OFFSET = 16.49
"""How like a head an object is, in log odds: what `terms` says, weighed. Fitted by `benchmarks/fit_gate.py` on the
training part of the Sperm Parsing Dataset (Chen et al. 2024), as recorded and with changed levels, and on simulated
usual slides, which have lumps that pass for heads more often."""
_LEAST_LIKELY = -1.3
_LEAST_SHARP, _LEAST_FIELD_SHARP = 0.75, 1.25
"""Rise of brightness across the outline per µm, in shares of the head's contrast: of one head, and
of half the heads of a field."""
_MOST_SMEAR, _SMEAR_OBJECTS, _LEAST_SMEARED_SHARP = 0.15, 3, 1.5
"""A field in which outlines are sharper towards one side, over so many objects or more, has moved if it is not sharp:
in a sharp one the heads lie alike. No training field as recorded is skipped; of 22 dragged by 1.3 µm all are, as
`moving` or `defocus`; of those dragged by 0.8 µm two are, and heads are still found in the others: see
`benchmarks/blurred.py`."""
_DIRTY = 0.5
_OVERLAP = 0.25
_COVERED_WEIGHTS = (1.59, 14.62, 14.32)
_COVERED_OFFSET = 0.58
"""How likely something lies on a head, in log odds: what `cover_terms` says, weighed. Fitted likewise: real heads that
touch, which must stay, against simulated ones that lie on one another, which real fields hardly show."""
_MOST_COVERED = 1.2
AT_A_CELL_UM = 1.0
"""A cell's body is often too pale for an outline: what is so near its nucleus lies on it."""
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
    darker_blue: NDArray[np.float64]
    """(N,): share of the blue light that the darker part lets through."""
    tone_step: NDArray[np.float64]
    """(N,): brightness of the paler part less that of the darker one, summed over three channels of 0 to 1."""
    tone_along: NDArray[np.float64]
    """(N,): -1 to 1, how far the brightness follows the place along the axis."""
    sharpness: NDArray[np.float64]
    """(N,): per µm."""
    smear: NDArray[np.float64]
    """(N, 2): towards which side the outline is sharper, as a vector of twice that angle, 0 to 1 long."""
    surroundings: NDArray[np.float64]
    """(N,): 0 to 1, how much of what lies around has a head's colour."""
    three_lobed: NDArray[np.float64]
    """(N,): how far the outline, against its ellipse, goes in and out three times around, as a logarithm."""
    overlap: NDArray[np.float64]
    """(N,): share of the area that a more likely head covers."""
    rim: NDArray[np.float64]
    """(N,): how much of the light comes back across the outline, over a seventh of the head's radius."""
    weak_edge: NDArray[np.float64]
    """(N,): share of the outline along which hardly any does, against the rest."""
    contact: NDArray[np.float64]
    """(N,): share of the outline along which what lies around has a head's colour."""
    hidden: NDArray[np.float64]
    """(N,): share of the whole ellipse that other heads' ellipses cover."""
    from_cell_um: NDArray[np.float64]
    """(N,): to the nearest object larger than a head; infinite beyond `AT_A_CELL_UM`."""

    @classmethod
    def none(cls) -> Self:
        """Return the figures of no object."""
        nothing: dict[str, Any] = {one.name: np.zeros(0) for one in fields(cls)}
        return cls(**nothing)


def reasons(figures: Figures) -> list[str]:
    """Return for each object why it is not classified, or the empty string."""
    low, high = _AREA_UM2
    ratio = figures.length_um / np.maximum(figures.width_um, 1e-6)
    tests = {
        "border": figures.at_border,
        "low_contrast": figures.darker_light > _PALEST,
        "overlap": (figures.overlap > _OVERLAP)
        | (coverage(figures) > _MOST_COVERED)
        | _too_large_for_one(figures),
        "size": (figures.area_um2 < low) | (figures.area_um2 > high),
        "defocus": figures.sharpness < _LEAST_SHARP,
        "dirty_background": (figures.surroundings > _DIRTY) | (figures.from_cell_um < AT_A_CELL_UM),
        "shape": (figures.width_um < _LEAST_WIDTH_UM)
        | (figures.width_um > _GREATEST_WIDTH_UM)
        | (ratio > _GREATEST_RATIO),
        "not_a_head": likeness(figures) < _LEAST_LIKELY,
        "": np.ones(len(ratio), np.bool_),
    }
    names = list(tests)
    return [names[first] for first in np.array(list(tests.values())).argmax(0).tolist()]


def terms(figures: Figures) -> NDArray[np.float64]:
    """Return what tells a head (N, 10).

    A darker part not too pale, in two tones, length, shading, width, area, an outline with three lobes, the hue
    of the darker part, one end broader than the other, a steep rim.

    Lengths and tones as logarithms; width and area by how far they are from a head's, squared; the hue as the ratio
    of optical densities, which no gain and no gamma of a camera changes. Three lobes are counted twice: with few
    an outline has two ends alike, with many it is that of no head.
    """
    width, area = np.maximum(figures.width_um, 0.1), np.maximum(figures.area_um2, 0.1)
    return np.array(
        [
            np.maximum(figures.darker_light - _DARK_ENOUGH, 0),
            np.log(np.maximum(figures.tone_step, 0.01)),
            np.log(np.maximum(figures.length_um, 0.1) / width),
            figures.tone_along,
            np.log(width / _TYPICAL_WIDTH_UM) ** 2,
            np.log(area / _TYPICAL_AREA_UM2) ** 2,
            figures.three_lobed,
            np.log(_density(figures.darker_blue) / _density(figures.darker_light)),
            np.log(np.maximum(figures.three_lobed, 0.003)),
            np.log(np.maximum(figures.rim, 0.05)),
        ]
    ).T


def cover_terms(figures: Figures) -> NDArray[np.float64]:
    """Return what tells that something lies on a head (N, 3): whole ellipses that meet, a gap in the edge, contact."""
    return np.array([np.log(np.maximum(figures.hidden, 0.01)), figures.weak_edge, figures.contact]).T


def coverage(figures: Figures) -> NDArray[np.float64]:
    """Return how likely something lies on each object (N,), in log odds."""
    return np.asarray(cover_terms(figures) @ np.array(_COVERED_WEIGHTS) + _COVERED_OFFSET)


def larger_than_heads(figures: Figures) -> NDArray[np.bool_]:
    """Return which objects (N,) are larger than one head: cells, or several heads in one."""
    return np.asarray(figures.area_um2 > _ONE_HEAD_UM2)


def _density(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the optical density of what lets such a share of the light through."""
    return np.asarray(-np.log10(np.clip(light, 0.01, 0.99)))


def likeness(figures: Figures) -> NDArray[np.float64]:
    """Return how like a head each object is (N,), in log odds."""
    return np.asarray(terms(figures) @ np.array(_WEIGHTS) + _OFFSET)


def whole_field(figures: Figures) -> str:
    """Return why the field must not be scored at all: `scale`, `moving`, `defocus`, or the empty string."""
    stained = (figures.darker_light <= _PALEST) & (figures.tone_step >= _LEAST_TONE_STEP) & ~figures.at_border
    alone = stained & (figures.overlap <= _OVERLAP) & (figures.length_um < 2.5 * figures.width_um)
    if alone.sum() >= _SCALE_OBJECTS:
        typical = float(medians(figures.area_um2[alone]))
        if not _SCALE_UM2[0] <= typical <= _SCALE_UM2[1]:
            return "scale"
    if alone.sum() >= _SMEAR_OBJECTS:
        smear = float(np.linalg.norm(figures.smear[alone].mean(0)))
        if smear > _MOST_SMEAR and float(medians(figures.sharpness[alone])) < _LEAST_SMEARED_SHARP:
            return "moving"
    if stained.sum() > 1:
        blurred = float(medians(figures.sharpness[stained])) < _LEAST_FIELD_SHARP
    else:  # far from focus nothing is dark any more
        whole = ~figures.at_border
        blurred = whole.sum() > 1 and float(medians(figures.sharpness[whole])) < _LEAST_SHARP
    if blurred:
        return "defocus"
    return ""


def _too_large_for_one(figures: Figures) -> NDArray[np.bool_]:
    return (figures.area_um2 > _ONE_HEAD_UM2) & (figures.length_um > _ONE_HEAD_UM)
