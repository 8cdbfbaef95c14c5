from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpscope.counting.tally import Position, interval_percent, percent, position

THRESHOLD_PERMILLE, MINIMUM_HEADS, MINIMUM_FIELDS = 49, 100, 20


@pytest.mark.parametrize(
    ("k", "n", "fields", "expected"),
    [
        (0, 0, 0, "collecting"),
        (99, 99, 20, "collecting"),
        (100, 100, 19, "collecting"),
        (4, 100, 20, "at_or_below"),
        (5, 100, 20, "above"),
        (9, 200, 20, "at_or_below"),
        (10, 200, 20, "above"),
        (48, 1000, 20, "at_or_below"),
        (49, 1000, 20, "at_or_below"),
        (50, 1000, 20, "above"),
        (49 * 10**40, 10**43, 20, "at_or_below"),
        (49 * 10**40 + 1, 10**43, 20, "above"),
    ],
)
def test_position(k: int, n: int, fields: int, expected: Position) -> None:
    assert position(k, n, fields, THRESHOLD_PERMILLE, MINIMUM_HEADS, MINIMUM_FIELDS) == expected


@given(st.integers(1, 10**30), st.data(), st.integers(1, 999))
def test_position_is_that_of_the_exact_fraction(n: int, data: st.DataObject, threshold_permille: int) -> None:
    k = data.draw(st.integers(0, n))
    above = Fraction(k, n) > Fraction(threshold_permille, 1000)
    assert position(k, n, 20, threshold_permille, 1, 1) == ("above" if above else "at_or_below")


@pytest.mark.parametrize("minimum", [0, -1])
def test_position_of_nothing_is_collecting_whatever_the_minimum(minimum: int) -> None:
    assert position(0, 0, 5, THRESHOLD_PERMILLE, minimum, minimum) == "collecting"


@pytest.mark.parametrize(("k", "n"), [(-1, 200), (201, 200)])
def test_position_refuses_impossible_counts(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="k must be from 0 to n"):
        position(k, n, 20, THRESHOLD_PERMILLE, MINIMUM_HEADS, MINIMUM_FIELDS)


@pytest.mark.parametrize(("k", "n", "expected"), [(0, 0, None), (0, 7, 0.0), (49, 1000, 4.9), (7, 7, 100.0)])
def test_percent(k: int, n: int, expected: float | None) -> None:
    assert percent(k, n) == expected


def test_interval_percent_is_in_percent() -> None:
    assert interval_percent(0, 0) == (0, 100)
    assert interval_percent(15, 148) == pytest.approx((6.24, 16.05), abs=5e-3)
