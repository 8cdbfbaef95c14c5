"""What optics and sensor make of a usual smear: focus, motion, vignette, dust, exposure drift, shot and read noise.

Everything depends on the seed and the number of the exposure alone. Knows no sperm.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

_DEFOCUSED_SHARE = 0.04
SHARP_UM = 0.3
"""Farther from focus a field is not assessable."""
_PSF_UM = 0.09
_BLUR_PER_UM = 0.6
"""Standard deviation of the blur in µm for each µm out of the depth of field; a disc's radius is about 1.5."""
_DEPTH_UM = 0.2
_STEEPEST = 0.002
"""Tilt of a slide, in µm for each µm."""
_EVEN_UM = 0.02
"""Blurs that differ by less are one."""
_ELECTRONS_PER_LEVEL = 41.0
"""Full well 10.5 ke- at level 255 (IMX250 class)."""
_READ_NOISE = 0.06
"""In levels: 2.5 electrons."""

_HOT_SHARE = 1e-5
_SHIFT = 4
"""Fractional bits of OpenCV's drawing coordinates."""


def focus_um(seed: int, number: int) -> float:
    """Return how far from focus, in µm, the field of this number was exposed."""
    rng = np.random.default_rng((seed, 4, number))
    if rng.uniform() < _DEFOCUSED_SHARE:
        return float(rng.choice((-1, 1)) * rng.uniform(1.2, 2.5))
    return float(np.clip(rng.normal(0, 0.12), -SHARP_UM, SHARP_UM))


def blur_um(out_of_focus_um: float) -> float:
    """Return the standard deviation of the blur in µm."""
    return float(np.hypot(_PSF_UM, _BLUR_PER_UM * max(0.0, abs(out_of_focus_um) - _DEPTH_UM)))


def tilt(seed: int) -> NDArray[np.float64]:
    """Return how the slide of a seed is tilted: µm out of focus for each µm to the right and down, (2,)."""
    rng = np.random.default_rng((seed, 16))
    way = rng.uniform(-np.pi, np.pi)
    return np.asarray(np.array([np.cos(way), np.sin(way)]) * rng.uniform(0, _STEEPEST))


def defocus(
    field: NDArray[np.uint8], um_per_px: float, out_of_focus_um: float, slope: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Return a field (H, W, 3) blurred by how far each place is from focus: `out_of_focus_um` at its centre.

    `slope` (2,) is what `tilt` gives. Between the least and the greatest blur of a field it is interpolated.
    """
    height, width = field.shape[:2]
    ys, xs = np.linspace(-0.5, 0.5, height)[:, None] * height, np.linspace(-0.5, 0.5, width) * width
    corner_um = um_per_px * float(np.abs(slope * (width, height)).sum()) / 2
    most, least = (
        blur_um(abs(out_of_focus_um) + corner_um),
        blur_um(max(0.0, abs(out_of_focus_um) - corner_um)),
    )
    soft = np.asarray(cv2.GaussianBlur(field, (0, 0), most / um_per_px), np.uint8)
    if most - least < _EVEN_UM:
        return soft
    sharp = cv2.GaussianBlur(field, (0, 0), least / um_per_px)
    out_um = np.abs(out_of_focus_um + (slope[0] * xs + slope[1] * ys) * um_per_px).astype(np.float32)
    here = np.hypot(_PSF_UM, _BLUR_PER_UM * np.maximum(out_um - np.float32(_DEPTH_UM), 0))
    share = np.asarray(((here - least) / (most - least)).clip(0, 1), np.float32)
    return np.asarray(cv2.blendLinear(soft, sharp, share, 1 - share), np.uint8)


def lamp(seed: int, number: int) -> float:
    """Return the light at an exposure of the slide of a seed, 1 at first: a lamp that warms up and flickers."""
    slow, flicker = np.random.default_rng((seed, 17)).uniform(-0.04, 0.04), 0.015
    settled = 1 - np.exp(-number / 200)
    return float(1 + slow * settled + flicker * np.random.default_rng((seed, 2, number)).standard_normal())


def bare_glass(seed: int) -> NDArray[np.float32]:
    """Return the colour (3,), RGB, of bare glass on the slide of a seed."""
    return np.random.default_rng((seed, 7)).uniform((220, 224, 224), (232, 231, 231)).astype(np.float32)


def drag(field: NDArray[np.uint8], drift_px: tuple[float, float]) -> NDArray[np.uint8]:
    """Return a field (H, W, 3) as it looks when it moved so far (x, y) over the slide while it was exposed."""
    length = float(np.hypot(*drift_px))
    if length < 1:
        return field
    reach = int(np.ceil(length / 2)) + 1
    way = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    ends = [[round((reach + sign * part / 2) * (1 << _SHIFT)) for part in drift_px] for sign in (-1, 1)]
    cv2.line(way, ends[0], ends[1], 1.0, 1, cv2.LINE_8, _SHIFT)
    return np.asarray(cv2.filter2D(field, -1, way / way.sum(), borderType=cv2.BORDER_REFLECT), np.uint8)


def sense(field: NDArray[np.uint8], seed: int, number: int) -> NDArray[np.uint8]:
    """Return the mosaic (H, W), red first, that the sensor makes of a field (H, W, 3), RGB."""
    height, width = field.shape[:2]
    mosaic = np.empty((height, width), np.uint8)
    mosaic[0::2, 0::2] = field[0::2, 0::2, 0]
    mosaic[0::2, 1::2] = field[0::2, 1::2, 1]
    mosaic[1::2, 0::2] = field[1::2, 0::2, 1]
    mosaic[1::2, 1::2] = field[1::2, 1::2, 2]
    rng = np.random.default_rng((seed, 2, number))
    noise = _unit_noise((height, width))
    down, right = rng.integers((height, width)).tolist()
    level = mosaic * (_flat((height, width)) * np.float32(lamp(seed, number)))
    level += np.take(_noise_of_level(), mosaic) * np.roll(noise, (down, right), (0, 1))
    seen = np.asarray(cv2.convertScaleAbs(np.maximum(level, 0, out=level)), np.uint8)
    hot, brighter = _hot_pixels((height, width))
    seen.reshape(-1)[hot] = np.minimum(seen.reshape(-1)[hot] + brighter, 255)
    return seen


@lru_cache(maxsize=2)
def _hot_pixels(shape: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of a sensor's hot pixels, and how much brighter they are, in levels."""
    rng = np.random.default_rng(13)
    hot = rng.choice(shape[0] * shape[1], round(_HOT_SHARE * shape[0] * shape[1]), replace=False)
    return hot, rng.integers(40, 256, len(hot))


@lru_cache(maxsize=1)
def _noise_of_level() -> NDArray[np.float32]:
    variance = np.arange(256) / _ELECTRONS_PER_LEVEL + _READ_NOISE**2
    return np.asarray(np.sqrt(variance), np.float32)


@lru_cache(maxsize=1)
def _unit_noise(shape: tuple[int, int]) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


@lru_cache(maxsize=2)
def _flat(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the sensor's flat field (H, W): 10 % darker corners, and the rings of a few grains of dust."""
    height, width = shape
    ys, xs = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
    flat = 1 - 0.05 * (ys[:, None] ** 2 + xs**2)
    dust = np.zeros(shape, np.uint8)
    rng = np.random.default_rng(11)
    for _ in range(7):
        at = [int(value) for value in rng.uniform(0, (width, height))]
        cv2.circle(dust, at, int(rng.integers(6, 11)), 255, 2, cv2.LINE_AA)
    return np.asarray(flat - 0.025 * cv2.GaussianBlur(dust, (0, 0), 1.5).astype(np.float32) / 255, np.float32)
