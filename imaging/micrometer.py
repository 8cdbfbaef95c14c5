"""The scale of a picture of a stage micrometer: how far apart its lines are, at any angle, to a part of a pixel.

Knows arrays only. The lines' direction comes from the gradients, their places from the profile across them, and the
spacing from a straight line through the places; how far they are from it says how sure the spacing is.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import PictureRefused

_LINES = 4
"""Fewer lines tell nothing of their regularity."""
_UNEVEN = 0.04
"""Standard deviation of the places, as a share of the spacing, above which lines are not regular."""
_REFINE_DEG = (2.0, 0.4, 0.08, 0.016)
Profile = NDArray[np.float64]


@dataclass(frozen=True)
class Spacing:
    """What the lines say."""

    px: float
    """Distance between neighbouring lines, at right angles to them."""
    error_px: float
    """Half the 95 % interval of that distance."""
    lines: int
    angle_deg: float
    """Direction across the lines, image axes, -90 to 90."""


def line_spacing(picture: NDArray[np.uint8]) -> Spacing:
    """Return the spacing of the lines in a picture (H, W) or (H, W, 3); raise PictureRefused without regular lines."""
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    flat = _flatten(grey.astype(np.float32))
    angle_deg = _across(flat)
    for step in _REFINE_DEG:
        around = angle_deg + np.linspace(-step, step, 9)
        angle_deg = float(around[int(np.argmax([_contrast(_profile(flat, turned)) for turned in around]))])
    profile = _profile(flat, angle_deg)
    if _skewness(profile) < 0:
        profile = -profile
    places = _places(profile, _period(profile))
    if len(places) < _LINES:
        raise _refused(f"shows {len(places)} regular lines, and {_LINES} are needed")
    index = np.rint((places - places[0]) / np.median(np.diff(places)))
    if (np.diff(index) < 1).any() or index[-1] > 1.3 * len(index):
        raise _refused("has lines at uneven distances")
    steps = index - index.mean()
    spacing = float((steps * places).sum() / (steps**2).sum())
    rest = places - places.mean() - spacing * steps
    spread = float(np.sqrt((rest**2).sum() / (len(places) - 2)))
    if spread > _UNEVEN * spacing:
        raise _refused("has lines at uneven distances")
    error = 2 * spread / float(np.sqrt((steps**2).sum()))
    return Spacing(spacing, error, len(places), (angle_deg + 90) % 180 - 90)


def _flatten(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much darker a picture is than its light, from 0; uneven light taken out."""
    light = cv2.GaussianBlur(grey, (0, 0), max(grey.shape) / 6)
    return np.asarray(1 - grey / np.maximum(light, 1), np.float32)


def _across(flat: NDArray[np.float32]) -> float:
    """Return the direction, in degrees, along which the picture changes most."""
    smooth = cv2.GaussianBlur(flat, (0, 0), 2)
    dx, dy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    xx, yy, xy = (float((one * other).sum()) for one, other in ((dx, dx), (dy, dy), (dx, dy)))
    return float(np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)))


def _profile(flat: NDArray[np.float32], angle_deg: float) -> Profile:
    """Return the mean darkness (L,) along the lines, pixel by pixel across them, where enough of them is seen."""
    height, width = flat.shape
    side = int(np.ceil(np.hypot(height, width)))
    turn = np.array(cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, 1), np.float64)
    turn[0, 2] += (side - width) / 2
    turn[1, 2] += (side - height) / 2
    turned = cv2.warpAffine(flat, turn, (side, side), flags=cv2.INTER_CUBIC)
    seen = cv2.warpAffine(np.ones_like(flat), turn, (side, side), flags=cv2.INTER_NEAREST)
    count = seen.sum(0)
    inside = np.flatnonzero(count > 0.3 * count.max())
    columns = slice(int(inside[0]), int(inside[-1]) + 1)
    return np.asarray((turned * seen).sum(0)[columns] / count[columns], np.float64)


def _contrast(profile: Profile) -> float:
    return float((np.diff(profile) ** 2).mean())


def _skewness(profile: Profile) -> float:
    rest = profile - np.median(profile)
    return float((rest**3).mean())


def _period(profile: Profile) -> float:
    """Return about how many pixels apart the lines are."""
    row = profile.reshape(1, -1)
    rest = (cv2.GaussianBlur(row, (0, 0), 1.5) - cv2.GaussianBlur(row, (0, 0), len(profile) / 6)).ravel()
    rest = rest - rest.mean()
    power = np.abs(np.fft.rfft(rest, 2 * len(rest))) ** 2
    same = np.fft.irfft(power)[: len(rest) // 2]
    same = same / np.arange(len(rest), len(rest) - len(same), -1)
    below = np.flatnonzero(same < 0)
    if not len(below) or not same[0] > 0:
        raise _refused("shows no lines")
    after = same[below[0] :]
    inner = np.flatnonzero((after[1:-1] >= after[:-2]) & (after[1:-1] > after[2:])) + 1
    high = [int(peak) for peak in inner if after[peak] > 0.5 * after.max()]
    if not high or after.max() < 0.2 * same[0]:
        raise _refused("shows no lines that repeat")
    return float(below[0] + high[0])


def _places(profile: Profile, period: float) -> Profile:
    """Return where the lines are, by the centre of gravity of what is dark around each."""
    reach = max(2, round(0.3 * period))
    base = np.median(profile)
    height = float(np.quantile(profile, 0.995)) - base
    peaks: list[int] = []
    smooth = cv2.GaussianBlur(profile.reshape(1, -1), (0, 0), max(0.5, 0.03 * period)).ravel()
    for at in np.argsort(smooth)[::-1].tolist():
        if smooth[at] - base < 0.3 * height:
            break
        if all(abs(at - other) > 0.5 * period for other in peaks):
            peaks.append(int(at))
    centres: list[float] = []
    for at in sorted(peaks):
        if at - reach < 0 or at + reach >= len(profile):
            continue  # cut off by the edge
        near = np.arange(at - reach, at + reach + 1)
        weight = np.clip(profile[near] - base - 0.25 * height, 0, None)
        centres.append(float((weight * near).sum() / weight.sum()))
    return np.array(centres)


def _refused(what: str) -> PictureRefused:
    return PictureRefused(
        f"the picture {what}: focus a stage micrometer so that its lines fill the field, nothing else in it"
    )
