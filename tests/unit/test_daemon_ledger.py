"""The account of a sample: the conservation law, and losses that are booked once."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from zpscope.counting.field_counts import Cell
from zpscope.daemon.ledger import FieldCount, Ledger

SCORED = FieldCount("", ("", "border", "", "duplicate"), Cell(1, 2))
SKIPPED = FieldCount("defocus", ())
fates = st.lists(st.sampled_from(["scored", "skipped", "driver", "waiting"]), max_size=60)


def law(ledger: Ledger) -> bool:
    fates_known = ledger.scored + sum(ledger.skipped.values()) + sum(ledger.lost.values())
    return ledger.captured == fates_known + ledger.in_flight


@given(st.lists(fates, min_size=1, max_size=4))
def test_law_holds_after_every_event(sessions: list[list[str]]) -> None:
    ledger = Ledger()
    for number, session_fates in enumerate(sessions):
        session, captured, lost = f"session{number}", 0, 0
        for fate in session_fates:
            captured += 1
            lost += fate == "driver"
            ledger.hear(session, captured, {"driver": lost})
            if fate in ("scored", "skipped"):
                ledger.commit(session, SCORED if fate == "scored" else SKIPPED, captured)
            assert law(ledger)
            assert ledger.in_flight >= 0
        ledger.hear(session, captured, {})
        waiting = session_fates.count("waiting")
        assert ledger.sessions[session].in_flight == waiting
        assert ledger.close(session, "camera") == (waiting > 0)
        assert not ledger.close(session, "camera")
        assert law(ledger)
    everything = [fate for one in sessions for fate in one]
    assert ledger.in_flight == 0
    assert ledger.captured == len(everything)
    assert ledger.lost.get("camera", 0) == everything.count("waiting")
    assert ledger.lost.get("driver", 0) == everything.count("driver")
    assert ledger.found == ledger.n + sum(ledger.rejected.values())


@given(
    pictures=st.lists(st.booleans(), min_size=1, max_size=30),
    lives=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=6),
)
def test_a_recording_that_is_taken_again_ends_with_every_picture_once(
    pictures: list[bool], lives: list[tuple[int, int]]
) -> None:
    """Every life captures some pictures, good or not, of which some of the first good ones are committed."""
    ledger, position, settled = Ledger(), 0, None
    for life, (captures, commits) in enumerate([*lives, (len(pictures), len(pictures))]):
        session, before = f"life{life}", ledger.captured
        ledger.begin(session, settled)
        assert ledger.captured == before
        start = ledger.captured_before(session)
        assert start == position
        shown = pictures[start : start + captures]
        ledger.hear(session, len(shown), {"driver": shown.count(False)})
        settled = 0
        for place in [i for i, good in enumerate(shown) if good][:commits]:
            ledger.commit(session, SCORED, place)
            settled = place + 1
        position += settled
        assert law(ledger)
        assert ledger.in_flight >= 0
        assert life == 0 or not ledger.hear(f"life{life - 1}", 1000, {})
    assert (ledger.captured, ledger.in_flight) == (len(pictures), 0)
    assert (ledger.scored, ledger.lost.get("driver", 0)) == (pictures.count(True), pictures.count(False))


def test_late_or_repeated_figures_change_nothing() -> None:
    ledger = Ledger()
    assert ledger.hear("s", 10, {"driver": 2})
    assert not ledger.hear("s", 10, {"driver": 2})
    assert not ledger.hear("s", 7, {"driver": 1})
    assert (ledger.captured, ledger.lost) == (10, {"driver": 2})


def test_a_field_adds_its_heads_and_reasons() -> None:
    ledger = Ledger()
    ledger.hear("s", 2, {})
    ledger.commit("s", SCORED, 0)
    ledger.commit("s", SKIPPED, 1)
    assert (ledger.scored, dict(ledger.skipped)) == (1, {"defocus": 1})
    assert (ledger.found, ledger.n, ledger.k) == (4, 2, 1)
    assert dict(ledger.rejected) == {"border": 1, "duplicate": 1}


def test_a_better_view_is_booked_on_the_island_of_the_field_that_it_replaces() -> None:
    """Two islands turn out to be one when the scan has leapt to a third: nothing of them is booked there."""
    ledger = Ledger()
    ledger.hear("s", 4, {})
    ledger.commit("s", shows(3, island=1), 0)
    ledger.commit("s", shows(2, island=1), 1)
    ledger.commit("s", shows(2, island=2), 2)
    last = replace(shows(1, island=3), joins=((2, 1),))
    ledger.commit("s", last, 3, [(2, Cell(0, 2), Cell(0, 1))])
    assert {i: sorted(one.cells.items()) for i, one in ledger.islands.items()} == {
        1: [(Cell(0, 1), 1), (Cell(0, 2), 1), (Cell(0, 3), 1)],
        3: [(Cell(0, 1), 1)],
    }
    assert (ledger.n, ledger.rejected["superseded"]) == (6, 1)


def test_islands_that_join_in_any_order_are_one() -> None:
    for joins in (((1, 2), (2, 3)), ((2, 3), (1, 2))):
        ledger = Ledger()
        for island in (1, 2, 3):
            ledger.add(island, Cell(0, island))
        for island, into in joins:
            ledger.join(island, into)
        ledger.add(1, Cell(0, 4))
        assert ledger.islands.keys() == {3}
        assert ledger.n == 10


def shows(heads: int, island: int) -> FieldCount:
    return FieldCount("", ("",) * heads, Cell(0, heads), island)
