"""A scan that zpscope drives over Micro-Manager's demo stage, through the real processes."""

import sqlite3
from pathlib import Path

import pytest

from tests.contract.rigs import micromanager_settings
from tests.system.scope import Scope
from zpscope.config.cameras import Scan
from zpscope.drivers.scan_plan import scan_centres

STEP_UM = 0.015
"""Three steps of the demo stage."""
PROFILE = """
[camera]
driver = "micromanager"
config_file = "{config}"
um_per_px = 0.1
exposure_ms = 150
scan = {{ left_um = 100, top_um = 50, width_um = 128, height_um = 77, settle_ms = 0 }}
[specimen]
preparation = "density_gradient"
stain = "diff_quik"
operator = "OP"
[optics]
objective = "100x"
"""


def test_a_scan_whose_camera_process_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    pytest.importorskip("pymmcore_plus", reason="driver micromanager: pymmcore-plus is not installed")
    config = micromanager_settings(tmp_path).config_file
    profile = tmp_path / "stage.toml"
    profile.write_text(PROFILE.format(config=config))
    scan = Scan(left_um=100, top_um=50, width_um=128, height_um=77)
    centres = scan_centres(scan, (32.0, 25.6))
    with Scope(str(profile), [], tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("A-1")
        scope.wait_for(lambda sample: sample.scored + sum(sample.skipped.values()) >= 3, "3 fields")
        scope.kill("camera")
        scope.start("camera")
        summary = scope.finish()
    with sqlite3.connect(scope.store) as store:
        places = store.execute("SELECT stage_x_um, stage_y_um FROM field ORDER BY id").fetchall()
    store.close()
    assert (summary.state, summary.captured, summary.lost) == ("complete", len(centres), {})
    assert len(places) == len(centres) > 8
    for place, centre in zip(places, centres, strict=True):
        assert place == pytest.approx(centre, abs=STEP_UM)
    assert summary.simulated
    assert (summary.percent, summary.position) == (None, "not_calibrated")
