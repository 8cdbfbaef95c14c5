"""A camera is taken out, or hangs; it returns, and the sample goes on and says so."""

import time
from pathlib import Path

import pytest
from msgspec import structs

from tests.system.scope import Scope, newest, until
from zpscope.daemon import wire
from zpscope.daemon.grab_watch import GrabWatch
from zpscope.display.latest import Snapshot
from zpscope.display.words import words

FIELDS = 60
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
    assert timing == "free_running" or summary.state == "complete"


def seen(state: wire.StateMessage) -> Snapshot:
    return Snapshot("live", "", state, 0.0, None, None, None, 1, 1)


def test_another_camera_is_not_taken_for_the_one_that_left(tmp_path: Path) -> None:
    with Scope("demo", SMALL, tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("A-1")
        scope.wait_for(lambda sample: sample.scored >= 3, "3 fields")
        scope.kill("camera")
        scope.start("camera", also=["camera.width_px=640"])
        assert scope.ended("camera") == 2


def test_a_driver_that_computes_does_not_hang() -> None:
    with GrabWatch("camera") as watch:
        with watch.call(0.05):
            end_s = time.process_time() + 0.1
            while time.process_time() < end_s:
                pass
            assert not watch.hangs()
        assert not watch.hangs()
