"""Stained fields drawn for the tests: colours as on real ones, heads where a test wants them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

BACKGROUND, TAIL, ACROSOME, NUCLEUS = (230, 228, 228), (206, 198, 218), (176, 108, 214), (82, 20, 190)
"""RGB."""
_FINE = 3
"""Everything is drawn on so many times as fine a grid, and averaged."""


@dataclass(frozen=True)
class DrawnHead:
    """A head as a test wants it: an ellipse, its front part acrosome, a tail at its rear."""

    x_px: float
    y_px: float
    angle_deg: float = -90.0
    length_um: float = 4.6
    width_um: float = 3.0
    tail: bool = True


def draw_field(
    heads: list[DrawnHead],
    um_per_px: float = 0.052,
    shape: tuple[int, int] = (400, 500),
    noise: float = 1.5,
    seed: int = 1,
) -> NDArray[np.uint8]:
    """Return a field (H, W, 3), RGB."""
    fine = np.empty((shape[0] * _FINE, shape[1] * _FINE, 3), np.uint8)
    fine[:] = BACKGROUND
    for head in heads:
        _draw(fine, head, um_per_px / _FINE)
    field = cv2.resize(fine, (shape[1], shape[0]), interpolation=cv2.INTER_AREA).astype(np.float64)
    grain: NDArray[np.float64] = np.random.default_rng(seed).normal(0, noise, (*shape, 3))
    blurred = np.asarray(cv2.GaussianBlur(field, (0, 0), 0.08 / um_per_px), np.float64)
    return np.asarray(np.clip(np.round(blurred + grain), 0, 255), np.uint8)


def _draw(fine: NDArray[np.uint8], head: DrawnHead, um_per_px: float) -> None:
    centre = np.array([head.x_px + 0.5, head.y_px + 0.5]) * _FINE - 0.5
    front = np.array([np.cos(np.radians(head.angle_deg)), np.sin(np.radians(head.angle_deg))])
    half = np.array([head.length_um, head.width_um]) / 2 / um_per_px
    if head.tail:
        neck, far = centre - front * half[0] * 0.9, centre - front * half[0] * 6
        cv2.line(fine, _whole(neck), _whole(far), TAIL, max(1, round(0.6 / um_per_px)), cv2.LINE_AA)
    box = (tuple(centre.tolist()), tuple((2 * half).tolist()), head.angle_deg)
    inside = np.zeros(fine.shape[:2], np.uint8)
    cv2.ellipse(inside, box, 1, -1)
    ys, xs = np.nonzero(inside)
    anterior = (np.stack([xs, ys], 1) - centre) @ front > 0
    fine[ys, xs] = np.where(anterior[:, None], ACROSOME, NUCLEUS)


def _whole(point: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
