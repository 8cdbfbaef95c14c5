"""A camera that loses, cuts short, repeats and exchanges fields, through real processes and sockets."""

from pathlib import Path

import pytest

from tests.system.scope import Scope
from zpscope.config.settings import Faults, SyntheticCamera
from zpscope.daemon.store import read_store
from zpscope.drivers.faults import deliveries
from zpscope.drivers.truth import truth

SETTINGS = SyntheticCamera(
    seed=1,
    width_px=512,
    height_px=384,
    fields=80,
    faults=Faults(
        dropped_percent=5,
        truncated_percent=5,
        repeated_percent=10,
        reordered_percent=10,
        clock_jump_percent=10,
    ),
)


@pytest.mark.timeout(300)
def test_every_fault_is_counted_and_no_head_twice(tmp_path: Path) -> None:
    camera = SETTINGS.model_dump(include={"seed", "width_px", "height_px", "fields"})
    words = [f"camera.{key}={value}" for key, value in camera.items()]
    words += [f"camera.faults.{key}={value}" for key, value in SETTINGS.faults.model_dump().items()]
    fates = [each.fate for each in deliveries(SETTINGS.faults, SETTINGS.seed, SETTINGS.fields)]
    assert {"dropped", "truncated", "repeated", "late"} <= set(fates)
    with Scope("demo", [*words, "camera.pace_hz=1000"], tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("A-1")
        summary = scope.finish()
        with read_store(scope.store) as store:
            frames = store.rows("SELECT number FROM field ORDER BY number")
    lost = fates.count("dropped") + fates.count("truncated")
    assert summary.state == "incomplete"
    assert summary.captured == len(fates)
    assert summary.lost == {"driver": lost}
    assert len(frames) == len(fates) - lost
    assert summary.in_flight == 0
    expected = truth(SETTINGS, 80).n
    assert abs(summary.n - expected) <= max(2, 0.03 * expected)
