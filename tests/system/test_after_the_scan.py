"""After the scan: another model, a self-test on the recording, a backup, a purge."""

import json
from pathlib import Path

import pytest

from tests.system.scope import Scope
from zpscope.daemon.store import read_store

SMALL = ["camera.width_px=512", "camera.height_px=384", "camera.fields=20", "camera.pace_hz=1000"]


@pytest.mark.timeout(300)
def test_what_is_kept_of_a_sample_serves_later(tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    with Scope("demo", [*SMALL, f'record.folder="{recordings}"'], tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("A-1")
        done = scope.finish()
        scope.stop("inference")
        (recording,) = recordings.iterdir()

        again = json.loads(scope.command("score", "--sample", "A-1", "--json").stdout)
        assert (again["n"], again["k_then"], again["k_now"], again["changed"]) == (done.n, done.k, done.k, 0)

        reference = ["--operator", "OP", "--set", f'controls.reference="{recording}"']
        for said in ("the reference from now on", "as ever"):
            tested = scope.command("control", "test", *reference)
            assert f"{done.k} of {done.n} heads bound" in tested.stdout, tested.stderr
            assert said in tested.stdout
        chart = scope.command("control", "chart").stdout
        assert chart.count("self_test") == 2
        assert "samples get no answer: there is no negative-control slide" in chart

        copy = tmp_path / "copy.sqlite"
        assert scope.command("backup", str(copy)).stdout == f"{copy} holds 1 samples\n"
        refused = scope.command("backup", str(copy))
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        purged = scope.command("purge", "--days", "0", "--operator", "OP")
        assert purged.stdout.count("\n") == 1, purged.stderr
        refused = scope.command("score", "--sample", "A-1")
        assert "the pictures of sample A-1 were purged" in refused.stderr
        assert scope.command("audit", "verify").returncode == 0
        with read_store(scope.store) as here, read_store(copy) as there:
            tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('audit', 'head', 'placed')"
            for (table,) in here.rows(tables):
                assert here.rows(f"SELECT * FROM {table}") == there.rows(f"SELECT * FROM {table}")
            assert there.rows("SELECT count(crop) FROM head")[0][0] >= done.n
