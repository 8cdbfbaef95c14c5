"""Minutes long: resident memory of every process is flat from field 200 to field 2,000."""

from collections.abc import Callable
from pathlib import Path
from statistics import median

import psutil
import pytest

from tests.system.scope import Scope
from zpscope.daemon.wire import SampleSummary

FIELDS = 2000
WINDOW = 40
"""Fields over which memory is sampled: from one moment to the next it swings with what is being drawn."""
SHARE = 0.05


def resident(scope: Scope, until_fields: int) -> dict[str, float]:
    """Return the median resident memory of every process until a field is committed, in MiB."""
    samples: dict[str, list[int]] = {name: [] for name in scope.processes}

    def look(sample: SampleSummary) -> bool:
        for name, process in scope.processes.items():
            samples[name].append(psutil.Process(process.pid).memory_info().rss)
        return sample.scored + sum(sample.skipped.values()) >= until_fields

    scope.wait_for(look, f"field {until_fields}", 300)
    return {name: median(values) / 2**20 for name, values in samples.items()}


def reached(fields: int) -> Callable[[SampleSummary], bool]:
    return lambda sample: sample.scored + sum(sample.skipped.values()) >= fields


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_memory_is_flat_from_field_200_to_2000(tmp_path: Path) -> None:
    with Scope("demo", [f"camera.fields={FIELDS + WINDOW}", "camera.pace_hz=1000"], tmp_path) as scope:
        scope.start("camera", "inference", "display")
        scope.scan("A-1")
        scope.wait_for(reached(200 - WINDOW), "field 160", 300)
        before = resident(scope, 200)
        scope.wait_for(reached(FIELDS - WINDOW), f"field {FIELDS - WINDOW}", 2400)
        after = resident(scope, FIELDS)
    told = {name: f"{before[name]:.1f} -> {after[name]:.1f} MiB" for name in before}
    print(told)
    assert all(abs(after[name] / before[name] - 1) <= SHARE for name in before), told
