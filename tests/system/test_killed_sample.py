"""Minutes long: inference is killed 50 times during a sample, and nothing of the sample tells of it."""

import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.stored import facts
from tests.system.scope import Scope
from zpscope.daemon import trail, wire
from zpscope.daemon.store import read_store

KILLS = 50
SLIDE = ["camera.width_px=512", "camera.height_px=384", "camera.fields=150"]


def scanned(
    folder: Path, pace_hz: float, kills: int
) -> tuple[wire.SampleSummary, list[Any], list[Any], list[Any]]:
    """Scan two slides, killing inference at random moments; return what came of it, and what the store holds."""
    moments = random.Random(kills)
    with Scope("demo", [*SLIDE, f"camera.pace_hz={pace_hz}"], folder) as scope:
        scope.start("camera", "inference")
        for slide in (1, 2):
            if slide == 1:
                scope.scan("A-1")
            else:
                scope.ask("next_slide")
            for _ in range(kills // 2):
                time.sleep(moments.uniform(0.1, 1.5))
                scope.kill("inference")
                scope.start("inference")
            summary = scope.finish()
        with read_store(scope.store) as store:
            assert list(trail.faults(store)) == []
            heads = store.rows(
                "SELECT slide.number, field.number, head.number, x_px, y_px, slide_x_um, slide_y_um, angle_deg, "
                "area_um2, reason, p, bound, outline, crop, sharpness, known FROM head "
                "JOIN field ON field.id = head.field JOIN slide ON slide.id = field.slide ORDER BY 1, 2, 3"
            )
            frames = store.rows(
                "SELECT slide.number, field.number, skip, island, x_um, y_um FROM field "
                "JOIN slide ON slide.id = field.slide LEFT JOIN placed ON placed.field = field.id ORDER BY field.id"
            )
            return summary, heads, frames, facts(store)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_50_kills_change_nothing(tmp_path: Path) -> None:
    expected, heads, frames, entries = scanned(tmp_path / "undisturbed", 1000, 0)
    killed, heads_again, frames_again, entries_again = scanned(tmp_path / "killed", 8, KILLS)
    assert (killed.k, killed.n, killed.captured) == (expected.k, expected.n, expected.captured)
    assert (killed.verdict, killed.state, killed.life) == (expected.verdict, "complete", "machine_result")
    assert frames_again == frames
    assert heads_again == heads
    assert told(entries_again) == told(entries)


def told(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the trail without the sample's random name, and the settings, whose pace and ports differ."""
    return [
        entry
        | {"sample": "", "facts": {name: fact for name, fact in entry["facts"].items() if name != "settings"}}
        for entry in entries
    ]
