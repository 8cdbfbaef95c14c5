"""Crops as they might as well have been cut: turned, shifted, mirrored, brighter or darker, noisier.

Each change stays within what segmentation and stain leave open for the same head; none moves the acrosome.
Knows no network.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Augmentation:
    """How far a crop is changed; every amount is drawn evenly from -limit to +limit."""

    turn_deg: float = 12.0
    shift_px: float = 4.0
    scale_percent: float = 5.0
    brightness: float = 8.0
    """Grey levels added to every pixel."""
    contrast_percent: float = 8.0
    noise: float = 3.0
    """Standard deviation of added noise, in grey levels; drawn from 0 up."""
    flip_vertical_percent: float = 0.0
    """Share of crops turned acrosome down, as an alignment that took the tail side for the anterior one does."""


def augment(crops: NDArray[np.uint8], random: np.random.Generator, how: Augmentation) -> NDArray[np.uint8]:
    """Return changed copies of crops (N, 128, 128); what moves in from outside repeats the border's pixels."""
    return np.stack([_augment_one(crop, random, how) for crop in crops])


def _augment_one(
    crop: NDArray[np.uint8], random: np.random.Generator, how: Augmentation
) -> NDArray[np.uint8]:
    turn, right, down, scale, light, contrast = random.uniform(-1, 1, 6).tolist()
    noise, mirror, upset = random.uniform(0, 1, 3).tolist()
    middle = (crop.shape[1] - 1) / 2
    matrix = cv2.getRotationMatrix2D(
        (middle, middle), turn * how.turn_deg, 1 + scale * how.scale_percent / 100
    )
    matrix[:, 2] += (right * how.shift_px, down * how.shift_px)
    moved = cv2.warpAffine(crop, matrix, crop.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    if mirror < 0.5:
        moved = moved[:, ::-1]
    if upset * 100 < how.flip_vertical_percent:
        moved = moved[::-1]
    moved_grey = np.asarray(moved, np.float64)
    level = float(moved_grey.mean())
    spread = 1 + contrast * how.contrast_percent / 100
    added = light * how.brightness + random.normal(0, noise * how.noise, crop.shape)
    grey = level + (moved_grey - level) * spread + added
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)
