"""Where on the slide a field and its heads are, in µm."""

import numpy as np
from numpy.typing import NDArray


def slide_positions_um(
    centre_px: NDArray[np.float64], shape_px: tuple[int, int], stage_um: tuple[float, float], um_per_px: float
) -> NDArray[np.float64]:
    """Return slide positions (N, 2), (x, y) in µm, of field positions (N, 2), (x, y) in pixels.

    `shape_px` is the field's (H, W); `stage_um` is the slide position of its centre. The camera's rows and
    columns run along the stage's axes.
    """
    height, width = shape_px
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    return np.asarray(np.asarray(stage_um) + (centre_px - middle) * um_per_px, np.float64)
