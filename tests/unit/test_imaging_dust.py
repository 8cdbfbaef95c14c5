"""What stands still on the sensor while the slide moves is refused, and nothing else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from zpscope.imaging.dust import sightings, without_dust
from zpscope.imaging.heads import Heads

DUST = (400.0, 300.0, 12.0)
SPREAD = [(100.0 * i + 30, 90.0 * i + 20, 9.0 + i) for i in range(6)]


def field(*objects: tuple[float, float, float], reason: str = "") -> Heads:
    """Return a field of objects, each at x and y in pixels with its area in µm²."""
    x, y, area = np.array(objects, np.float64).reshape(-1, 3).T
    none = np.zeros(len(x))
    polygons = np.zeros((len(x), 3, 2))
    centre = np.column_stack([x, y])
    return Heads((4, 4), polygons, none, centre, none, none, area, none, none, none, (reason,) * len(x))


def moved(way: float) -> list[tuple[float, float, float]]:
    return [(x + way, y + way / 3, area) for x, y, area in SPREAD]


def refused(now: Heads, before: NDArray[np.float64]) -> list[bool]:
    return [bool(reason) for reason in without_dust(now, before).reason]


def test_dust_is_refused_from_the_second_field_on_though_its_outline_changes_a_little() -> None:
    before = np.empty((0, 3))
    verdicts: list[bool] = []
    for step in range(4):
        now = field(*moved(7.0 * step), (DUST[0] + 0.4 * (-1) ** step, DUST[1], DUST[2] * 1.05**step))
        seen = without_dust(now, before)
        assert not any(seen.reason[:-1])
        verdicts.append(seen.reason[-1] == "not_a_head")
        before = sightings(seen)
    assert verdicts == [False, True, True, True]


def test_dust_alone_with_a_head_or_with_nothing_is_refused() -> None:
    assert refused(field(DUST), sightings(field(DUST))) == [True]
    assert refused(field(DUST, SPREAD[0]), sightings(field(DUST))) == [True, False]


def test_a_field_that_did_not_move_keeps_its_heads() -> None:
    assert not any(refused(field(*SPREAD, DUST), sightings(field(*moved(0.5), DUST))))


def test_another_size_at_the_same_place_is_another_object() -> None:
    larger = (DUST[0], DUST[1], DUST[2] * 1.4)
    assert not any(refused(field(*moved(50.0), larger), sightings(field(*SPREAD, DUST))))


def test_a_reason_that_stands_is_not_replaced() -> None:
    seen = without_dust(field(DUST, reason="border"), sightings(field(DUST)))
    assert seen.reason == ("border",)


@given(st.floats(3, 500), st.floats(0, 2 * np.pi))
def test_heads_that_move_by_more_than_their_outlines_wobble_stay(way: float, angle: float) -> None:
    away = [(x + way * np.cos(angle), y + way * np.sin(angle), area) for x, y, area in SPREAD]
    before = sightings(field(*SPREAD))
    verdicts = refused(field(*away), before)
    apart = np.linalg.norm(np.array(away)[:, None, :2] - before[None, :, :2], axis=2).min(1)
    assert [bool(near <= 2) for near in apart] == verdicts or not any(verdicts)
