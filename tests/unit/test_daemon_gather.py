"""Crops wait for others until the batch is whole, the camera may send no more, or the deadline is over."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpscope.daemon.capture import Capture
from zpscope.daemon.gather import Limits, gather
from zpscope.daemon.scoring import ExaminedField
from zpscope.drivers.camera import Grab, PixelFormat
from zpscope.imaging.colour import SlideColour

PIXELS = np.zeros((8, 8, 3), np.uint8)
HEADER = Capture("c", 0.069).take(Grab(PIXELS, 0, None, 0, ""), PixelFormat(8, 8, "rgb8"))


class Arrivals:
    """Fields that arrive at given times, and the clock that `take` moves on."""

    def __init__(self, arrivals: Sequence[tuple[float, int]]) -> None:
        self.now_s = 0.0
        self.coming = list(arrivals)

    def take(self, patience_s: float) -> ExaminedField | None:
        if not self.coming or self.coming[0][0] > self.now_s + patience_s:
            self.now_s += patience_s
            return None
        at_s, crops = self.coming.pop(0)
        self.now_s = max(self.now_s, at_s)
        empty = np.zeros((crops, 128, 128), np.uint8)
        return ExaminedField(HEADER, PIXELS, "", None, None, empty, SlideColour.fresh())


@pytest.mark.parametrize(
    ("arrivals", "limits", "fields", "ends_s"),
    [
        ([], Limits(32, 8, 0.5), 0, 0.0),
        ([(0, 4), (0, 4), (0.1, 4)], Limits(32, 8, 0), 2, 0.0),
        ([(0, 4), (0.1, 4), (0.6, 4)], Limits(32, 8, 0.5), 2, 0.5),
        ([(0, 20), (0.1, 20), (0.2, 20)], Limits(32, 8, 0.5), 2, 0.1),
        ([(0, 1), (0.1, 1), (0.2, 1)], Limits(32, 2, 0.5), 2, 0.1),
        ([(0.3, 1)], Limits(32, 8, 0.5), 0, 0.0),
    ],
    ids=[
        "nothing",
        "what_is_there",
        "until_the_deadline",
        "until_whole",
        "until_no_credit",
        "first_is_not_awaited",
    ],
)
def test_waits_until(arrivals: list[tuple[float, int]], limits: Limits, fields: int, ends_s: float) -> None:
    world = Arrivals(arrivals)
    assert len(gather(world.take, limits, lambda: world.now_s)) == fields
    assert world.now_s == pytest.approx(ends_s)


@given(
    st.lists(st.tuples(st.floats(0, 2), st.integers(0, 3)), max_size=20),
    st.integers(1, 8),
    st.integers(1, 8),
    st.floats(0, 1),
)
def test_no_field_is_lost_and_none_waits_longer(
    given_arrivals: list[tuple[float, int]], crops: int, fields: int, deadline_s: float
) -> None:
    arrivals = sorted(given_arrivals)
    world = Arrivals(arrivals)
    taken = 0
    while world.coming:
        world.now_s = max(world.now_s, world.coming[0][0])
        start_s = world.now_s
        batch = gather(world.take, Limits(crops, fields, deadline_s), lambda: world.now_s)
        assert 1 <= len(batch) <= fields
        assert world.now_s <= start_s + deadline_s + 1e-9
        assert [len(field.crops) for field in batch] == [n for _, n in arrivals[taken : taken + len(batch)]]
        taken += len(batch)
    assert taken == len(arrivals)
