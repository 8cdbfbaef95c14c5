"""A usual smear's field as light falls on the sensor: two dyes by Beer-Lambert, film, and litter.

Densities are natural logarithms. Measured on no slide of ours: shaped to look like published Diff-Quik fields.
"""

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.drivers.slide_layout import Sperm

Plane = NDArray[np.float32]
Lengths = NDArray[np.floating]
_THIAZINE = (1.0, 0.88, 0.05)
"""Density in red, green and blue of one unit of the blue dye."""
_EOSIN = (0.12, 1.0, 0.05)
_LEVELS = 80.0
"""Grey levels of a drawn mask for one unit of density."""
_SHIFT = 4
"""Fractional bits of OpenCV's drawing coordinates."""
_SOFT_UM = 0.1
"""Litter has no sharp rim."""
_MOTTLE, _TYPICAL_FILM = 0.8, 0.02
"""Least density of litter as a share of the usual, and the film's density where it is the usual."""
_MIDPIECE, _TAIL = 0.26, 0.11
"""Thiazine of midpiece and tail."""


def draw_smear(
    sperm: Iterable[Sperm],
    marks: NDArray[np.float64],
    film: Plane,
    corner_um: NDArray[np.float64],
    um_per_px: float,
    stain: float,
    background: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """Return a field (H, W, 3), RGB, of the shape of its `film` (H, W), whose first pixel is at `corner_um` (x, y).

    `marks` (M, 7) as `Litter` has them; `stain` multiplies every density; `background` (3,) is bare glass, RGB.
    """
    shown = list(sperm)
    thiazine, eosin = _draw_marks(marks, film.shape, corner_um, um_per_px)
    for dye in (thiazine, eosin):
        cv2.GaussianBlur(dye, (0, 0), _SOFT_UM / um_per_px, dst=dye)
        dye *= _MOTTLE + (1 - _MOTTLE) / _TYPICAL_FILM * film
    thiazine += _draw_tails(shown, film.shape, corner_um, um_per_px)
    thiazine += film * 0.35
    eosin += film
    for one in shown:
        _stain_head(thiazine, eosin, one, (np.array([one.x_um, one.y_um]) - corner_um) / um_per_px, um_per_px)
    field = cv2.merge(
        [_transmit(thiazine, eosin, stain, channel, float(background[channel])) for channel in range(3)]
    )
    return np.asarray(field, np.uint8)


def _transmit(thiazine: Plane, eosin: Plane, stain: float, channel: int, bare: float) -> NDArray[np.uint8]:
    density = cv2.addWeighted(thiazine, -stain * _THIAZINE[channel], eosin, -stain * _EOSIN[channel], 0)
    return np.asarray(cv2.convertScaleAbs(cv2.exp(density, dst=density), alpha=bare), np.uint8)


def _fixed(
    points_um: NDArray[np.float64], corner_um: NDArray[np.float64], um_per_px: float
) -> NDArray[np.int32]:
    return np.asarray(np.round((points_um - corner_um) / um_per_px * (1 << _SHIFT)), np.int32)


def _draw_marks(
    marks: NDArray[np.float64], shape: tuple[int, ...], corner_um: NDArray[np.float64], um_per_px: float
) -> tuple[Plane, Plane]:
    """Return the densities of litter, the denser drawn over the paler."""
    blue, pink = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    marks = marks[np.argsort(marks[:, 5:].sum(1), kind="stable")]
    begins, ends = _fixed(marks[:, 0:2], corner_um, um_per_px), _fixed(marks[:, 2:4], corner_um, um_per_px)
    widths = np.maximum(1, np.rint(marks[:, 4] / um_per_px)).astype(int)
    levels = np.rint(marks[:, 5:] * _LEVELS).clip(0, 255)
    drawn = zip(begins.tolist(), ends.tolist(), widths.tolist(), levels.tolist(), strict=True)
    for begin, end, width, (thiazine, eosin) in drawn:
        cv2.line(blue, begin, end, thiazine, width, cv2.LINE_AA, _SHIFT)
        cv2.line(pink, begin, end, eosin, width, cv2.LINE_AA, _SHIFT)
    scale = np.float32(1 / _LEVELS)
    return blue * scale, pink * scale


def _draw_tails(
    sperm: list[Sperm], shape: tuple[int, ...], corner_um: NDArray[np.float64], um_per_px: float
) -> Plane:
    """Return the thiazine of midpieces and tails; a tail thins and pales towards its end."""
    layers = np.zeros((2, *shape), np.uint8)
    for one in sperm:
        if not len(one.tail_um):
            continue
        turn = np.radians(one.angle_deg)
        neck = np.array([one.x_um, one.y_um]) - np.array([np.cos(turn), np.sin(turn)]) * one.length_um * 0.46
        course = _fixed(np.vstack([neck, one.tail_um]), corner_um, um_per_px)
        layer = layers[one.id % 2]  # two layers, so that most crossings darken
        for part, width_um, share in (
            (course[22:], 0.24, 0.8 * _TAIL),
            (course[5:23], 0.34, 1.2 * _TAIL),
            (course[3:6], 0.42, 0.8 * _MIDPIECE),
            (course[:4], 0.5, _MIDPIECE),
        ):
            level = round(share / _MIDPIECE * 255)
            cv2.polylines(
                layer, [part], False, level, max(1, round(width_um / um_per_px)), cv2.LINE_AA, _SHIFT
            )
    scale = np.float32(_MIDPIECE / 255)
    return np.asarray(layers[0] * scale + layers[1] * scale, np.float32)


def head_at(one: Sperm, dx: Lengths, dy: Lengths) -> tuple[Lengths, Lengths, Lengths]:
    """Return for places in µm from a head's centre how deep in it they lie, in µm, and where along and across, -1 to 1.

    What is not in the head has a depth below 0.
    """
    cos, sin = math.cos(math.radians(one.angle_deg)), math.sin(math.radians(one.angle_deg))
    along = (dx * cos + dy * sin) / (one.length_um / 2)
    across = (dy * cos - dx * sin) / (one.width_um / 2)
    if one.form == "amorphous":
        across = across + 0.35 * along**2 - 0.12
    dent = 1 - abs(one.waist) * np.exp(-(((along - one.waist_at) / 0.35) ** 2)) * (across * one.waist > 0)
    taper = dent * (1 - (0.5 if one.form == "pyriform" else 0.12) * np.clip(-along, 0, 1))
    return (1 - np.hypot(along, across / taper)) * one.width_um / 2, along, across


def _stain_head(
    thiazine: Plane, eosin: Plane, one: Sperm, centre_px: NDArray[np.float64], um_per_px: float
) -> None:
    """Lay a head over both dyes: pink and pale in front, dark blue behind, thinner towards its rim."""
    reach = int(0.6 * one.length_um / um_per_px) + 2
    x0, y0 = (max(0, int(value) - reach) for value in centre_px)
    x1, y1 = (
        min(size, int(value) + reach) for size, value in zip(thiazine.shape[::-1], centre_px, strict=True)
    )
    if x0 >= x1 or y0 >= y1:
        return
    dx = (np.arange(x0, x1, dtype=np.float32) - float(centre_px[0])) * um_per_px
    dy = (np.arange(y0, y1, dtype=np.float32) - float(centre_px[1]))[:, None] * um_per_px
    depth_um, along, across = head_at(one, dx, dy)
    inside = np.clip(depth_um / um_per_px + 0.5, 0, 1)
    thickness = (0.55 + 0.45 * np.clip(depth_um / 0.55, 0, 1)).astype(np.float32)
    for x, y, wide_um in one.vacuoles:
        spot = ((along - x) * one.length_um) ** 2 + ((across - y) * one.width_um) ** 2
        thickness -= 0.45 * np.exp(-spot / np.float32(wide_um**2 / 2)).astype(np.float32)
    front = np.clip((along - (1 - 2 * one.acrosome_share) + 0.12 * across**2) / 0.3 + 0.5, 0, 1)
    front = front * front * (3 - 2 * front)
    tip = np.clip(along, 0, 1)
    behind = one.density * (1 - 0.3 * along)
    patch = np.s_[y0:y1, x0:x1]
    for dye, acrosome, nucleus in ((thiazine, 0.42 - 0.22 * tip, 1.35), (eosin, 0.62 - 0.3 * tip, 1.7)):
        head = thickness * (front * acrosome + (1 - front) * behind * nucleus)
        dye[patch] += inside * np.maximum(head - dye[patch], 0)
