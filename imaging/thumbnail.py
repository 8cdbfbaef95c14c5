"""A field shrunk to what tells where it is: stain as darkness, light and dust and noise taken away.

Knows one field; no slide and no neighbour.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

_UM_PER_PX = 0.276
"""About so many µm are one pixel of a thumbnail: a head is 15 pixels long."""
_LIGHT_UM = 9.0
"""The empty slide is looked for over so many µm around a pixel, more than a head."""
_FAINT = 0.05
"""Dust on the sensor, film and noise take less of the light than so; they must not be recognised."""
_FULL = 0.45
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 85)


def shrunk_times(um_per_px: float) -> int:
    """Return how many pixels of a field, along each side, are one of its thumbnail."""
    return max(1, round(_UM_PER_PX / um_per_px))


def thumbnail(field: NDArray[np.uint8], um_per_px: float) -> bytes:
    """Return a field (H, W, 3), RGB, as a JPEG of stain, 0 for the empty slide to 255.

    As a JPEG, because it is one in the store: a process that goes on from there must see the very same.
    """
    times = shrunk_times(um_per_px)
    height, width = field.shape[0] // times, field.shape[1] // times
    green = cv2.extractChannel(field[: height * times, : width * times], 1)
    small = cv2.resize(green, (width, height), interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(small, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    reach = 2 * round(_LIGHT_UM / (um_per_px * times * 4) / 2) + 1
    empty = cv2.dilate(coarse, np.ones((reach, reach), np.uint8))
    empty = cv2.resize(cv2.blur(empty, (reach, reach)), (width, height), interpolation=cv2.INTER_LINEAR)
    dark = 1 - small.astype(np.float32) / np.maximum(empty, 1).astype(np.float32)
    stain = np.clip((dark - _FAINT) * np.float32(255 / (_FULL - _FAINT)), 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", stain, _JPEG)[1].tobytes()


def stain_of(jpeg: bytes) -> NDArray[np.uint8]:
    """Return the stain (h, w) of a thumbnail."""
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def detail(field: NDArray[np.uint8]) -> float:
    """Return how fine the detail of a field (H, W, 3), RGB, is: the mean square of its steps, by its brightness."""
    rows = field[::8, :, 1].astype(np.float32)
    steps = rows[:, 2:] - rows[:, :-2]
    return float((steps * steps).mean() / max(1.0, float(rows.mean())) ** 2)
