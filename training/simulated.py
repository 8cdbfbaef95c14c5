"""Labelled crops of simulated heads, found and cut by the very code that does it live.

Only heads that segmentation accepted become crops, so that training sees what the daemon will show the model,
its faults included. A crop gets the class of the simulated head it lies on. Knows no network.
"""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import FieldRefused
from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.open_camera import open_camera
from zpscope.drivers.truth import heads_in_field
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.crop import CROP_PX, cut_crops
from zpscope.imaging.decode import decode
from zpscope.imaging.examine import examine

NEAR_UM = 1.5
"""A crop belongs to the simulated head whose centre is at most so far away; half a head's length is 2.2."""
_GRAB_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class LabelledCrops:
    """Crops with their classes."""

    crops: NDArray[np.uint8]
    """(N, 128, 128)."""
    bound: NDArray[np.bool_]
    """(N,) drawn as able to bind the zona pellucida."""
    foreign: int
    """Accepted objects that are no simulated head; they have no class and are left out."""

    @property
    def digest(self) -> str:
        """SHA-256 of every crop and class, in order."""
        return sha256(self.crops.tobytes() + self.bound.tobytes()).hexdigest()


def label_slide(settings: SyntheticCamera) -> LabelledCrops:
    """Scan a simulated slide of a given number of fields and label the heads that were accepted."""
    parts: list[LabelledCrops] = []
    colour = SlideColour.fresh()
    with open_camera(settings) as camera:
        for index in range(settings.fields or 0):
            grab = camera.grab(_GRAB_TIMEOUT_S)
            field = decode(grab.pixels, camera.format.layout)
            try:
                examination = examine(field, settings.um_per_px, colour)
            except FieldRefused:
                continue
            colour = examination.colour
            if examination.skip:
                continue
            crops = cut_crops(field, examination.heads, settings.um_per_px)
            centres_px = examination.heads.centre_px[examination.heads.accepted]
            parts.append(_label(settings, index, crops, centres_px))
    return gather(parts)


def gather(parts: list[LabelledCrops]) -> LabelledCrops:
    """Return the crops of several fields or slides as one."""
    nothing = LabelledCrops(np.empty((0, CROP_PX, CROP_PX), np.uint8), np.empty(0, np.bool_), 0)
    parts = parts or [nothing]
    return LabelledCrops(
        np.concatenate([part.crops for part in parts]),
        np.concatenate([part.bound for part in parts]),
        sum(part.foreign for part in parts),
    )


def match(found_px: NDArray[np.float64], true_px: NDArray[np.float64], near_px: float) -> NDArray[np.intp]:
    """Return for each found point (A, 2) the index of its true point (T, 2), or -1.

    Two belong together when each is the other's nearest and they are at most `near_px` apart.
    """
    if not len(found_px) or not len(true_px):
        return np.full(len(found_px), -1, np.intp)
    apart = np.linalg.norm(found_px[:, None] - true_px[None], axis=2)  # (A, T)
    nearest = apart.argmin(axis=1)
    mutual = apart.argmin(axis=0)[nearest] == np.arange(len(found_px))
    return np.where(mutual & (apart.min(axis=1) <= near_px), nearest, -1)


def _label(
    settings: SyntheticCamera, number: int, crops: NDArray[np.uint8], centres_px: NDArray[np.float64]
) -> LabelledCrops:
    """Give the crops (A, 128, 128) of one field the classes of the heads they lie on."""
    known = heads_in_field(settings, number)
    belongs = match(centres_px, known.centre_px, NEAR_UM / settings.um_per_px)
    found = belongs >= 0
    bound = np.array([one.bound for one in known.sperm], np.bool_)
    return LabelledCrops(crops[found], bound[belongs[found]], int((~found).sum()))
