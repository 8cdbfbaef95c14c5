"""The report of a sample that the processes scanned: every figure in it is the store's own."""

import csv
import json
from ctypes.util import find_library
from pathlib import Path

from tests.system.scope import Scope
from zpscope.config.notice import NOTICE

SHORT = ["camera.width_px=640", "camera.height_px=512", "camera.fields=25", "camera.pace_hz=1000"]
PDF = [] if find_library("pango-1.0") else ["--no-pdf"]
FILES = {"report.html", "heads.csv", "result.json", "fhir.json"}


def heads_of(files: dict[str, bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(files["heads.csv"].decode().splitlines()))


def test_a_report_says_what_the_store_holds(tmp_path: Path) -> None:
    with Scope("demo", SHORT, tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("R-1")
        summary = scope.finish()
        scope.stop("inference")
        made: list[dict[str, bytes]] = []
        for folder, more in ((tmp_path / "one", PDF), (tmp_path / "two", ["--no-pdf"])):
            run = scope.command("report", "R-1", "--out", str(folder), *more)
            assert run.returncode == 0, run.stderr
            assert NOTICE in run.stdout
            made.append({path.name: path.read_bytes() for path in folder.iterdir()})
        name = next(row["head"] for row in heads_of(made[0]) if row["counted"] == "1")
        said = ["--as", "excluded", "--reason", "two heads", "--operator", "RV"]
        review = scope.command("sample", "review", "R-1", "--head", name, *said)
        assert review.returncode == 0, review.stderr
        run = scope.command("report", "R-1", "--no-pdf", "--out", str(tmp_path / "one"))
        assert run.returncode == 0, run.stderr
        nobody = scope.command("report", "R-2", "--out", str(tmp_path / "three"))
        blocked = tmp_path / "file"
        blocked.touch()
        nowhere = scope.command("report", "R-1", "--no-pdf", "--out", str(blocked / "folder"))
    if not PDF:
        assert made[0].pop("report.pdf").startswith(b"%PDF-")
    assert made[0] == made[1]
    assert made[0].keys() == FILES
    assert summary.n > 10
    rows = heads_of(made[0])
    counted = [row for row in rows if row["counted"] == "1"]
    assert (len(rows), len(counted)) == (summary.found, summary.n)
    assert sum(row["bound"] == "1" for row in counted) == summary.k
    html = made[0]["report.html"].decode()
    assert f"{summary.k} of {summary.n} heads ZP-binding" in html
    assert html.count("<figcaption>") == summary.n + 3
    result = json.loads(made[0]["result.json"])
    assert (result["sample"]["k"], result["sample"]["n"]) == (summary.k, summary.n)
    assert result["answer"] is None
    assert "DEMONSTRATION MODEL" in html
    again = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert [row["head"] for row in heads_of(again) if row["review"] == "excluded"] == [name]
    reviewed = json.loads(again["result.json"])["sample"]
    assert (reviewed["n"], reviewed["reviewed"]["n"]) == (summary.n, summary.n - 1)
    assert "reviewed excluded" in again["report.html"].decode()
    assert nobody.returncode == 1
    assert nobody.stderr.startswith("zpscope: there is no sample R-2: ")
    assert nobody.stderr.count("\n") == nowhere.stderr.count("\n") == 1
    assert "give another folder with --out" in nowhere.stderr
