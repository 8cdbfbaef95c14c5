"""A camera is taken out, or hangs; it returns, and the sample goes on and says so."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec import structs

from tests.system.scope import Scope, newest, until
from zpscope.daemon import wire
from zpscope.daemon.grab_watch import GrabWatch
from zpscope.daemon.journal import journal_path
from zpscope.daemon.summary import count_text
from zpscope.display.latest import Snapshot
from zpscope.display.words import words

FIELDS = 60
PICTURES = 12
SMALL = ["camera.width_px=512", "camera.height_px=384", f"camera.fields={FIELDS}", "camera.pace_hz=10"]


def shown(scope: Scope, *, connected: bool) -> wire.StateMessage:
    """Wait until displays are told that the camera process answers, with or without its camera."""

    def look() -> wire.StateMessage | None:
        state = newest(states)
        found = state and state.camera and state.camera_connected == connected
        return state if found else None

    with scope.states() as states:
        return until(look, f"camera connected: {connected}")


@pytest.mark.parametrize("fault", ["unplugged", "hung"])
@pytest.mark.parametrize("timing", ["on_demand", "free_running"])
def test_a_camera_that_fails_and_returns_goes_on_with_its_sample(
    fault: str, timing: str, tmp_path: Path
) -> None:
    plug = tmp_path / "fault"
    with Scope("demo", [*SMALL, f"camera.fault_file={plug}", f"camera.timing={timing}"], tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("A-1")
        begun = scope.wait_for(lambda sample: sample.scored >= 3, "3 fields")
        plug.write_text(fault)
        assert scope.ended("camera") == 1
        plug.write_text("unplugged")
        scope.start("camera")
        state = shown(scope, connected=False)
        assert state.camera
        assert "is unplugged" in state.camera.problem
        assert "NOT CONNECTED: synthetic is unplugged" in words(seen(state), scope.settings.tally).camera
        assert state.camera.driver == "synthetic"
        assert scope.metrics()["zpscope_camera_connected"] == 0
        plug.unlink()
        summary = scope.finish()
    assert summary.sample == begun.sample
    assert summary.captured == FIELDS == summary.scored + sum(summary.lost.values())
    assert (summary.reconnects, len(summary.gaps)) == (1, 1)
    after = seen(structs.replace(state, sample=summary))
    assert "started afresh once" in words(after, scope.settings.tally).camera
    assert "SIMULATED: a program draws the fields" in words(after, scope.settings.tally).camera
    assert count_text(summary).count("SIMULATED") == 1
    assert timing == "free_running" or summary.state == "complete"


def seen(state: wire.StateMessage) -> Snapshot:
    return Snapshot("live", "", state, 0.0, None, None, None, 1, 1)


def test_another_camera_is_not_taken_for_the_one_that_left_and_that_one_is_taken_when_it_returns(
    tmp_path: Path,
) -> None:
    shown_first, other, folder = (tmp_path / name for name in ("first", "other", "shown"))
    pictures(shown_first, 512)
    pictures(other, 640)
    folder.symlink_to(shown_first)
    words = [f"camera.folder={folder}", "camera.um_per_px=0.069", "camera.pace_hz=5"]
    with Scope("replay", words, tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("A-1")
        scope.wait_for(lambda sample: sample.captured >= 3, "3 fields")
        scope.kill("camera")
        plug(folder, other)
        scope.start("camera")
        state = shown(scope, connected=False)
        assert state.camera
        assert (
            "now gives 640 x 384 rgb8, and gave 512 x 384 rgb8 when the sample began" in state.camera.problem
        )
        plug(folder, shown_first)
        summary = scope.finish()
    assert (summary.state, summary.captured, summary.reconnects) == ("complete", PICTURES, 1)
    assert not summary.simulated


def pictures(folder: Path, width_px: int) -> None:
    folder.mkdir()
    for number in range(PICTURES):
        noise = np.random.default_rng(number).integers(0, 255, (384, width_px, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number:02}.png"), noise)


def plug(folder: Path, shown: Path) -> None:
    """Let the folder be another one, at once."""
    new = folder.with_name("new")
    new.symlink_to(shown)
    new.replace(folder)


def test_a_journal_that_is_deleted_while_a_sample_is_open_is_written_anew(tmp_path: Path) -> None:
    with Scope("demo", SMALL, tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("A-1")
        scope.wait_for(lambda sample: sample.scored >= 3, "3 fields")
        journal_path(scope.store).unlink()
        scope.wait_for(lambda sample: sample.scored >= 6, "6 fields")
        scope.kill("camera")
        scope.start("camera")
        summary = scope.finish()
    assert (summary.captured, summary.reconnects) == (FIELDS, 1)
    assert summary.captured == summary.scored + sum(summary.skipped.values()) + sum(summary.lost.values())


@pytest.mark.parametrize("computes", [True, False])
def test_a_driver_that_computes_is_at_work_only_if_there_is_something_to_compute(
    computes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(status: int) -> None:
        assert (status, computes) == (1, False)

    monkeypatch.setattr("zpscope.daemon.grab_watch.os._exit", end)
    with GrabWatch("camera", computes=computes) as watch:
        with watch.call(0.05):
            end_s = time.process_time() + 0.1
            while time.process_time() < end_s:
                pass
            assert watch.hangs() != computes
        assert not watch.hangs()
