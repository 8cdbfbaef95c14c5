"""Minutes long: resident memory of every process is flat from field 200 to field 2,000."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.system.scope import Scope
from zpscope.daemon.wire import SampleSummary

FIELDS = 2000
SHARE = 0.05


def resident(scope: Scope) -> dict[str, int]:
    """Return the resident memory of every process, in bytes."""
    return {name: psutil.Process(process.pid).memory_info().rss for name, process in scope.processes.items()}


def reached(fields: int) -> Callable[[SampleSummary], bool]:
    return lambda sample: sample.scored + sum(sample.skipped.values()) >= fields


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_memory_is_flat_from_field_200_to_2000(tmp_path: Path) -> None:
    with Scope("demo", [f"camera.fields={FIELDS + 50}"], tmp_path) as scope:
        scope.start("camera", "inference", "display")
        scope.scan("A-1")
        scope.wait_for(reached(200), "field 200", 300)
        before = resident(scope)
        scope.wait_for(reached(FIELDS), f"field {FIELDS}", 2400)
        after = resident(scope)
    grown = {name: after[name] / before[name] - 1 for name in before}
    told = {name: f"{before[name] / 2**20:.1f} -> {after[name] / 2**20:.1f} MiB" for name in before}
    assert all(abs(share) <= SHARE for share in grown.values()), told
