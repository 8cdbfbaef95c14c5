"""Which heads of a field may count, and where they lie from its centre.

The counting frame is the field less a guard on every side, and a head belongs to it by its centre alone. Every head
whose centre lies inside is whole, however large, so that its size neither favours nor loses it (Gundersen 1977,
*J. Microsc.* 111:219: the associated point rule); one outside waits for the neighbouring field.
"""

import numpy as np
from numpy.typing import NDArray

GUARD_UM = 4.0
"""No head that is graded reaches farther from its centre: it would be 8 µm long, and 5.5 is long (WHO)."""


def offsets_um(
    centre_px: NDArray[np.float64], shape_px: tuple[int, int], um_per_px: float
) -> NDArray[np.float64]:
    """Return where heads (N, 2), (x, y) in pixels, lie from the centre of a field of `shape_px` (H, W), in µm.

    The camera's rows and columns run along the stage's axes.
    """
    height, width = shape_px
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    return np.asarray((centre_px - middle) * um_per_px, np.float64)


def in_frame(offsets: NDArray[np.float64], size_um: tuple[float, float]) -> NDArray[np.bool_]:
    """Return which places (N, 2), in µm from a field's centre, are in the counting frame of a field so large."""
    return np.asarray((np.abs(offsets) < np.array(size_um) / 2 - GUARD_UM).all(axis=-1))
