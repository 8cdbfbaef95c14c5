"""Fields without a stage: a leap begins an island, and what shows a known place again joins it."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from zpscope.imaging.placement import Placement, Sight
from zpscope.imaging.slide_map import Look, SlideMap
from zpscope.imaging.thumbnail import shrunk_times, thumbnail

UM_PER_PX = 0.138
SHAPE = (300, 400)
SIZE_UM = (SHAPE[1] * UM_PER_PX, SHAPE[0] * UM_PER_PX)
NONE = np.empty(0)
LIGHT: NDArray[np.float32] = np.asarray(
    225 - 90 * cv2.GaussianBlur(np.random.default_rng(1).standard_normal((900, 1900)), (0, 0), 5), np.float32
)
"""A slide that shows film and no head."""


class Scan:
    """A map and the thumbnails of its fields."""

    def __init__(self) -> None:
        self.thumbnails: list[bytes] = []
        self.map = SlideMap(self.thumbnails.__getitem__, 3.0)
        self.exposed = 0

    def look(self, x: int, y: int) -> Look:
        """Look at the field whose first pixel is at (x, y)."""
        self.exposed += 1
        noise = np.random.default_rng(self.exposed).normal(0, 2, SHAPE)
        field = np.clip(LIGHT[y : y + SHAPE[0], x : x + SHAPE[1]] + noise, 0, 255).astype(np.uint8)
        rgb = np.repeat(field[..., None], 3, axis=2)
        scale = UM_PER_PX * shrunk_times(UM_PER_PX)
        return self.map.look(Sight(thumbnail(rgb, UM_PER_PX), scale, SIZE_UM, None, 1.0))

    def place(self, x: int, y: int) -> Placement:
        """Place that field, which shows no head."""
        look = self.look(x, y)
        assert not look.still
        self.thumbnails.append(look.sight.thumbnail)
        return self.map.place(look, np.empty(0, np.intp), NONE.reshape(0, 2), NONE, NONE)


def truly_um(*corners: tuple[int, int]) -> NDArray[np.float64]:
    return (np.array(corners) - corners[0]) * UM_PER_PX


def test_a_leap_begins_an_island_and_the_way_back_ends_it() -> None:
    scan = Scan()
    way = [(0, 0), (150, 100), (1400, 500), (1300, 400), (250, 50)]
    islands = [scan.place(x, y).island for x, y in way]
    assert islands[0] == islands[1] == islands[4] != islands[2] == islands[3]
    bridge = [(500, 150), (750, 250), (1000, 350)]
    *_, last = (scan.place(x, y) for x, y in bridge)
    assert [(join.island, join.into) for join in last.joins] == [(islands[2], islands[0])]
    off = scan.map.centres_um - scan.map.centres_um[0] - truly_um(*way, *bridge)
    assert np.abs(off).max() < 1.5


@pytest.mark.parametrize("searched", [False, True])
def test_while_a_field_is_shown_on_it_is_sought_on_other_islands(*, searched: bool) -> None:
    """Of twenty fields only the first two, long ago, show the place that the scan leaps to."""
    scan = Scan()
    for x in range(0, 1500, 200):
        scan.place(x, 0)
    for x, y in [(x, y) for y in (80, 160) for x in range(1400, 900, -80)]:
        scan.place(x, y)
    assert scan.place(50, 150).island == 2
    if searched:
        for _ in range(3):
            look = scan.look(50, 150)
            assert look.still
            scan.map.search(look)
    joins = scan.place(80, 250).joins
    assert [(join.island, join.into) for join in joins] == ([(2, 1)] if searched else [])


def test_a_restored_map_goes_on_as_the_first_one_did() -> None:
    scan = Scan()
    placements = [scan.place(x, y) for x, y in [(0, 0), (1400, 500), (150, 100), (1300, 400)]]
    again = Scan()
    again.thumbnails, again.exposed = scan.thumbnails, scan.exposed
    again.map = SlideMap(again.thumbnails.__getitem__, 3.0)
    for one in placements:
        again.map.restore(one)
    look = scan.look(1250, 350)
    again.exposed = scan.exposed - 1
    other = again.look(1250, 350)
    empty = (np.empty(0, np.intp), NONE.reshape(0, 2), NONE, NONE)
    first, second = scan.map.place(look, *empty), again.map.place(other, *empty)
    assert first.island == second.island == placements[1].island
    assert first.centre_um == pytest.approx(second.centre_um, abs=1e-6)
