"""Heads seen in overlapping fields count once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zpscope.imaging.place import slide_positions_um
from zpscope.imaging.unique import SAME_HEAD_UM, CountedHeads

where = st.floats(-1e5, 1e5, allow_nan=False)


@given(st.lists(st.tuples(where, where), max_size=30), st.floats(0, 0.7 * SAME_HEAD_UM), st.floats(0, 6.28))
def test_a_second_look_adds_nothing(points: list[tuple[float, float]], far_um: float, towards: float) -> None:
    counted = CountedHeads()
    first = np.array(points, np.float64).reshape(-1, 2)
    assert not counted.take(first).any()
    shift = far_um * np.array([np.cos(towards), np.sin(towards)])
    assert counted.take(first + shift).all()


def test_neighbours_on_the_slide_are_two_heads() -> None:
    counted = CountedHeads([(0.0, 0.0)])
    again = counted.take(
        np.array([[0.0, 2 * SAME_HEAD_UM], [-SAME_HEAD_UM / 2, 0.0], [-1.1 * SAME_HEAD_UM, 0.0]])
    )
    assert again.tolist() == [False, True, False]


def test_heads_of_one_field_are_never_one() -> None:
    assert not CountedHeads().take(np.array([[0.0, 0.0], [0.1, 0.0]])).any()


@given(st.tuples(where, where), st.floats(0.03, 0.15), st.integers(100, 3000), st.integers(100, 3000))
def test_the_same_point_in_two_fields_is_one_place(
    stage_um: tuple[float, float], um_per_px: float, height: int, width: int
) -> None:
    step_px = np.array([width // 3, -(height // 4)])
    here = np.array([[width / 2, height / 2]])
    first = slide_positions_um(here, (height, width), stage_um, um_per_px)
    moved = (stage_um[0] + step_px[0] * um_per_px, stage_um[1] + step_px[1] * um_per_px)
    second = slide_positions_um(here - step_px, (height, width), moved, um_per_px)
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_the_middle_of_the_field_is_the_stage_position() -> None:
    middle = slide_positions_um(np.array([[639.5, 511.5]]), (1024, 1280), (100.0, -7.0), 0.069)
    np.testing.assert_array_equal(middle, [[100.0, -7.0]])
