"""Controls: what passes, and what forbids an answer."""

import re
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.stored import MODEL, SETTINGS, facts, put_sample
from zpscope.config.errors import CommandRefused
from zpscope.config.settings import Controls
from zpscope.counting.tally import interval_percent
from zpscope.daemon import wire
from zpscope.daemon.controls import Control, controls_of, judge, put_control, why_no_answer
from zpscope.daemon.desk import Desk
from zpscope.daemon.listing import summary_of
from zpscope.daemon.reviewing import reviewed_result
from zpscope.daemon.store import Store, open_store
from zpscope.daemon.summary import count_text, summarise

HOUR_NS = 3_600_000_000_000
RULES = Controls()


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store, None, None]:
    with open_store(tmp_path / "s") as opened:
        yield opened


@pytest.mark.parametrize(
    ("k", "n", "passes"),
    [(0, 199, False), (0, 200, True), (2, 210, True), (3, 210, False), (15, 770, True), (16, 770, False)],
)
def test_a_negative_control_passes_if_a_high_share_can_be_excluded(k: int, n: int, passes: bool) -> None:
    passed, words = judge(RULES, [], k, n)
    assert passed == passes, words


def test_a_control_out_of_line_with_earlier_ones_fails() -> None:
    earlier = [Control("negative_control", 1, "S", "m", 1, 1000, 1, "")] * 5
    assert judge(RULES, earlier, 3, 1000)[0]
    passed, words = judge(RULES, earlier, 9, 1000)
    assert not passed
    assert "control chart's limit" in words


def test_no_answer_while_a_control_is_missing_out_or_overdue(store: Store) -> None:
    def why(now_ns: int) -> str:
        return why_no_answer(store, RULES, MODEL.sha256, now_ns)

    def put(kind: str, at_ns: int, passed: int) -> None:
        put_control(store, "OP", Control(kind, at_ns, "x", MODEL.sha256, 0, 300, passed, "said so"))

    assert "no negative-control slide with this model" in why(1)
    put("negative_control", 1, 1)
    assert "no self-test with this model" in why(2)
    put("self_test", 1, 1)
    assert why(2) == ""
    assert "the self-test is overdue" in why(25 * HOUR_NS)
    assert "the negative-control slide is overdue" in why(169 * HOUR_NS)
    assert "of a time to come: set this machine's clock" in why(0)
    put("self_test", 3, 0)
    assert why(4) == "the last self-test is out: said so"
    assert "no negative-control" in why_no_answer(store, RULES, "00", 4)


def test_the_controls_reach_the_answer(store: Store) -> None:
    sample = put_sample(store, "S", [[(2, 10)] * 20, [(2, 10)] * 20])
    slides = [(slide, store.ledger(slide.id)) for slide in store.slides("S")]
    scanning = summarise(replace(sample, life="scanning"), slides)
    assert scanning.interval == scanning.verdict.anytime_percent
    assert summarise(sample, slides).interval == interval_percent(80, 400)
    assert (summarise(sample, slides).verdict.state, summarise(sample, slides).verdict.final) == (
        "above",
        True,
    )
    out = summarise(sample, slides, control="the last self-test is out")
    assert (out.verdict.state, out.verdict.reasons) == ("invalid", ("the last self-test is out",))
    assert (summarise(sample, slides).position, out.position) == ("above", None)


def test_no_side_is_told_of_a_kept_result_whose_answer_is_withheld(store: Store) -> None:
    """Neither the machine's nor the review's, though a zpscope before this one kept both."""
    sample = put_sample(store, "S", [[(2, 10)] * 20, [(2, 10)] * 20])
    told = wire.reviewed_from_json(wire.to_json(reviewed_result(store, sample)))
    assert told.position == "above"
    kept = wire.summary_from_json(sample.machine)
    assert kept.position == "above"
    withheld = replace(kept.verdict, state="invalid", reasons=("a control is out",))
    for verdict, position in ((withheld, None), (kept.verdict, "above")):
        machine = wire.to_json(wire.extend(wire.SampleSummary, kept, verdict=verdict))
        shown = summary_of(store, replace(sample, machine=machine, reviewed=wire.to_json(told)))
        assert shown.reviewed is not None
        assert (shown.position, shown.reviewed.position) == (position, position)
        assert shown.threshold_percent == 4.9
        for text in (count_text(shown), wire.to_json(shown)):
            assert bool(re.search(r"\babove\b|at.or.below", text)) == (position == "above")


def test_a_terminal_never_rounds_on_to_the_threshold(store: Store) -> None:
    text = count_text(summary_of(store, put_sample(store, "S", [[(9, 182)]])))
    assert "9 of 182 heads: 4.95 %" in text
    assert "4.9 %, 95 %" not in text
    assert "slide 1    9 of 182 heads, 4.95 %" in text


def test_a_self_test_must_give_what_the_first_gave(store: Store) -> None:
    desk = Desk(store, SETTINGS)
    for k in ("7", "7", "8"):
        words = {"operator": "OP", "source": "reference", "model": "m", "k": k, "n": "90"}
        desk.carry_out(wire.ControlRequest(action="self_test", words=words), time.time_ns())
    assert [one.passed for one in controls_of(store, "self_test", "m")] == [1, 1, 0]
    assert [entry["action"] for entry in facts(store)] == ["self_test"] * 3


def test_a_purge_takes_the_pictures_of_old_samples_only(store: Store) -> None:
    put_sample(store, "S", [[(1, 2)]])
    desk = Desk(store, SETTINGS)
    for days, gone in (("1", ["A-S"]), ("0", [])):
        words = {"operator": "OP", "days": days}
        purged = desk.carry_out(wire.ControlRequest(action="purge", words=words), time.time_ns())
        assert [one.accession for one in purged] == gone
    assert store.rows("SELECT count(*), count(crop), count(p), max(length(outline)) FROM head") == [
        (2, 0, 2, 0)
    ]
    with pytest.raises(CommandRefused, match="a whole number of days"):
        desk.carry_out(wire.ControlRequest(action="purge", words={"operator": "OP", "days": "x"}), 1)
