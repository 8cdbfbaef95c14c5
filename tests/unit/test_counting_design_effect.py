"""The intra-field correlation: found where it was put in, nothing where there is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpscope.counting.design_effect import FieldSums, design_effect, intra_field_correlation


def sums_of(fields: list[tuple[int, int]]) -> FieldSums:
    sums = FieldSums()
    for k, n in fields:
        sums = sums.plus(k, n)
    return sums


@pytest.mark.parametrize("correlation", [0.0, 0.05, 0.3])
def test_the_correlation_that_was_put_in(correlation: float) -> None:
    rng = np.random.default_rng(3)
    size = 1 / correlation - 1 if correlation else 1e9
    shares = rng.beta(0.1 * size, 0.9 * size, 6000)
    heads = rng.integers(1, 12, 6000)
    sums = sums_of(list(zip(rng.binomial(heads, shares).tolist(), heads.tolist(), strict=True)))
    assert intra_field_correlation(sums) == pytest.approx(correlation, abs=0.012)


def test_fields_that_are_all_bound_or_all_not() -> None:
    sums = sums_of([(5, 5), (0, 5)] * 10)
    assert intra_field_correlation(sums) == pytest.approx(1.0)
    assert design_effect(sums) == pytest.approx(5.0)


@given(st.lists(st.integers(0, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=40))
def test_the_design_effect_never_makes_heads_count_more(fields: list[tuple[int, int]]) -> None:
    sums = sums_of(fields)
    assert 0 <= intra_field_correlation(sums) <= 1
    assert design_effect(sums) >= 1
    assert (sums.k, sums.n) == (sum(k for k, _ in fields), sum(n for _, n in fields))


def test_a_count_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="k must be"):
        FieldSums().plus(3, 2)
