"""What a perfect system would find on a simulated slide; recomputed from the settings, never sent beside pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.faults import deliveries
from zpscope.drivers.optics import SHARP_UM, focus_um
from zpscope.drivers.slide_layout import Sperm
from zpscope.drivers.synthetic import field_centre_um, field_place, sperm_near
from zpscope.imaging.place import in_frame, offsets_um

MARGIN_UM = 0.5
"""A head is whole in a field if its outline stays so far from the field's edge."""


STILL_UM = 0.1
"""A field that moved farther while it was exposed is not assessable."""


@dataclass(frozen=True)
class Truth:
    """The heads that a scan shows in a counting frame at least once, each once."""

    sperm: tuple[Sperm, ...]

    @property
    def n(self) -> int:
        """Heads to classify."""
        return len(self.sperm)

    @property
    def k(self) -> int:
        """Heads drawn as ZP-binding."""
        return sum(one.bound for one in self.sperm)


@dataclass(frozen=True)
class FieldTruth:
    """The heads that one field shows whole."""

    centre_um: tuple[float, float]
    """Where on the slide the centre of the field truly is, (x, y)."""
    sperm: tuple[Sperm, ...]
    centre_px: NDArray[np.float64]
    """(N, 2): x, y in the field."""


def truth(settings: SyntheticCamera, fields: int) -> Truth:
    """Return the heads that the first fields of a scan show in their counting frames.

    Fields that the camera loses or cuts short on request show nothing.
    """
    found: dict[int, Sperm] = {}
    shape_px = (settings.height_px, settings.width_px)
    size_um = (settings.width_px * settings.um_per_px, settings.height_px * settings.um_per_px)
    for each in deliveries(settings.faults, settings.seed, fields):
        if each.fate in ("dropped", "truncated"):
            continue
        shown = heads_in_field(settings, each.number)
        framed = in_frame(offsets_um(shown.centre_px, shape_px, settings.um_per_px), size_um)
        found |= {one.id: one for one, counts in zip(shown.sperm, framed, strict=True) if counts}
    return Truth(tuple(found.values()))


def heads_in_field(settings: SyntheticCamera, number: int) -> FieldTruth:
    """Return the gradable heads that the field of this number shows whole; none if it is not assessable."""
    centre_um = field_centre_um(settings, number)
    if not is_assessable(settings, number):
        return FieldTruth(centre_um, (), np.empty((0, 2)))
    x_um, y_um = centre_um
    half_x = settings.width_px * settings.um_per_px / 2 - MARGIN_UM
    half_y = settings.height_px * settings.um_per_px / 2 - MARGIN_UM
    whole: list[Sperm] = []
    for one in sperm_near(settings, number, 0.0):
        reach_x, reach_y = _reach_um(one)
        if (
            one.gradable
            and abs(one.x_um - x_um) + reach_x <= half_x
            and abs(one.y_um - y_um) + reach_y <= half_y
        ):
            whole.append(one)
    middle = np.array([(settings.width_px - 1) / 2, (settings.height_px - 1) / 2])
    centres = [
        ((one.x_um - x_um) / settings.um_per_px, (one.y_um - y_um) / settings.um_per_px) for one in whole
    ]
    return FieldTruth(centre_um, tuple(whole), np.array(centres, np.float64).reshape(-1, 2) + middle)


def is_assessable(settings: SyntheticCamera, number: int) -> bool:
    """Return whether the field of this number is in focus and stood still."""
    if settings.slide == "usual" and abs(focus_um(settings.seed, number)) > SHARP_UM:
        return False
    return float(np.hypot(*field_place(settings, number).drift_um)) <= STILL_UM


def heads_shown(settings: SyntheticCamera, fields: int) -> tuple[Sperm, ...]:
    """Return every head, gradable or not, whose centre lies in one of the first fields of a scan."""
    found = {one.id: one for number in range(fields) for one in sperm_near(settings, number, 0.0)}
    return tuple(found.values())


def _reach_um(one: Sperm) -> tuple[float, float]:
    """Return half the width and height, in µm, of the box around a head's ellipse."""
    cos, sin = np.cos(np.radians(one.angle_deg)), np.sin(np.radians(one.angle_deg))
    a, b = one.length_um / 2, one.width_um / 2
    return float(np.hypot(a * cos, b * sin)), float(np.hypot(a * sin, b * cos))
