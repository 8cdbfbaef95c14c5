"""Two slides of a sample: the limits published with the design, and the exact test of any two counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpscope.counting.binomial import chances
from zpscope.counting.replicates import agreement, difference_limit_percent, least_agreement

LIMITS_200 = {
    0.5: 1.5,
    1: 2.0,
    2: 2.5,
    3: 3.5,
    4: 4.0,
    4.9: 4.0,
    6: 4.5,
    8: 5.5,
    10: 6.0,
    15: 7.0,
    20: 8.0,
    25: 8.5,
    30: 9.0,
    40: 9.5,
    50: 10.0,
}


@pytest.mark.parametrize(("average", "limit"), LIMITS_200.items())
def test_the_published_limits_for_two_slides_of_200(average: float, limit: float) -> None:
    assert difference_limit_percent(average, 200) == limit


def test_a_difference_at_the_limit_agrees_and_one_beyond_does_not() -> None:
    assert agreement(6, 200, 13, 200) > 0.05
    assert agreement(6, 200, 20, 200) < 0.05


counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts)
def test_the_order_of_the_slides_does_not_matter(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert agreement(*one, *other) == pytest.approx(agreement(*other, *one))


@given(counts)
def test_equal_slides_agree(one: tuple[int, int]) -> None:
    assert agreement(*one, *one) == pytest.approx(1.0)


def test_one_slide_has_nothing_to_agree_with() -> None:
    assert least_agreement([(3, 100)]) is None


@given(counts, counts)
def test_the_least_agreement_of_two_slides_is_theirs(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert least_agreement([one, other]) == agreement(*one, *other)


@given(counts, counts, counts)
def test_every_pair_that_is_compared_counts(
    one: tuple[int, int], other: tuple[int, int], third: tuple[int, int]
) -> None:
    pairs = [agreement(*one, *other), agreement(*one, *third), agreement(*other, *third)]
    assert least_agreement([one, other, third]) == pytest.approx(min(1.0, 3 * min(pairs)))


@pytest.mark.parametrize("counts", [(1, 0, 1, 2), (3, 2, 1, 2), (1, 2, -1, 2)])
def test_counts_that_cannot_be(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        agreement(*counts)


@given(counts, counts)
def test_the_probability_is_that_of_every_pair_counted_one_by_one(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    (k1, n1), (k2, n2) = one, other
    pooled = (k1 + k2) / (n1 + n2)
    first, second = chances(n1, pooled).tolist(), chances(n2, pooled).tolist()
    seen = abs(k1 * n2 - k2 * n1)
    expected = sum(
        first[i] * second[j] for i in range(n1 + 1) for j in range(n2 + 1) if abs(i * n2 - j * n1) >= seen
    )
    assert agreement(*one, *other) == pytest.approx(expected)
