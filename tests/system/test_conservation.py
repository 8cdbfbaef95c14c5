"""Processes die in the middle of a run; every field is accounted for, none twice."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.scope import Scope, until
from zpscope.daemon import wire
from zpscope.daemon.journal import journal_path
from zpscope.daemon.ledger import Ledger
from zpscope.daemon.store import read_store

FIELDS = 300
SMALL = ["camera.width_px=512", "camera.height_px=384", f"camera.fields={FIELDS}", "camera.pace_hz=1000"]


def stored(scope: Scope) -> tuple[Ledger, list[tuple[int, ...]], list[tuple[float, ...]]]:
    """Return the account, the frames and the heads as they are on disk."""
    with read_store(scope.store) as store:
        sample = store.slides(store.samples()[-1].id)[-1]
        frames = store.rows("SELECT number FROM field WHERE slide = ? ORDER BY id", sample.id)
        heads = store.rows(
            "SELECT field.number, head.number, x_px, y_px, reason, p FROM head JOIN field ON field.id = field "
            "WHERE slide = ? ORDER BY field.number, head.number",
            sample.id,
        )
        return store.ledger(sample.id), frames, heads


def scored(fields: int) -> Callable[[wire.SampleSummary], bool]:
    return lambda sample: sample.scored >= fields


def assert_law(scope: Scope, summary: wire.SampleSummary) -> None:
    """Compare the camera's count, the summary, the store and the metrics."""
    ledger, frames, _ = stored(scope)
    fates = summary.scored + sum(summary.skipped.values()) + sum(summary.lost.values()) + summary.in_flight
    assert summary.captured == FIELDS == fates
    assert summary.in_flight == 0
    assert [number for (number,) in frames] == list(range(FIELDS)), (
        "a field is missing, double or out of order"
    )
    assert (ledger.captured, ledger.scored, dict(ledger.skipped), ledger.lost, ledger.in_flight) == (
        summary.captured,
        summary.scored,
        summary.skipped,
        summary.lost,
        summary.in_flight,
    )
    assert (ledger.k, ledger.n, ledger.found) == (summary.k, summary.n, summary.found)
    metrics = scope.metrics()
    assert metrics["zpscope_fields_captured_total"] == summary.captured
    assert metrics["zpscope_fields_scored_total"] == summary.scored
    assert metrics["zpscope_fields_in_flight"] == 0
    skipped = {s: v for s, v in metrics.items() if s.startswith("zpscope_fields_skipped_total")}
    assert sum(skipped.values()) == sum(summary.skipped.values())
    assert not any(series.startswith("zpscope_fields_lost_total") and v for series, v in metrics.items())


@pytest.mark.timeout(400)
def test_killing_inference_three_times_and_display_twice_loses_nothing(tmp_path: Path) -> None:
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    with Scope("demo", SMALL, undisturbed) as scope:
        scope.start("camera", "inference")
        scope.scan("A-1")
        expected = scope.finish()
        _, _, expected_heads = stored(scope)
    with Scope("demo", SMALL, disturbed) as scope:
        scope.start("camera", "inference", "display")
        scope.scan("A-1")
        for kill, at in enumerate((60, 140, 220)):
            scope.wait_for(scored(at), f"{at} scored fields")
            scope.kill("inference")
            if kill < 2:
                scope.kill("display")
                scope.start("display")
            scope.start("inference")
        summary = scope.finish()
        assert_law(scope, summary)
        _, _, heads = stored(scope)
    assert summary.state == expected.state == "complete"
    assert (summary.k, summary.n) == (expected.k, expected.n)
    assert heads == expected_heads


@pytest.mark.timeout(300)
def test_killing_inference_changes_no_place_and_no_count_of_a_scan_by_hand(tmp_path: Path) -> None:
    """Without a stage all that placing remembers comes from what was committed with each field."""
    hand = [
        "camera.width_px=640",
        "camera.height_px=512",
        "camera.fields=160",
        "camera.pace_hz=1000",
        'camera.path="by_hand"',
        "camera.stage=false",
        "camera.seed=2",
    ]
    seen: list[tuple[wire.SampleSummary, list[tuple[float, ...]], list[tuple[float, ...]]]] = []
    for kills in ((), (30, 90)):
        with Scope("demo", hand, tmp_path / str(len(kills))) as scope:
            scope.start("camera", "inference")
            scope.scan("A-1")
            for at in kills:
                scope.wait_for(lambda sample, at=at: taken(sample) >= at, f"{at} fields")  # type: ignore[misc]
                scope.kill("inference")
                scope.start("inference")
            summary = scope.finish()
            with read_store(scope.store) as store:
                places = store.rows("SELECT number, island, x_um, y_um FROM placed ORDER BY number")
                heads = store.rows("SELECT field, number, reason, known, p FROM head ORDER BY field, number")
        seen.append((summary, places, heads))
    (undisturbed, places, heads), (disturbed, places_again, heads_again) = seen
    assert undisturbed.skipped["stationary"] > 10
    assert undisturbed.n > 0
    assert (disturbed.k, disturbed.n, disturbed.unplaced) == (
        undisturbed.k,
        undisturbed.n,
        undisturbed.unplaced,
    )
    assert (disturbed.skipped, disturbed.rejected) == (undisturbed.skipped, undisturbed.rejected)
    assert places_again == places
    assert heads_again == heads


def taken(sample: wire.SampleSummary) -> int:
    return sample.scored + sum(sample.skipped.values())


def test_a_free_running_camera_that_outruns_scoring_says_what_it_lost(tmp_path: Path) -> None:
    fast = ["camera.timing=free_running", "camera.pace_hz=400", "wire.retain_frames=2"]
    with Scope("demo", [*SMALL, *fast], tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("A-1")
        summary = scope.finish()
        ledger, frames, _ = stored(scope)
    assert summary.state == "incomplete"
    assert summary.lost["driver"] == FIELDS - len(frames) > 0
    assert summary.captured == FIELDS == ledger.captured
    assert summary.in_flight == 0


def test_a_stopped_camera_process_is_booked_as_lost_and_the_sample_closes(tmp_path: Path) -> None:
    with Scope("demo", SMALL, tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("A-1")
        scope.wait_for(scored(20), "20 scored fields")
        scope.kill("camera")
        scope.ask("stop")
        summary = scope.wait_for(
            lambda sample: sample.state == "incomplete" or sample.state == "complete", "the end"
        )
        ledger, frames, _ = stored(scope)
    assert summary.captured == len(frames) + sum(summary.lost.values())
    assert set(summary.lost) <= {"camera"}
    assert ledger.in_flight == summary.in_flight == 0


def test_newest_counts_what_gives_way(tmp_path: Path) -> None:
    with Scope("demo", [*SMALL, 'wire.delivery="newest"'], tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("A-1")
        summary = scope.finish()
        _, frames, _ = stored(scope)
    assert summary.captured == FIELDS
    assert summary.scored + sum(summary.skipped.values()) == len(frames)
    assert summary.in_flight == 0
    assert set(summary.lost) <= {"transport", "age"}
    assert FIELDS == len(frames) + sum(summary.lost.values())


def test_a_late_display_has_the_whole_truth_with_its_first_message(tmp_path: Path) -> None:
    with Scope("demo", SMALL, tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("A-1")
        scope.wait_for(scored(30), "30 scored fields")
        with scope.states() as states:
            parts = until(lambda: states.receive(1.0), "a state")
        sample = wire.decode(wire.StateMessage, parts).sample
        assert sample is not None
        assert sample.scored >= 30


@pytest.mark.timeout(400)
@pytest.mark.parametrize("timing", ["on_demand", "free_running"])
@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.soak)])
def test_a_camera_process_killed_at_random_moments_is_accounted_for(
    kills: int, timing: str, tmp_path: Path
) -> None:
    moments = random.Random(kills)
    slow = [f"camera.timing={timing}", f"camera.pace_hz={200 / kills}"]
    with Scope("demo", [*SMALL, *slow], tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("A-1")
        assert_sum(scope.wait_for(scored(1), "a field"))
        ended = ""
        for _ in range(kills):
            time.sleep(moments.uniform(0, 2))
            ended = scope.session()
            scope.kill("camera")
            scope.start("camera")
            summary = scope.ask("status")
            assert summary
            assert_sum(summary)
        # A sample that is stopped before the new camera process is heard of loses what the dead one had not delivered.
        until(lambda: scope.session() != ended, "the last camera process")
        summary = scope.finish()
        lives = len(journal_path(scope.store).read_bytes().splitlines())
        ledger, _, _ = stored(scope)
        with read_store(scope.store) as store:
            places = store.rows("SELECT stage_x_um, stage_y_um FROM field")
        metrics = scope.metrics()
    assert_sum(summary)
    assert summary.captured == ledger.captured == FIELDS
    assert summary.in_flight == ledger.in_flight == 0
    assert len(places) == len(set(places)) == summary.scored, "a field was shown twice"
    assert 1 <= lives - 1 <= summary.reconnects <= kills
    assert summary.reconnects == metrics["zpscope_camera_reconnects_total"]
    assert 1 <= len(summary.gaps) <= summary.reconnects
    assert all(end_ns > start_ns for start_ns, end_ns in summary.gaps)
    if timing == "on_demand":
        assert (summary.state, summary.lost, summary.scored) == ("complete", {}, FIELDS)
    else:
        assert summary.state == ("incomplete" if summary.lost else "complete")
        assert set(summary.lost) <= {"camera", "driver"}


def assert_sum(summary: wire.SampleSummary) -> None:
    fates = summary.scored + sum(summary.skipped.values()) + sum(summary.lost.values())
    assert summary.captured == fates + summary.in_flight
    assert summary.in_flight >= 0
