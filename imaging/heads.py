"""The objects found in one field, as arrays side by side."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

RejectReason = Literal[
    "", "border", "overlap", "defocus", "size", "shape", "dirty_background", "not_a_head", "low_contrast"
]
"""Why an object is not classified; empty: it is."""


@dataclass(frozen=True)
class Heads:
    """The N objects of a field, in row-major order of their centres."""

    field_px: tuple[int, int]
    """H, W of the field."""
    polygons: NDArray[np.float64]
    """(N, M, 2): closed outlines, x and y."""
    likely: NDArray[np.float64]
    """(N,): how likely a head it is by itself; where two overlap, the likelier is seen."""
    centre_px: NDArray[np.float64]
    """(N, 2): x, y."""
    angle_deg: NDArray[np.float64]
    """(N,): direction from the centre to the anterior tip, atan2(dy, dx) with y down."""
    angle_confidence: NDArray[np.float64]
    """(N,): 0 to 1, that the anterior side is the right one of the two."""
    area_um2: NDArray[np.float64]
    """(N,)."""
    length_um: NDArray[np.float64]
    """(N,): extent along the axis."""
    width_um: NDArray[np.float64]
    """(N,): extent across the axis."""
    sharpness: NDArray[np.float64]
    """(N,): the steepest rise of the outline, in shares of the object's contrast per µm."""
    reason: tuple[str, ...]
    """(N,): a `RejectReason`."""

    @cached_property
    def outlines(self) -> NDArray[np.int32]:
        """Closed outlines (N, M, 2), x and y, in whole pixels."""
        return np.rint(self.polygons).astype(np.int32)

    @cached_property
    def labels(self) -> NDArray[np.uint16]:
        """The label picture (H, W): 0 background, i + 1 = object i. Drawn when it is asked for."""
        labels = np.zeros(self.field_px, np.uint16)
        for i in np.argsort(-self.likely, kind="stable")[::-1].tolist():
            fill(labels, self.polygons[i], i + 1)
        return labels

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """(N,): which objects are heads to classify."""
        return np.array([not reason for reason in self.reason], dtype=np.bool_)


_SUBPIXEL_BITS = 4


def fill(picture: NDArray[np.uint8] | NDArray[np.uint16], polygon: NDArray[np.float64], value: int) -> None:
    """Draw a closed polygon (M, 2), x and y, into a picture (H, W)."""
    corners = np.rint(polygon * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(picture, [corners], value, shift=_SUBPIXEL_BITS)
