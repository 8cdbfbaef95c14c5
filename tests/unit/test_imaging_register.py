"""Where one field lies on another is told by film and stain alike, and never if they show different places."""

from functools import lru_cache

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from zpscope.imaging.register import Match, Pattern, register
from zpscope.imaging.slide_map import stands_alone
from zpscope.imaging.thumbnail import darkness_of, shrunk_times, thumbnail

UM_PER_PX = 0.138
SHAPE = (300, 400)
SLIDE = (700, 900)


@lru_cache
def slide(seed: int, heads: int) -> NDArray[np.float32]:
    """Return a part of a slide (H, W): film that takes up to a thirtieth of the light, and some dark ovals."""
    rng = np.random.default_rng(seed)
    film = cv2.GaussianBlur(rng.standard_normal(SLIDE).astype(np.float32), (0, 0), 5)
    light = 225 - 4 * film / film.std()
    for x, y in rng.uniform(0, SLIDE[::-1], (heads, 2)).tolist():
        axes, way = (17, 11), float(rng.uniform(0, 180))
        cv2.ellipse(light, (round(x), round(y)), axes, way, 0, 360, 110, -1, cv2.LINE_AA)
    return np.asarray(light, np.float32)


def view(light: NDArray[np.float32], x: float, y: float, seed: int = 0) -> Pattern:
    """Return what a camera makes of the field whose first pixel is at (x, y): with noise and an exposure of its own."""
    rng = np.random.default_rng(seed)
    field = cv2.warpAffine(light, np.array([[1.0, 0, -x], [0, 1, -y]]), SHAPE[::-1])
    noisy = field * rng.uniform(0.96, 1.04) + rng.normal(0, 2, SHAPE)
    rgb = np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return Pattern(darkness_of(thumbnail(rgb, UM_PER_PX)))


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 250), st.floats(0, 180), st.sampled_from([0, 12]))
def test_a_field_is_found_on_the_one_before_to_a_fraction_of_a_pixel(x: float, y: float, heads: int) -> None:
    light = slide(1, heads)
    match = register(view(light, 100, 80, seed=1), view(light, 100 + x, 80 + y, seed=2))
    assert match is not None
    assert stands_alone(match)
    times = shrunk_times(UM_PER_PX)
    assert max(abs(match.offset_px[0] * times - x), abs(match.offset_px[1] * times - y)) < 1


def test_one_head_in_the_corner_of_bare_glass_is_enough() -> None:
    light = np.full(SLIDE, 225, np.float32)
    cv2.ellipse(light, (370, 262), (17, 11), 30, 0, 360, 110, -1, cv2.LINE_AA)
    times = shrunk_times(UM_PER_PX)
    match = register(view(light, 0, 0, seed=1), view(light, 0, 226, seed=2), (8 / times, 215 / times), 25)
    assert match is not None
    assert match.stain > 0.95
    assert max(abs(match.offset_px[0] * times), abs(match.offset_px[1] * times - 226)) < 1


def test_a_guess_narrows_the_search() -> None:
    light = slide(1, 12)
    first, second = view(light, 0, 0), view(light, 60, 40, seed=2)
    times = shrunk_times(UM_PER_PX)
    near = register(first, second, (58 / times, 43 / times), 4)
    far = register(first, second, (-120 / times, 43 / times), 4)
    assert near is not None
    assert abs(near.offset_px[0] * times - 60) < 1
    assert far is None or far.evidence < 6


def matches(heads: int) -> list[Match]:
    views = [view(slide(seed, heads), 100, 100, seed) for seed in range(2, 10)]
    pairs = [(one, other) for i, one in enumerate(views) for other in views[:i]]
    return [match for one, other in pairs if (match := register(one, other))]


def test_fields_of_different_places_are_not_taken_for_one() -> None:
    assert not any(map(stands_alone, matches(heads=12)))
    assert not any(map(stands_alone, matches(heads=0)))


def test_dust_on_the_sensor_does_not_hold_a_field_with_heads() -> None:
    """Rings that stay where they are, over a slide that moved: the slide is believed."""
    light = slide(1, 12)
    dust = np.zeros(SHAPE, np.uint8)
    for x, y in np.random.default_rng(3).uniform(0, SHAPE[::-1], (7, 2)).tolist():
        cv2.circle(dust, (round(x), round(y)), 8, 6, 2)

    def dusty(x: float) -> Pattern:
        field = cv2.warpAffine(light, np.array([[1.0, 0, -x], [0, 1, 0]]), SHAPE[::-1]) - dust
        rgb = np.repeat(np.clip(field, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
        return Pattern(darkness_of(thumbnail(rgb, UM_PER_PX)))

    match = register(dusty(0), dusty(200))
    assert match is not None
    assert stands_alone(match)
    assert abs(match.offset_px[0] * shrunk_times(UM_PER_PX) - 200) < 1
