"""A field shrunk to what tells where it is: how dark it is against the empty slide around, faint things made much of.

A smear is nowhere empty: the film between the heads is as good as a fingerprint. So that it is not drowned by the
heads, darkness d is kept as arsinh(d / 0.015). Knows one field; no slide and no neighbour.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_UM_PER_PX = 0.276
"""About so many µm are one pixel of a thumbnail: a head is 15 pixels long."""
_LIGHT_UM = 9.0
"""The empty slide is looked for over so many µm around a pixel, more than a head."""
_FAINT = 0.015
"""Film takes about so much of the light."""
_LOWEST, _HIGHEST = -1.0, 4.25
"""Of arsinh(d / _FAINT), what is kept: from a little lighter than the slide around to 0.5 of the light."""
_FILM, _HEAD = 0.03, 0.45
"""Of the light, what film takes at most, and what a dark head takes."""
_LEVELS = 255 / (_HIGHEST - _LOWEST)
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 75)


def shrunk_times(um_per_px: float) -> int:
    """Return how many pixels of a field, along each side, are one of its thumbnail."""
    return max(1, round(_UM_PER_PX / um_per_px))


def thumbnail(field: NDArray[np.uint8], um_per_px: float) -> bytes:
    """Return a field (H, W, 3), RGB, as a JPEG of its darkness.

    As a JPEG, because it is one in the store: a process that goes on from there must see the very same.
    """
    times = shrunk_times(um_per_px)
    height, width = field.shape[0] // times, field.shape[1] // times
    left = times
    shrunk: NDArray[Any] = field[: height * times, : width * times]
    while left % 2 == 0:  # which is ten times as fast as all at once
        left //= 2
        shrunk = cv2.resize(shrunk, (width * left, height * left), interpolation=cv2.INTER_AREA)
    green = cv2.extractChannel(shrunk, 1)
    small = cv2.resize(green, (width, height), interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(small, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    reach = 2 * round(_LIGHT_UM / (um_per_px * times * 4) / 2) + 1
    empty = cv2.dilate(coarse, np.ones((reach, reach), np.uint8))
    empty = cv2.resize(cv2.blur(empty, (reach, reach)), (width, height), interpolation=cv2.INTER_LINEAR)
    dark = 1 - small.astype(np.float32) / np.maximum(empty, 1).astype(np.float32)
    kept = (_arsinh(np.asarray(dark / np.float32(_FAINT), np.float32)) - np.float32(_LOWEST)) * np.float32(
        _LEVELS
    )
    return cv2.imencode(".jpg", np.clip(kept, 0, 255).astype(np.uint8), _JPEG)[1].tobytes()


def darkness_of(jpeg: bytes) -> NDArray[np.float32]:
    """Return arsinh(d / 0.015) for the darkness d of each pixel (h, w) of a thumbnail."""
    kept = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE), np.float32)
    return np.asarray(kept / np.float32(_LEVELS) + np.float32(_LOWEST), np.float32)


def _arsinh(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what `np.arcsinh` does, ten times as fast."""
    return np.asarray(cv2.log(plane + cv2.sqrt(plane * plane + np.float32(1))), np.float32)


def stain_of(jpeg: bytes) -> NDArray[np.uint8]:
    """Return the stain (h, w) of a thumbnail for people to look at: 0 for film and lighter, 255 for a dark head."""
    dark = np.sinh(darkness_of(jpeg)) * np.float32(_FAINT)
    return np.asarray(np.clip((dark - _FILM) * np.float32(255 / (_HEAD - _FILM)), 0, 255), np.uint8)


def detail(field: NDArray[np.uint8]) -> float:
    """Return how fine the detail of a field (H, W, 3), RGB, is: the mean square of its steps, by its brightness."""
    rows = field[::8, :, 1].astype(np.float32)
    steps = rows[:, 2:] - rows[:, :-2]
    return float((steps * steps).mean() / max(1.0, float(rows.mean())) ** 2)
