"""The paths of a scan: where their fields lie, whatever the order in which they are asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.scan_path import STRATUM, by_hand, lag_um, random_um
from zpscope.drivers.synthetic import expose, field_centre_um, field_place, reported_um
from zpscope.drivers.truth import STILL_UM, heads_in_field, heads_shown, is_assessable, truth

WIDTH_UM, HEIGHT_UM = 88.3, 70.7
seeds = st.integers(0, 2**31)


@given(seeds, st.lists(st.integers(0, 600), min_size=1, max_size=8))
def test_a_hand_was_where_it_was_whatever_the_order_of_asking(seed: int, numbers: list[int]) -> None:
    asked = [by_hand(number, WIDTH_UM, HEIGHT_UM, seed) for number in numbers]
    by_hand.__globals__["_hand"].cache_clear()
    again = [by_hand(number, WIDTH_UM, HEIGHT_UM, seed) for number in sorted(numbers)]
    assert dict(zip(numbers, asked, strict=True)) == dict(zip(sorted(numbers), again, strict=True))


def test_a_hand_pauses_goes_back_jumps_and_is_seen_on_the_way() -> None:
    places = [by_hand(number, WIDTH_UM, HEIGHT_UM, 3) for number in range(3000)]
    centres = np.array([place.centre_um for place in places])
    drift = np.hypot(*np.array([place.drift_um for place in places]).T)
    steps = np.abs(np.diff(centres, axis=0))
    assert 0.1 < (drift > STILL_UM).mean() < 0.4
    rests = np.hypot(*steps.T) < 0.4
    assert rests.mean() > 0.4
    longest = max(len(run) for run in "".join("r" if rest else " " for rest in rests).split())
    assert longest >= 20, "some pause shows the same field for long"
    jumps = int(((steps[:, 0] > WIDTH_UM) | (steps[:, 1] > HEIGHT_UM)).sum())
    assert 5 <= jumps < 200
    still = centres[drift == 0]
    near = np.hypot(*(still[500:, None] - still[None, :400]).transpose(2, 0, 1)) < 20
    assert near.any(), "an earlier place is seen again"


@given(seeds, st.integers(0, 5000))
def test_a_field_at_random_lies_in_its_stratum(seed: int, number: int) -> None:
    x, y = np.array(random_um(number, WIDTH_UM, HEIGHT_UM, seed)) / (WIDTH_UM, HEIGHT_UM) / STRATUM
    row = number // 20
    column = number % 20 if row % 2 == 0 else 19 - number % 20
    assert (column, row) == (int(x), int(y))


def test_every_place_of_a_stratum_is_as_likely() -> None:
    places = np.array([random_um(number, WIDTH_UM, HEIGHT_UM, 1) for number in range(4000)])
    shares = (places / (WIDTH_UM * STRATUM, HEIGHT_UM * STRATUM)) % 1
    for axis in shares.T:
        counts = np.histogram(axis, 10, (0, 1))[0]
        assert np.abs(counts - 400).max() < 5 * np.sqrt(400 * 0.9)


@given(
    st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
    st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
    st.floats(0, 20),
)
def test_a_stage_stops_short_by_half_its_play(
    here: tuple[float, float], before: tuple[float, float], play_um: float
) -> None:
    for lag, now, then in zip(lag_um(here, before, play_um), here, before, strict=True):
        assert abs(lag) == play_um / 2
        assert lag * (now - then) <= 0


@given(st.integers(0, 400), st.floats(0, 10), st.floats(0, 10), seeds)
def test_a_motorised_stage_knows_nothing_of_its_play(
    number: int, play_um: float, jitter_um: float, seed: int
) -> None:
    exact = SyntheticCamera(seed=seed)
    poor = SyntheticCamera(seed=seed, stage_backlash_um=play_um, stage_jitter_um=jitter_um)
    assert reported_um(poor, number) == reported_um(exact, number) == field_centre_um(exact, number)
    off = np.abs(np.array(field_centre_um(poor, number)) - field_centre_um(exact, number))
    assert (off <= play_um / 2 + jitter_um + 1e-9).all()
    assert (off >= play_um / 2 - jitter_um - 1e-9).all()


@pytest.mark.parametrize("slide", ["clean", "usual"])
def test_a_moving_field_is_dragged_and_shows_no_head_of_the_truth(slide: str) -> None:
    settings = SyntheticCamera(seed=3, path="by_hand", stage=False, slide=slide)  # type: ignore[arg-type]
    assert reported_um(settings, 4) is None
    fast = max(range(200), key=lambda number: np.hypot(*field_place(settings, number).drift_um))
    calm = next(number for number in range(200) if len(heads_in_field(settings, number).sperm) > 2)
    assert not is_assessable(settings, fast)
    assert not heads_in_field(settings, fast).sperm
    steepness = [np.abs(np.diff(expose(settings, n)[::2, 1::2].astype(int))).max() for n in (fast, calm)]
    assert steepness[0] < steepness[1]


@pytest.mark.parametrize("path", ["serpentine", "random", "by_hand"])
def test_the_truth_says_of_every_head_whether_it_must_be_counted(path: str) -> None:
    settings = SyntheticCamera(seed=3, path=path, slide="usual")  # type: ignore[arg-type]
    shown = {one.id: one for one in heads_shown(settings, 150)}
    wanted = {one.id for one in truth(settings, 150).sperm}
    assert 0 < len(wanted) < len(shown)
    assert wanted <= {number for number, one in shown.items() if one.gradable}
