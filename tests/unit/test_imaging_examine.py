"""Heads drawn where they are known, found there; and what must be refused, refused."""

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.drawn_field import BACKGROUND, NUCLEUS, DrawnHead, draw_field
from zpscope.config.errors import FieldRefused
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.crop import cut_crops
from zpscope.imaging.examine import examine
from zpscope.imaging.heads import Heads

UM_PER_PX = 0.052


def _heads(field: NDArray[np.uint8], um_per_px: float = UM_PER_PX) -> Heads:
    return examine(field, um_per_px, SlideColour.fresh()).heads


def _between(a: float, b: float) -> float:
    return abs((a - b + 180) % 360 - 180)


@pytest.mark.parametrize("um_per_px", [0.04, 0.052, 0.069, 0.1])
def test_drawn_heads_are_found_where_they_are(um_per_px: float) -> None:
    drawn = [DrawnHead(120, 100, 30), DrawnHead(330, 120, -140), DrawnHead(230, 290, 80)]
    heads = _heads(draw_field(drawn, um_per_px), um_per_px)
    assert heads.reason == ("", "", "")
    for i, one in enumerate(drawn):
        assert np.hypot(*(heads.centre_px[i] - [one.x_px, one.y_px])) * um_per_px < 0.15
        assert _between(heads.angle_deg[i], one.angle_deg) < 3
        assert heads.length_um[i] == pytest.approx(one.length_um, abs=0.4)
        assert heads.width_um[i] == pytest.approx(one.width_um, abs=0.4)


@settings(max_examples=30)
@given(st.floats(-180, 180), st.floats(0, 1), st.floats(0, 1))
@example(0.0, 0.0, 0.0)
@example(-90.0, 0.5, 0.5)
def test_a_turned_head_has_a_turned_angle(angle_deg: float, dx: float, dy: float) -> None:
    heads = _heads(draw_field([DrawnHead(100 + dx, 100 + dy, angle_deg)], shape=(200, 200)))
    assert heads.reason == ("",)
    assert _between(float(heads.angle_deg[0]), angle_deg) < 2.5


@settings(max_examples=20)
@given(st.floats(-180, 180))
def test_the_crop_of_a_head_shows_it_upright_whatever_its_angle(angle_deg: float) -> None:
    def crop(angle: float) -> NDArray[np.float64]:
        field = draw_field([DrawnHead(150, 150, angle)], shape=(300, 300), noise=0)
        crops = cut_crops(field, _heads(field), UM_PER_PX)
        assert crops.shape == (1, 128, 128)
        return np.asarray(crops[0], np.float64)

    turned, upright = crop(angle_deg), crop(-90.0)
    assert np.abs(turned - upright).mean() < 4
    assert upright[40:60, 54:74].mean() > upright[68:88, 54:74].mean() + 20, "the acrosome is paler, and up"


def test_the_same_field_gives_the_same_heads_with_any_number_of_threads() -> None:
    field = draw_field([DrawnHead(120, 100, 30), DrawnHead(330, 120, -140)])
    threads = cv2.getNumThreads()
    try:
        found: list[Heads] = []
        for number in (1, 2, 4, 1):
            cv2.setNumThreads(number)
            found.append(_heads(field))
    finally:
        cv2.setNumThreads(threads)
    for other in found[1:]:
        np.testing.assert_array_equal(found[0].labels, other.labels)
        np.testing.assert_array_equal(found[0].angle_deg, other.angle_deg)
        np.testing.assert_array_equal(found[0].sharpness, other.sharpness)
        assert found[0].reason == other.reason


def test_a_slide_colour_comes_back_from_json_as_it_was() -> None:
    colour = SlideColour.fresh()
    for seed in range(3):
        colour = examine(draw_field([DrawnHead(120, 100)], seed=seed), UM_PER_PX, colour).colour
        assert SlideColour.from_json(colour.to_json()) == colour


def test_a_head_at_the_edge_is_kept_and_refused() -> None:
    heads = _heads(draw_field([DrawnHead(5, 200), DrawnHead(250, 200)]))
    assert sorted(heads.reason) == ["", "border"]


def test_touching_heads_are_two() -> None:
    heads = _heads(draw_field([DrawnHead(200, 200), DrawnHead(200 + 2.9 / UM_PER_PX, 210)]))
    assert heads.reason == ("", "")


@pytest.mark.parametrize(("apart_um", "turn_deg"), [(1.9, -40.0), (2.2, -40.0), (2.5, -40.0), (2.5, -90.0)])
def test_heads_that_lie_on_one_another_are_refused(apart_um: float, turn_deg: float) -> None:
    heads = _heads(draw_field([DrawnHead(200, 200), DrawnHead(200 + apart_um / UM_PER_PX, 205, turn_deg)]))
    assert heads.reason == ("overlap", "overlap")


def test_a_head_at_a_cell_is_refused_and_one_beside_it_is_not() -> None:
    cell = DrawnHead(180, 200, length_um=7.5, width_um=7.0, tail=False)
    for gap_um, reason in ((0.4, "dirty_background"), (2.0, "")):
        at_px = 180 + (3.5 + gap_um + 1.5) / UM_PER_PX
        heads = _heads(draw_field([cell, DrawnHead(at_px, 200)]))
        nearest = int(np.hypot(*(heads.centre_px - [at_px, 200]).T).argmin())
        assert heads.reason[nearest] == reason


def test_a_lump_of_one_shade_with_two_ends_alike_is_no_head() -> None:
    field = draw_field([DrawnHead(100, 100)])
    cv2.line(field, (300, 200), (330, 215), NUCLEUS, round(2.8 / UM_PER_PX), cv2.LINE_AA)
    assert sorted(_heads(np.asarray(cv2.GaussianBlur(field, (0, 0), 2), np.uint8)).reason) == [
        "",
        "not_a_head",
    ]


def test_a_tail_across_is_no_head() -> None:
    heads = _heads(draw_field([DrawnHead(-20, 200, 180)]))
    assert not heads.accepted.any()


@pytest.mark.parametrize("level", [BACKGROUND, (255, 254, 252), (3, 2, 4)])
def test_an_empty_field_has_no_heads(level: tuple[int, int, int]) -> None:
    field = np.clip(np.random.default_rng(1).normal(level, 1.5, (300, 400, 3)), 0, 255).astype(np.uint8)
    try:
        assert not _heads(field).accepted.any()
    except FieldRefused:
        assert level != BACKGROUND


def test_a_field_without_colour_is_refused() -> None:
    grey = np.repeat(draw_field([DrawnHead(120, 100)])[..., 1:2], 3, 2)
    with pytest.raises(FieldRefused):
        _heads(grey)


@pytest.mark.parametrize(("level", "reason"), [(0, "dark"), (255, "saturated")])
def test_a_shutter_that_is_closed_and_a_lamp_that_is_too_bright_are_no_want_of_colour(
    level: int, reason: str
) -> None:
    field = np.full((300, 400, 3), level, np.uint8)
    assert examine(field, UM_PER_PX, SlideColour.fresh()).skip == reason


def test_two_hundred_touching_heads_end_and_are_not_taken_for_one() -> None:
    step = 2.8 / UM_PER_PX
    drawn = [DrawnHead(100 + i * step, 100 + j * 1.6 * step) for i in range(20) for j in range(10)]
    heads = _heads(draw_field(drawn, shape=(1024, 1280)))
    centres = heads.centre_px[heads.accepted]
    assert all(
        min(np.hypot(x - one.x_px, y - one.y_px) for one in drawn) * UM_PER_PX < 1.2 for x, y in centres
    )
    assert not (heads.area_um2[heads.accepted] > 22).any()


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_scale_wrong_by_two_is_said_and_nothing_is_scored(factor: float) -> None:
    drawn = [DrawnHead(120 + 90 * i, 100 + 90 * j, 40.0 * i) for i in range(4) for j in range(3)]
    seen = examine(draw_field(drawn, UM_PER_PX), UM_PER_PX * factor, SlideColour.fresh())
    assert seen.skip == "scale"
    assert not seen.heads.accepted.any()


def test_a_blurred_field_is_skipped() -> None:
    field = draw_field([DrawnHead(120, 100), DrawnHead(300, 150), DrawnHead(200, 290)])
    blurred = np.asarray(cv2.GaussianBlur(field, (0, 0), 9), np.uint8)
    seen = examine(blurred, UM_PER_PX, SlideColour.fresh())
    assert seen.skip == "defocus"
    assert not seen.heads.accepted.any()


@pytest.mark.parametrize("across", [False, True])
def test_a_field_that_moved_is_skipped_and_one_at_rest_is_not(across: bool) -> None:
    heads = [DrawnHead(110 + 140 * i, 90 + 110 * j, 70.0 * i + 25 * j) for i in range(3) for j in range(3)]
    field = draw_field(heads)
    drag = np.full((25, 1) if across else (1, 25), 1 / 25)
    assert examine(field, UM_PER_PX, SlideColour.fresh()).skip == ""
    moved = examine(np.asarray(cv2.filter2D(field, -1, drag), np.uint8), UM_PER_PX, SlideColour.fresh())
    assert moved.skip == "moving"
    assert not moved.heads.accepted.any()


def test_a_sharp_field_whose_heads_lie_alike_has_not_moved() -> None:
    heads = [DrawnHead(110 + 140 * i, 90 + 110 * j, -60.0) for i in range(3) for j in range(3)]
    assert examine(draw_field(heads), UM_PER_PX, SlideColour.fresh()).skip == ""


def test_light_that_falls_off_to_the_corners_changes_no_verdict() -> None:
    field = draw_field([DrawnHead(70, 70), DrawnHead(250, 200), DrawnHead(430, 330)])
    y, x = np.meshgrid(np.arange(400.0), np.arange(500.0), indexing="ij")
    away = ((x / 499 - 0.5) ** 2 + (y / 399 - 0.5) ** 2) * 2
    shaded = np.asarray(np.rint(field * (1 - 0.25 * away)[..., None]), np.uint8)
    assert _heads(shaded).reason == _heads(field).reason == ("", "", "")


def test_the_colours_of_a_slide_stand_still_after_its_first_fields() -> None:
    colour = SlideColour.fresh()
    states: list[SlideColour] = []
    for seed in range(10):
        colour = examine(draw_field([DrawnHead(120, 100)], seed=seed), UM_PER_PX, colour).colour
        states.append(colour)
    assert states[8].centroids == states[9].centroids == states[7].centroids
    assert states[0].centroids != states[7].centroids
    assert states[9].drift >= 0


@pytest.mark.parametrize("times", [0.6, 0.9, 1.1])
def test_the_level_of_the_empty_slide_is_told(times: float) -> None:
    field = np.rint(draw_field([DrawnHead(120, 100)]) * times).astype(np.uint8)
    colour = examine(field, UM_PER_PX, SlideColour.fresh()).colour
    level = np.dot(np.minimum(np.array(BACKGROUND) * times, 255), (0.299, 0.587, 0.114))
    assert colour.empty_grey == pytest.approx(level, abs=1.5)
    assert SlideColour.from_json(colour.to_json()) == colour
