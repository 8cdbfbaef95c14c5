"""The overview: the slide as it is, every island in a room of its own, never larger than told."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from zpscope.imaging.overview import Overview, lay_out

UM_PER_PX = 0.25
FIELD_PX = (260, 320)
SIZE_UM = (FIELD_PX[1] * UM_PER_PX, FIELD_PX[0] * UM_PER_PX)
where = st.floats(-2e4, 2e4, allow_nan=False)


def smear(height: int, width: int) -> NDArray[np.uint8]:
    """Return stain with detail of several µm."""
    noise = np.random.default_rng(5).normal(0, 1, (height, width)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 16)
    return np.asarray(np.clip(110 + blurred * 60 / blurred.std(), 0, 255), np.uint8)


def painted(slide: NDArray[np.uint8], corners_px: list[tuple[int, int]], most_px: int = 1024) -> Overview:
    """Return the overview of fields whose top left corners lie so on the slide."""
    middle = np.array(FIELD_PX[::-1]) / 2
    centres_um = (np.array(corners_px) + middle) * UM_PER_PX
    overview = Overview(lay_out(np.zeros(len(corners_px), np.intp), centres_um, SIZE_UM, 0, most_px), 0)
    for (x, y), (x_um, y_um) in zip(corners_px, centres_um.tolist(), strict=True):
        overview.paint(0, (x_um, y_um), slide[y : y + FIELD_PX[0], x : x + FIELD_PX[1]], UM_PER_PX)
    return overview


def test_a_serpentine_shows_the_slide_as_it_is() -> None:
    slide = smear(1000, 1200)
    corners = [(x, y) for y in range(0, 741, 203) for x in range(0, 881, 251)]
    overview = painted(slide, corners)
    to = overview.layout.um_per_px
    shape = (
        round(np.ptp([y for _, y in corners]) + FIELD_PX[0]),
        round(np.ptp([x for x, _ in corners]) + FIELD_PX[1]),
    )
    true = cv2.resize(
        slide[: shape[0], : shape[1]],
        (int(shape[1] * UM_PER_PX / to), int(shape[0] * UM_PER_PX / to)),
        interpolation=cv2.INTER_AREA,
    )
    drawn = overview.drawn()
    height, width = (min(a, b) for a, b in zip(drawn.shape[:2], true.shape, strict=True))
    assert abs(drawn.shape[0] - true.shape[0]) <= 1
    assert abs(drawn.shape[1] - true.shape[1]) <= 1
    # Red falls by 158 levels from the empty slide to the fullest stain.
    stain = (246 - drawn[:height, :width, 0].astype(float)) * 255 / 158
    off = np.abs(stain - true[:height, :width])[2:-2, 2:-2]
    assert (drawn[2:-2, 2:-2, 3] == 255).all()
    assert float(off.mean()) < 3
    assert float(np.percentile(off, 99)) < 10


def test_coverage_is_counted_in_the_slide() -> None:
    slide = smear(400, 800)
    half = painted(slide, [(0, 0), (160, 0)]).coverage
    area_mm2 = 1.5 * SIZE_UM[0] * SIZE_UM[1] / 1e6
    assert abs(half.area_mm2 / area_mm2 - 1) < 0.03
    assert abs(half.seen_twice - 1 / 3) < 0.02
    assert painted(slide, [(0, 0), (330, 0)]).coverage.seen_twice == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(where, where, st.integers(0, 5)), min_size=1, max_size=40), st.integers(200, 1024))
def test_every_field_lies_in_its_islands_room(fields: list[tuple[float, float, int]], most_px: int) -> None:
    centres_um, islands = np.array([one[:2] for one in fields]), np.array([one[2] for one in fields])
    layout = lay_out(islands, centres_um, SIZE_UM, 0, most_px)
    assert max(layout.width_px, layout.height_px) <= most_px
    taken = np.zeros((layout.height_px, layout.width_px), int)
    for room in layout.rooms.values():
        taken[room.top_px : room.top_px + room.height_px, room.left_px : room.left_px + room.width_px] += 1
    assert taken.max() == 1
    assert taken.sum() == sum(room.width_px * room.height_px for room in layout.rooms.values())
    assert set(layout.rooms) == set(islands.tolist())
    for (x_um, y_um), island in zip(centres_um.tolist(), islands.tolist(), strict=True):
        room = layout.rooms[island]
        for at, origin, half, px in (
            (x_um, room.origin_um[0], SIZE_UM[0] / 2, room.width_px),
            (y_um, room.origin_um[1], SIZE_UM[1] / 2, room.height_px),
        ):
            assert origin - 1e-6 <= at - half
            assert at + half <= origin + px * layout.um_per_px + 1e-6


def test_heads_are_marked_where_they_lie_and_islands_apart_are_pale() -> None:
    centres_um = np.array([(40.0, 33.0), (40.0, 33.0)])
    overview = Overview(lay_out(np.array([3, 7]), centres_um, SIZE_UM, 3, 1024), 3)
    blank = np.zeros(FIELD_PX, np.uint8)
    for island in (3, 7):
        overview.paint(island, (40.0, 33.0), blank, UM_PER_PX)
    overview.mark(3, np.array([(20.0, 20.0), (60.0, 50.0)]), [True, False])
    drawn = overview.drawn()
    assert set(np.unique(drawn[..., 3]).tolist()) == {0, 110, 255}
    bound = (drawn[..., :3] == (194, 65, 12)).all(-1)
    unbound = (drawn[..., :3] == (3, 105, 161)).all(-1)
    assert bound.sum() > unbound.sum() > 0
    # A pixel is 1 µm, and the first field's corner is the corner of what was seen.
    assert np.allclose([one.mean() for one in np.nonzero(bound)], [19.5, 19.5], atol=1)
    assert np.allclose([one.mean() for one in np.nonzero(unbound)], [49.5, 59.5], atol=1)


def test_a_long_scan_takes_no_more_room() -> None:
    centres_um = np.array([(x * 60.0, y * 50.0) for y in range(80) for x in range(80)])
    layout = lay_out(np.zeros(len(centres_um), np.intp), centres_um, SIZE_UM, 0, 1024)
    assert max(layout.width_px, layout.height_px) <= 1024
    assert layout.um_per_px == 8


def test_of_a_thousand_islands_the_largest_are_drawn() -> None:
    islands = np.concatenate([np.arange(1000), [500]])
    layout = lay_out(islands, np.zeros((1001, 2)), SIZE_UM, 999, 1024)
    assert len(layout.rooms) == 64
    assert {999, 500} <= set(layout.rooms)
    overview = Overview(layout, 999)
    overview.paint(998, (0.0, 0.0), np.zeros(FIELD_PX, np.uint8), UM_PER_PX)
    overview.mark(998, np.zeros((1, 2)), [True])
    assert overview.coverage.area_mm2 == 0
