"""What may be said of counts, field by field and slide by slide."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpscope.config.settings import Tally
from zpscope.counting.control import upper_limit
from zpscope.counting.design_effect import FieldSums
from zpscope.counting.field_counts import Cell, FieldCounts, merged
from zpscope.counting.verdict import State, bounds_percent, verdict

RULES = Tally()


def slide(k: int, n: int, fields: int = 50) -> FieldCounts:
    """Return a slide whose heads, and bound heads, are spread as evenly as they go."""
    counts = FieldCounts()
    for i in range(fields):
        counts.add(Cell(k * (i + 1) // fields - k * i // fields, n * (i + 1) // fields - n * i // fields))
    assert counts.total[:2] == (k, n)
    return counts


@pytest.mark.parametrize(
    ("slides", "ended", "state", "final"),
    [
        ([], False, "collecting", False),
        ([(50, 99)], False, "collecting", False),  # 100 heads first
        ([(12, 100)], False, "above", False),
        ([(11, 100)], False, "collecting", False),
        ([(0, 100)], False, "below", False),
        ([(30, 200)], True, "above", False),  # a second slide is missing
        ([(30, 200), (28, 199)], True, "above", False),
        ([(30, 200), (28, 200)], False, "above", True),
        ([(2, 200), (3, 200)], True, "below", True),
        ([(10, 200), (11, 200)], False, "collecting", False),  # count on
        ([(10, 200), (11, 200)], True, "indeterminate", True),
        ([(25, 500), (25, 500)], False, "indeterminate", True),  # the most that are counted
        ([(30, 200), (5, 200)], True, "invalid", False),  # the slides disagree
        ([(30, 200), (5, 199)], True, "above", False),  # not to be said with so few heads
    ],
)
def test_states(slides: list[tuple[int, int]], ended: bool, state: State, final: bool) -> None:
    said = verdict([slide(k, n) for k, n in slides], RULES, [], ended=ended)
    assert (said.state, said.final) == (state, final)
    assert bool(said.reasons) != final


def test_few_fields_give_no_answer() -> None:
    assert verdict([slide(60, 120, fields=19)], RULES, [], ended=False).state == "collecting"
    assert verdict([slide(60, 120, fields=20)], RULES, [], ended=False).state == "above"


def test_what_withholds_an_answer_is_said() -> None:
    said = verdict([slide(60, 200), slide(60, 200)], RULES, ["the stain"], ended=True)
    assert (said.state, said.final, said.reasons) == ("invalid", False, ("the stain",))


def test_heads_of_one_field_that_are_alike_count_for_less() -> None:
    """All bound heads in a few fields: as many heads, and no answer any more."""
    spread, clumped = slide(14, 100, 20), FieldCounts({Cell(5, 5): 2, Cell(4, 5): 1, Cell(0, 5): 17})
    assert clumped.total == spread.total
    assert verdict([spread], RULES, [], ended=False).state == "above"
    said = verdict([clumped], RULES, [], ended=False)
    assert said.state == "collecting"
    assert said.design_effect > 3
    assert said.wilson_percent[0] < 4.9 < verdict([spread], RULES, [], ended=True).wilson_percent[0]


def test_49_of_1000_is_not_above_and_50_is() -> None:
    """No float decides the side: one that is decided lies on the side of the whole numbers."""
    rules = Tally(minimum_heads=1, minimum_fields=1)
    for n in (1000, 1020, 2040):
        for k in range(0, n, 7):
            said = verdict([slide(k, n, 20)], rules, [], ended=False).state
            if said in ("above", "below"):
                assert (said == "above") == (1000 * k > 49 * n)


def test_about_so_many_heads_more() -> None:
    said = verdict([slide(14, 100)], RULES, [], ended=False)
    assert said.more_heads == 0
    assert verdict([slide(3, 40)], RULES, [], ended=False).more_heads >= 60  # type: ignore[operator]
    assert verdict([slide(49, 1000)], RULES, [], ended=False).more_heads is None


CELLS = st.lists(st.integers(0, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=40)


@given(cells=CELLS, data=st.data())
def test_sums_do_not_depend_on_the_order_of_the_fields(
    cells: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Nor on fields that were counted otherwise for a while."""
    one, other = FieldCounts(), FieldCounts()
    sums = FieldSums()
    for k, n in cells:
        one.add(Cell(k, n))
        sums = sums.plus(k, n)
    for k, n in data.draw(st.permutations(cells)):
        other.add(Cell(k, n + 1))
        other.add(Cell(k, n + 1), -1)
        other.add(Cell(k, n))
    assert one == other
    assert one.fields == len(cells)
    assert one.sums.k_squared_per_n == other.sums.k_squared_per_n == pytest.approx(sums.k_squared_per_n)
    assert (one.sums.k, one.sums.n, one.sums.fields, one.sums.n_squared) == (
        sums.k,
        sums.n,
        sums.fields,
        sums.n_squared,
    )
    assert merged([one, other]).total == Cell(*(2 * part for part in one.total))


def test_bounds() -> None:
    assert bounds_percent(5, 100, 0) == (5.0, 5.0)
    assert bounds_percent(5, 80, 20) == (5.0, 25.0)
    assert bounds_percent(0, 0, 0) == (0.0, 100.0)


@pytest.mark.parametrize(
    ("ceiling", "observed", "heads"),
    [(0.03, 0.01, 210), (0.03, 0.02, 770), (0.04, 0.02, 270), (0.02, 0.01, 530)],
)
def test_heads_that_certify_a_control(ceiling: float, observed: float, heads: int) -> None:
    """The table of domain.md 3.4, within a twentieth: a share of so many heads is rarely a whole number of them."""
    fewest = next(n for n in range(20, 2000, 5) if upper_limit(ceil(observed * n - 0.5), n) < ceiling)
    assert upper_limit(round(observed * heads), heads) == pytest.approx(ceiling, rel=0.05)
    assert fewest <= heads * 1.05
