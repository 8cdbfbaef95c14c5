"""The spacing of drawn lines comes back to a fifth of a per cent, at any angle; what has no lines is refused."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from zpscope.config.errors import PictureRefused
from zpscope.imaging.micrometer import line_spacing

HEIGHT_PX, WIDTH_PX = 640, 800


def ruler(
    spacing_px: float,
    angle_deg: float,
    *,
    blur_px: float = 1.5,
    light: float = 0.3,
    noise: float = 3,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Draw dark lines, every fifth longer, under uneven light; (H, W)."""
    rng = np.random.default_rng(seed)
    ys, xs = np.mgrid[:HEIGHT_PX, :WIDTH_PX].astype(np.float64)
    ys, xs = ys - HEIGHT_PX / 2, xs - WIDTH_PX / 2
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    across, along = xs * cos + ys * sin, ys * cos - xs * sin
    line = np.rint((across + 11.3) / spacing_px)
    off = np.abs(across + 11.3 - line * spacing_px)
    long = np.where(line % 5 == 0, 260, 200)
    dark = np.clip(0.1 * spacing_px / 2 + 0.5 - off, 0, 1) * (np.abs(along) < long)
    lit = 200 * (1 - light / 2 + light * (0.6 * xs / WIDTH_PX - 0.8 * (ys / HEIGHT_PX) ** 2))
    blurred = np.asarray(cv2.GaussianBlur(lit * (1 - 0.7 * dark), (0, 0), blur_px), np.float64)
    noisy: NDArray[np.float64] = blurred + rng.normal(0, noise, blurred.shape)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


@settings(max_examples=20, deadline=None)
@given(
    spacing_px=st.floats(40, 110),
    angle_deg=st.floats(-90, 90),
    blur_px=st.floats(0.5, 3),
    light=st.floats(0, 0.5),
    seed=st.integers(0, 99),
)
def test_the_spacing_comes_back(
    spacing_px: float, angle_deg: float, blur_px: float, light: float, seed: int
) -> None:
    found = line_spacing(ruler(spacing_px, angle_deg, blur_px=blur_px, light=light, seed=seed))
    assert found.px == pytest.approx(spacing_px, rel=0.002)
    assert found.error_px < 0.004 * spacing_px
    assert abs((found.angle_deg - angle_deg + 90) % 180 - 90) < 0.3


def test_bright_lines_and_colour_pictures_do_as_well() -> None:
    drawn = ruler(97.3, 12)
    assert line_spacing(255 - drawn).px == pytest.approx(97.3, rel=0.002)
    assert line_spacing(np.repeat(drawn[..., None], 3, 2)).px == pytest.approx(97.3, rel=0.002)


def _uneven() -> NDArray[np.uint8]:
    drawn = np.full((HEIGHT_PX, WIDTH_PX), 200, np.uint8)
    for x in (60, 190, 250, 420, 470, 560, 700, 760):
        cv2.line(drawn, (x, 0), (x, HEIGHT_PX), 60, 8)
    return drawn


@pytest.mark.parametrize(
    "picture",
    [
        np.full((HEIGHT_PX, WIDTH_PX), 128, np.uint8),
        np.random.default_rng(0).integers(0, 255, (HEIGHT_PX, WIDTH_PX), np.uint8),
        ruler(330, 3),
        _uneven(),
    ],
    ids=["empty", "noise", "two lines", "uneven"],
)
def test_a_picture_without_regular_lines_is_refused(picture: NDArray[np.uint8]) -> None:
    with pytest.raises(PictureRefused, match="focus a stage micrometer"):
        line_spacing(picture)
