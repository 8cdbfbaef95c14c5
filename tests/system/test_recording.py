"""What a live run records is replayed to the same result; what was lost or changed since is said."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.system.scope import Scope, newest, until, zpscope
from zpscope.daemon.store import read_store

SMALL = ["camera.width_px=640", "camera.height_px=512", "camera.fields=14", "camera.seed=7"]
SAME = ("captured", "scored", "skipped", "lost", "found", "rejected", "k", "n", "percent", "interval")


def run(
    profile: str, settings: list[str], where: Path, *words: str
) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """Return the result of `zpscope run` and the fields, heads and crops in its store."""
    with Scope(profile, settings, where) as scope:
        done = scope.command("run", "--sample", "A-1", "--json", "-", *words)
        assert done.returncode == 0, done.stderr
        with read_store(scope.store) as store:
            heads = store.rows(
                "SELECT field.number, stage_x_um, stage_y_um, device_ns, um_per_px, skip, head.number, x_px, y_px, "
                "slide_x_um, slide_y_um, angle_deg, area_um2, reason, p, bound, outline, crop FROM field "
                "LEFT JOIN head ON field.id = field ORDER BY field.number, head.number"
            )
    return json.loads(done.stdout), heads


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[tuple[Any, ...]]]:
    """Return a recording of a simulated Bayer scan with a stage, and what came of the scan."""
    where = tmp_path_factory.mktemp("live")
    result, heads = run("demo", SMALL, where, "--record", str(where / "kept"))
    (folder,) = (where / "kept").iterdir()
    return folder, result, heads


def test_a_recording_is_replayed_to_the_same_result(
    recorded: tuple[Path, dict[str, Any], list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    folder, result, heads = recorded
    replayed, again = run("replay", [f"camera.folder={folder}"], tmp_path)
    assert result["n"] > 10
    assert len({places[1:3] for places in heads}) == 14, "the stage stood still"
    assert again == heads
    assert {key: replayed[key] for key in SAME} == {key: result[key] for key in SAME}
    scored = zpscope("score", str(folder), "--json")
    assert scored.returncode == 0, scored.stderr
    offline = json.loads(scored.stdout)
    assert {key: offline[key] for key in SAME} == {key: result[key] for key in SAME}


def test_users_can_open_it(recorded: tuple[Path, dict[str, Any], list[tuple[Any, ...]]]) -> None:
    folder, _, _ = recorded
    lines = [json.loads(line) for line in (folder / "fields.jsonl").read_text().splitlines()]
    assert lines[-1] == {"end": 14}
    assert len(lines) == 15
    mosaic = cv2.imread(str(folder / lines[0]["file"]), cv2.IMREAD_UNCHANGED)
    assert mosaic is not None
    assert mosaic.shape == (512, 640)
    assert (lines[0]["layout"], lines[0]["um_per_px"], lines[0]["stage_um"]) == (
        "bayer_rg8",
        0.069,
        [0.0, 0.0],
    )


def test_missing_and_changed_files_are_named_and_lost(
    recorded: tuple[Path, dict[str, Any], list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(recorded[0], folder)
    (folder / "000003.tiff").unlink()
    content = bytearray((folder / "000005.tiff").read_bytes())
    content[1000] ^= 1
    (folder / "000005.tiff").write_bytes(content)
    table = (folder / "fields.jsonl").read_text().splitlines(keepends=True)
    (folder / "fields.jsonl").write_text("".join(table[:8] + table[9:-1]) + table[9][:30])
    done = zpscope("score", str(folder), "--json")
    assert done.returncode == 1
    result = json.loads(done.stdout)
    assert (result["captured"], result["scored"], result["lost"]) == (14, 11, {"driver": 3})
    for words in ("000003.tiff is missing", "000005.tiff was changed", "has no end"):
        assert sum(words in line for line in done.stderr.splitlines()) == 1, done.stderr
    (folder / "fields.jsonl").write_text("".join(table[:2]) + "{damaged\n")
    done = zpscope("score", str(folder), "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "line 3 is damaged" in done.stderr


def test_a_folder_of_recordings_asks_which(
    recorded: tuple[Path, dict[str, Any], list[tuple[Any, ...]]],
) -> None:
    done = zpscope("score", str(recorded[0].parent))
    assert done.returncode == 2
    assert f"holds 1 recordings: name one of them: {recorded[0].name}" in done.stderr


def test_a_killed_inference_process_records_every_field_once(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with Scope("demo", [*SMALL, "camera.pace_hz=10", f"record.folder={kept}"], tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("A-1")
        scope.wait_for(lambda sample: sample.scored >= 5, "5 fields")
        scope.kill("inference")
        scope.start("inference")
        result = scope.finish()
        until(
            lambda: '"end"' in (next(kept.iterdir()) / "fields.jsonl").read_text(), "the end of the recording"
        )
    (folder,) = kept.iterdir()
    offline = json.loads(zpscope("score", str(folder), "--json").stdout)
    assert (offline["scored"], offline["k"], offline["n"]) == (result.scored, result.k, result.n)


def test_a_recording_that_fails_is_said_and_scoring_goes_on(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with Scope("demo", [*SMALL, "camera.pace_hz=10", f"record.folder={kept}"], tmp_path) as scope:
        scope.start("camera", "inference")
        with scope.states() as states:
            scope.scan("A-1")
            scope.wait_for(lambda sample: sample.scored >= 2, "2 fields")
            shutil.rmtree(kept)
            until(lambda: (s := newest(states)) and s.recording.startswith("RECORDING STOPPED"), "the word")
        result = scope.finish()
    assert (result.state, result.scored) == ("complete", 14)
