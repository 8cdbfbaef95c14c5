"""The binomial distribution, against whole-number arithmetic."""

from fractions import Fraction
from math import comb, exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpscope.counting.binomial import chances, log_chances, log_choose


@given(st.integers(0, 300), st.integers(1, 999))
def test_chances_are_exact(n: int, permille: int) -> None:
    share = Fraction(permille, 1000)
    exact = [float(comb(n, k) * share**k * (1 - share) ** (n - k)) for k in range(n + 1)]
    assert chances(n, permille / 1000) == pytest.approx(np.array(exact), rel=1e-9, abs=1e-300)
    assert float(np.exp(log_chances(n, permille / 1000)).sum()) == pytest.approx(1)


@pytest.mark.parametrize(("share", "sure"), [(0, 0), (1, 4)])
def test_a_share_of_nothing_or_all(share: int, sure: int) -> None:
    assert chances(4, share).tolist() == [float(k == sure) for k in range(5)]


@given(st.integers(0, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_ways_to_choose(counts: tuple[int, int]) -> None:
    n, k = counts
    assert exp(log_choose(n, k)) == pytest.approx(comb(n, k))
