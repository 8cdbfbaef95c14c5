"""A sample's life on the microscope: planned, scanned slide by slide, held, killed, reviewed and signed."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.stored import facts, put_sample
from tests.system.scope import Scope, until, zpscope
from zpscope.config.errors import CommandRefused
from zpscope.daemon import wire
from zpscope.daemon.controls import controls_of
from zpscope.daemon.sockets import command
from zpscope.daemon.store import open_store, read_store

SMALL = ["camera.width_px=512", "camera.height_px=384", "camera.fields=40", "camera.pace_hz=1000"]


def typed(scope: Scope, words: list[str], line: str) -> subprocess.CompletedProcess[str]:
    """Run a command that reads a line, as a barcode scanner or a person types it."""
    whole = [sys.executable, "-m", "zpscope.daemon", *words, *scope.words]
    return subprocess.run(whole, input=line + "\n", capture_output=True, text=True, timeout=60, check=False)


def reported(scope: Scope, folder: Path) -> dict[str, Any]:
    """Write the report, and return its figures with the status that its FHIR bundle gives it."""
    written = scope.command("report", "A-17", "--no-pdf", "--out", str(folder))
    assert written.returncode == 0, written.stderr
    figures: dict[str, Any] = json.loads((folder / "result.json").read_text())["sample"]
    fhir = json.loads((folder / "fhir.json").read_text())
    report = next(one["resource"] for one in fhir["entry"] if "conclusion" in one["resource"])
    return figures | {"status": report["status"]}


def asked(scope: Scope, action: wire.Action, accession: str = "") -> wire.SampleSummary:
    request = wire.ControlRequest(action=action, accession=accession)
    return command(scope.settings.wire.control, request, timeout_s=60)[-1]


@pytest.mark.timeout(300)
def test_from_the_barcode_to_the_signature(tmp_path: Path) -> None:
    with Scope("demo", SMALL, tmp_path) as scope:
        planned = typed(scope, ["sample", "plan", "--operator", "OP", "--json"], "A-17\r")
        assert json.loads(planned.stdout)["life"] == "planned", planned.stderr
        scope.start("camera", "inference")
        until(lambda: scope.ask("status") is None or True, "the inference process")
        started = typed(scope, ["sample", "start"], "A-17")
        assert "scanning, slide 1 scanning" in started.stdout, started.stderr
        refused = scope.command("sample", "start", "A-18")
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert "sample A-17 is open on this microscope" in refused.stderr
        refused = scope.command("sample", "plan", "A-17")
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert "sample A-17 is being scanned" in refused.stderr

        scope.wait_for(lambda sample: sample.scored >= 5, "5 fields")
        asked(scope, "pause")
        with pytest.raises(CommandRefused, match="nothing to pause"):
            asked(scope, "pause")
        scope.wait_for(lambda sample: sample.in_flight == 0, "the last field before the pause")
        held = scope.ask("status")
        scope.kill("inference")
        scope.start("inference")
        again = scope.ask("status")
        assert held is not None
        assert again is not None
        assert (again.state, again.captured, again.k, again.n) == ("paused", held.captured, held.k, held.n)
        asked(scope, "resume")
        first = scope.finish()
        assert (first.captured, first.life, first.operator) == (40, "machine_result", "OP")
        with pytest.raises(CommandRefused, match="nothing to resume"):
            asked(scope, "resume")

        second = json.loads(scope.command("sample", "next-slide", "--json").stdout)
        assert (second["life"], len(second["slides"])) == ("scanning", 2)
        assert second["slides"][0]["n"] == first.n
        done = scope.finish()
        assert [one.n for one in done.slides] == [first.n, first.n], "the simulated slide is the same one"
        assert (done.captured, done.n, done.k) == (80, 2 * first.n, 2 * first.k)
        assert (done.verdict.state, done.verdict.final) == ("invalid", False)
        assert "demonstration model" in done.verdict.reasons[0]
        scope.stop("inference")

        assert typed(scope, ["people", "add", "RV"], "correct horse").returncode == 0
        listed = scope.command("sample", "review", "A-17").stdout.splitlines()
        assert len(listed) == done.n
        for line in listed:
            name, p = line.split()[0], float(line.split()[4])
            if abs(p - 0.5) < 0.1:
                words = ["--head", name, "--as", "bound", "--reason", "seen", "--operator", "RV"]
                assert scope.command("sample", "review", "A-17", *words).returncode == 0
        signed = typed(scope, ["sample", "sign", "A-17", "--signer", "RV", "--json"], "correct horse")
        assert json.loads(signed.stdout)["life"] == "signed", signed.stderr
        wrong = typed(scope, ["sample", "amend", "A-17", "--signer", "RV", "--reason", "x"], "wrong horse")
        assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
        final = reported(scope, tmp_path / "final")
        assert (final["status"], final["n"]) == ("final", done.n)

        who = ["--signer", "RV", "--json"]
        typed(scope, ["sample", "amend", "A-17", *who, "--reason", "two heads in one"], "correct horse")
        assert reported(scope, tmp_path / "open")["status"] == "preliminary"
        head = scope.command("sample", "review", "A-17").stdout.split()[0]
        words = ["--head", head, "--as", "excluded", "--reason", "two heads", "--operator", "RV"]
        assert scope.command("sample", "review", "A-17", *words).returncode == 0
        typed(scope, ["sample", "sign", "A-17", *who], "correct horse")
        amended = reported(scope, tmp_path / "amended")
        assert (amended["status"], amended["reviewed"]["n"], amended["n"]) == ("amended", done.n - 1, done.n)
        late = scope.command("sample", "review", "A-17", *words)
        assert (late.returncode, late.stderr.count("\n")) == (1, 1)
        assert "amend" in late.stderr
        verified = scope.command("audit", "verify")
        assert (verified.returncode, verified.stderr) == (0, "")
        with read_store(scope.store) as store:
            actions = [entry["action"] for entry in facts(store) if entry["action"] != "review"]
    assert actions == [
        *("planned", "scanning", "paused", "scanning", "closing", "complete", "machine_result"),
        *("scanning", "closing", "complete", "machine_result", "enrolled", "signed", "amended", "signed"),
    ]
    with sqlite3.connect(scope.store) as changed:
        changed.execute("UPDATE head SET p = p + 1e-6 WHERE p = (SELECT min(p) FROM head)")
    changed.close()
    found = scope.command("audit", "verify")
    assert found.returncode == 1
    assert "A-17" in found.stderr + found.stdout


@pytest.mark.timeout(300)
def test_no_command_guesses_which_of_two_samples_is_meant(tmp_path: Path) -> None:
    with Scope("demo", SMALL, tmp_path) as scope:
        with open_store(scope.store) as store:
            put_sample(store, "S", [[(1, 10)]])
            store.write("UPDATE sample SET accession = 'A-40'")
        scope.start("camera", "inference")
        until(lambda: scope.ask("status") is None or True, "the inference process")
        started = json.loads(scope.command("sample", "start", "A-40", "--json").stdout)
        unknown = scope.command("sample", "next-slide", "A-41")
        assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)
        assert "there is no sample A-41" in unknown.stderr
        open_still = scope.ask("status")
        assert open_still is not None
        assert open_still.state == "scanning", "a slide is not ended for a sample that is not there"
        further = json.loads(scope.command("sample", "next-slide", "A-40", "--json").stdout)
        assert (further["sample"], len(further["slides"])) == (started["sample"], 2), "the open one is meant"
        scope.finish()
        assert typed(scope, ["people", "add", "RV"], "correct horse").returncode == 0
        signer = ["--signer", "RV"]
        head = ["--head", "1.1", "--as", "bound", "--reason", "x", "--operator", "RV"]
        for words in (
            ["sample", "next-slide", "A-40"],
            ["sample", "status", "A-40"],
            ["sample", "review", "A-40"],
            ["sample", "review", "A-40", *head],
            ["sample", "sign", "A-40", *signer],
            ["sample", "amend", "A-40", *signer, "--reason", "x"],
            ["score", "--sample", "A-40"],
            ["report", "A-40", "--no-pdf", "--out", str(tmp_path / "report")],
        ):
            refused = typed(scope, words, "correct horse")
            lines = [line for line in refused.stderr.splitlines() if "zpscope: " in line]
            assert (refused.returncode, len(lines)) == (1, 1), (words, refused.stderr)
            ids = f"S, {started['sample']}"
            assert f"2 samples have the accession A-40: give one by its id, {ids}" in lines[0]
        signed = typed(scope, ["sample", "sign", "S", *signer, "--json"], "correct horse")
        assert (json.loads(signed.stdout)["sample"], json.loads(signed.stdout)["life"]) == ("S", "signed")


def test_a_withheld_answer_tells_no_side_in_json(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as store:
        put_sample(store, "S", [[(2, 10)] * 20, [(2, 10)] * 20])
    looked = ["sample", "status", "A-S", "--json", "--set", f"store.path={tmp_path}/s"]
    assert json.loads(zpscope(*looked).stdout)["position"] == "above"
    with open_store(tmp_path / "s") as store:
        store.write("UPDATE sample SET machine = json_set(machine, '$.verdict.state', 'invalid')")
    told = json.loads(zpscope(*looked).stdout)
    assert (told["position"], told["threshold_percent"]) == (None, 4.9)


def test_two_microscopes_at_once(tmp_path: Path) -> None:
    with Scope("demo", SMALL, tmp_path / "one") as one, Scope("demo", SMALL, tmp_path / "other") as other:
        for scope, accession, words in ((one, "A-1", {}), (other, "QC-2", {"kind": "negative_control"})):
            scope.start("camera", "inference")
            request = wire.ControlRequest(action="start", accession=accession, words=words)
            command(scope.settings.wire.control, request, timeout_s=60)
        results = [scope.finish() for scope in (one, other)]
        with read_store(other.store) as store:
            (control,) = controls_of(store, "negative_control", results[1].model.sha256)
    assert [result.accession for result in results] == ["A-1", "QC-2"]
    assert [result.captured for result in results] == [40, 40]
    assert (control.k, control.n, control.passed) == (results[1].k, results[1].n, 0)
    assert "it is a control slide" in results[1].verdict.reasons


def test_a_sample_without_its_facts_is_refused_in_one_line(tmp_path: Path) -> None:
    run = zpscope("sample", "plan", "A-1", "--set", f"store.path={tmp_path}/s", "--set", "specimen.operator=")
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert "sample A-1 lacks its operator: give --operator" in run.stderr
    run = zpscope("sample", "plan", "Jane.Smith", "--set", f"store.path={tmp_path}/s")
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert "looks like a name" in run.stderr
