from fractions import Fraction
from math import isclose, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpscope.counting.interval import Z_95, wilson


@st.composite
def counts(draw: st.DrawFn, most: int = 10**6) -> tuple[int, int]:
    n = draw(st.integers(1, most))
    return draw(st.integers(0, n)), n


def bisect(k: int, n: int, inside: Fraction, outside: Fraction) -> float:
    """Find where |k/n - p| = z sqrt(p (1 - p) / n), by halving, in exact fractions."""
    share, z_squared = Fraction(k, n), Fraction(Z_95) ** 2
    for _ in range(60):
        p = (inside + outside) / 2
        p = p.limit_denominator(2**80)
        if (share - p) ** 2 <= z_squared * p * (1 - p) / n:
            inside = p
        else:
            outside = p
    return float(inside)


@given(counts())
def test_wilson_is_where_the_score_test_turns(count: tuple[int, int]) -> None:
    k, n = count
    low, high = wilson(k, n)
    share = Fraction(k, n)
    assert isclose(low, bisect(k, n, share, Fraction(0)), rel_tol=1e-9, abs_tol=1e-15)
    assert isclose(high, bisect(k, n, share, Fraction(1)), rel_tol=1e-9, abs_tol=1e-15)


@given(counts())
def test_wilson_holds_the_share_and_stays_within_0_and_1(count: tuple[int, int]) -> None:
    k, n = count
    low, high = wilson(k, n)
    assert 0 <= low <= k / n <= high <= 1
    assert low < high


@given(counts(10**5))
def test_wilson_rises_with_k(count: tuple[int, int]) -> None:
    k, n = count
    low, high = wilson(k, n + 1)
    more_low, more_high = wilson(k + 1, n + 1)
    assert low < more_low
    assert high < more_high


@given(counts(10**5))
def test_wilson_falls_with_n(count: tuple[int, int]) -> None:
    k, n = count
    low, high = wilson(k, n)
    more_low, more_high = wilson(k, n + 1)
    assert more_low <= low
    assert more_high <= high


@given(counts())
def test_wilson_is_symmetric(count: tuple[int, int]) -> None:
    k, n = count
    low, high = wilson(k, n)
    other_low, other_high = wilson(n - k, n)
    assert isclose(low, 1 - other_high, abs_tol=1e-15)
    assert isclose(high, 1 - other_low, abs_tol=1e-15)


@given(st.integers(1, 10**15))
def test_wilson_is_exact_at_both_ends(n: int) -> None:
    assert wilson(0, n)[0] == 0
    assert wilson(n, n)[1] == 1
    assert isclose(wilson(0, n)[1], Z_95**2 / (n + Z_95**2), rel_tol=1e-9, abs_tol=1e-15)


@pytest.mark.parametrize(("k", "n"), [(1, 10**12), (49 * 10**15, 10**18), (10**30, 10**40)])
def test_wilson_of_huge_counts_is_the_normal_interval(k: int, n: int) -> None:
    low, high = wilson(k, n)
    assert low <= k / n <= high
    if k > 10**6:
        half = Z_95 * sqrt(k / n * (1 - k / n) / n)
        assert isclose(high - low, 2 * half, rel_tol=1e-3, abs_tol=1e-15)


# domain.md section 3.2: the counts at which the interval leaves 4.9 %.
@pytest.mark.parametrize(("n", "below", "above"), [(200, 3, 16), (400, 11, 29), (1000, 35, 63)])
def test_wilson_leaves_the_threshold_where_the_table_says(n: int, below: int, above: int) -> None:
    assert wilson(below, n)[1] < 0.049 <= wilson(below + 1, n)[1]
    assert wilson(above - 1, n)[0] <= 0.049 < wilson(above, n)[0]


def test_wilson_agrees_with_published_values() -> None:
    # Newcombe, Statist. Med. 17 (1998) 857-872, table I: method 3 for 81/263, 15/148, 0/20, 1/29.
    for (k, n), expected in {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0000, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }.items():
        assert wilson(k, n) == pytest.approx(expected, abs=5e-5)


def test_wilson_of_nothing_is_everything() -> None:
    assert wilson(0, 0) == (0, 1)


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3), (1, 0), (0, -1)])
def test_wilson_refuses_impossible_counts(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="k must be from 0 to n"):
        wilson(k, n)
