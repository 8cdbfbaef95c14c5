"""The report of a sample that the processes scanned: every figure in it is the store's own."""

import csv
import json
from ctypes.util import find_library
from pathlib import Path

import pytest

from tests.system.scope import Scope
from zpscope.config.notice import NOTICE
from zpscope.daemon.command import main

SHORT = ["camera.width_px=640", "camera.height_px=512", "camera.fields=12", "camera.pace_hz=1000"]
PDF = [] if find_library("pango-1.0") else ["--no-pdf"]
FILES = {"report.html", "heads.csv", "result.json", "fhir.json"}


def heads_of(files: dict[str, bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(files["heads.csv"].decode().splitlines()))


def test_a_report_says_what_the_store_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Scope("demo", SHORT, tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("R-1")
        summary = scope.finish()
        scope.stop("inference")
        store = ["--set", f"store.path={scope.store}"]

    def report(name: str, *more: str) -> dict[str, bytes]:
        folder = tmp_path / name
        assert main(["report", "R-1", "--out", str(folder), *more, *store]) == 0
        assert NOTICE in capsys.readouterr().out
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    first, second = report("one", *PDF), report("two", "--no-pdf")
    if not PDF:
        assert first.pop("report.pdf").startswith(b"%PDF-")
    assert first == second
    assert first.keys() == FILES
    assert summary.n > 3
    counted = [row for row in heads_of(first) if row["counted"] == "1"]
    assert (len(heads_of(first)), len(counted)) == (summary.found, summary.n)
    assert sum(row["bound"] == "1" for row in counted) == summary.k
    html = first["report.html"].decode()
    assert f"{summary.k} of {summary.n} heads ZP-binding" in html
    assert html.count("<figcaption>") == summary.n + 3
    assert "DEMONSTRATION MODEL" in html
    result = json.loads(first["result.json"])
    assert (result["sample"]["k"], result["sample"]["n"]) == (summary.k, summary.n)
    assert result["answer"] is None

    name = counted[0]["head"]
    said = ["--as", "excluded", "--reason", "two heads", "--operator", "RV"]
    assert main(["sample", "review", "R-1", "--head", name, *said, *store, *_nobody_there(scope)]) == 0
    again = report("three", "--no-pdf")
    assert [row["head"] for row in heads_of(again) if row["review"] == "excluded"] == [name]
    reviewed = json.loads(again["result.json"])["sample"]
    assert (reviewed["n"], reviewed["reviewed"]["n"]) == (summary.n, summary.n - 1)
    assert "reviewed excluded" in again["report.html"].decode()

    assert main(["report", "R-2", "--out", str(tmp_path / "four"), *store]) == 1
    assert capsys.readouterr().err.startswith("zpscope: there is no sample R-2: ")
    (tmp_path / "file").touch()
    assert main(["report", "R-1", "--no-pdf", "--out", str(tmp_path / "file" / "folder"), *store]) == 1
    told = capsys.readouterr().err
    assert "give another folder with --out" in told
    assert told.count("\n") == 1


def _nobody_there(scope: Scope) -> list[str]:
    """Return settings by which the command finds that no inference process runs."""
    return ["--set", f"wire.control={scope.settings.wire.control}"]
