"""A simulated slide's fields as light falls on the sensor: stain as optical density, Beer-Lambert, blur, vignette."""

from collections.abc import Iterable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.drivers.slide_layout import Sperm

BACKGROUND = np.array([231.0, 229.0, 228.0], np.float32)
_ACROSOME = np.array([178.0, 131.0, 214.0], np.float32)
_POST_ACROSOMAL = np.array([72.0, 22.0, 168.0], np.float32)
_TAIL = np.array([188.0, 190.0, 222.0], np.float32)
_PSF_UM = 0.09
_SHIFT = 4
"""Fractional bits of OpenCV's drawing coordinates."""


def _density(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(-np.log10(colour / BACKGROUND), np.float32)


def draw_field(
    sperm: Iterable[Sperm],
    centre_um: tuple[float, float],
    shape_px: tuple[int, int],
    um_per_px: float,
    stain: float,
) -> NDArray[np.uint8]:
    """Return a field (H, W, 3), RGB, whose centre is at `centre_um`, with the stain's strength `stain` (1: usual)."""
    height, width = shape_px
    corner_um = np.array(centre_um) - np.array([(width - 1) / 2, (height - 1) / 2]) * um_per_px
    density = np.zeros((height, width, 3), np.float32)
    tails = np.zeros((height, width), np.uint8)
    shown = list(sperm)
    for one in shown:
        course = np.round((one.tail_um - corner_um) / um_per_px * (1 << _SHIFT)).astype(np.int32)
        cv2.polylines(tails, [course[:7]], False, 255, max(1, round(0.6 / um_per_px)), cv2.LINE_AA, _SHIFT)
        cv2.polylines(tails, [course[6:]], False, 150, max(1, round(0.32 / um_per_px)), cv2.LINE_AA, _SHIFT)
    drawn = np.flatnonzero(tails)
    density.reshape(-1, 3)[drawn] = tails.reshape(-1)[drawn, None] * (_density(_TAIL) / 255)
    for one in shown:
        _stain_head(density, one, (np.array([one.x_um, one.y_um]) - corner_um) / um_per_px, um_per_px)
    light = _transmit(density, stain)
    cv2.GaussianBlur(light, (0, 0), _PSF_UM / um_per_px, dst=light)
    light *= _vignette(shape_px)[..., None]
    return light.astype(np.uint8)


def _transmit(density: NDArray[np.float32], stain: float) -> NDArray[np.float32]:
    """Return the light (H, W, 3) behind an optical density, by Beer-Lambert."""
    light = np.empty_like(density)
    light[:] = BACKGROUND
    stained = np.flatnonzero(density[..., 0])  # a power is dear, and most of a field is bare glass
    strength = -np.float32(stain) * density.reshape(-1, 3)[stained]
    light.reshape(-1, 3)[stained] = BACKGROUND * np.power(np.float32(10), strength)
    return light


def _stain_head(
    density: NDArray[np.float32], one: Sperm, centre_px: NDArray[np.float64], um_per_px: float
) -> None:
    reach = int(one.length_um / um_per_px) + 2
    x0, y0 = (int(value) - reach for value in centre_px)
    x1, y1 = x0 + 2 * reach, y0 + 2 * reach
    height, width = density.shape[:2]
    x0, y0, x1, y1 = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
    if x0 >= x1 or y0 >= y1:
        return
    ys, xs = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    dx, dy = (xs - centre_px[0]) * um_per_px, (ys - centre_px[1]) * um_per_px
    cos, sin = np.cos(np.radians(one.angle_deg)), np.sin(np.radians(one.angle_deg))
    along = (dx * cos + dy * sin) / (one.length_um / 2)
    across = (dy * cos - dx * sin) / (one.width_um / 2)
    dent = 1 - abs(one.waist) * np.exp(-(((along - one.waist_at) / 0.35) ** 2)) * (across * one.waist > 0)
    taper = dent * (1 - 0.12 * np.clip(-along, 0, 1))
    inside = np.clip((1 - np.hypot(along, across / taper)) * one.width_um / (2 * um_per_px) + 0.5, 0, 1)
    acrosome = np.clip((along - (1 - 2 * one.acrosome_share)) / 0.16 + 0.5, 0, 1)[..., None]
    stain = acrosome * _density(_ACROSOME) + (1 - acrosome) * one.density * _density(_POST_ACROSOMAL)
    patch = density[y0:y1, x0:x1]
    patch += inside[..., None] * np.maximum(stain - patch, 0)


@lru_cache(maxsize=4)
def _vignette(shape_px: tuple[int, int]) -> NDArray[np.float32]:
    height, width = shape_px
    ys, xs = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
    return np.asarray(1 - 0.05 * (ys[:, None] ** 2 + xs**2), np.float32)
