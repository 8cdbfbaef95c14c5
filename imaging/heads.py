"""The objects found in one field, as arrays side by side."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RejectReason = Literal[
    "", "border", "overlap", "defocus", "size", "shape", "dirty_background", "not_a_head", "low_contrast"
]
"""Why an object is not classified; empty: it is."""


@dataclass(frozen=True)
class Heads:
    """The N objects of a field, in row-major order of their centres."""

    labels: NDArray[np.uint16]
    """(H, W): 0 background, i + 1 = object i."""
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
    outlines: tuple[NDArray[np.int32], ...]
    """N closed polygons (M, 2): x, y."""

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """(N,): which objects are heads to classify."""
        return np.array([not reason for reason in self.reason], dtype=np.bool_)
