"""Recorded fields: the three live processes and `zpscope score` give the same heads, always."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.system.scope import Scope, zpscope
from zpscope.config.settings import SyntheticCamera
from zpscope.daemon.store import read_store
from zpscope.drivers.open_camera import open_camera
from zpscope.imaging.decode import decode

UM_PER_PX = 0.069
HEAD = ("x_px", "y_px", "angle_deg", "area_um2", "reason", "p", "bound")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of simulated fields."""
    folder = tmp_path_factory.mktemp("fields")
    settings = SyntheticCamera(seed=7, width_px=640, height_px=512, fields=12, overlap_percent=0)
    with open_camera(settings) as camera:
        for number in range(12):
            field = decode(camera.grab(60).pixels, camera.format.layout)
            cv2.imwrite(str(folder / f"field{number:02}.png"), cv2.cvtColor(field, cv2.COLOR_RGB2BGR))
    return folder


def run_live(folder: Path, um_per_px: float, where: Path) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """Return the result of `zpscope run` over a folder, and the heads in its store."""
    with Scope("replay", [f"camera.folder={folder}", f"camera.um_per_px={um_per_px}"], where) as scope:
        done = scope.command("run", "--sample", "REAL-1", "--json", "-")
        assert done.returncode == 0, done.stderr
        with read_store(scope.store) as store:
            heads = store.rows(
                "SELECT source, head.number, x_px, y_px, angle_deg, area_um2, reason, p, bound FROM head "
                "JOIN field ON field.id = field ORDER BY field.number, head.number"
            )
    return json.loads(done.stdout), heads


def assert_live_equals_recorded(folder: Path, um_per_px: float, where: Path) -> dict[str, Any]:
    scored = zpscope("score", str(folder), "--um-per-px", str(um_per_px), "--json")
    assert scored.returncode == 0, scored.stderr
    recorded: dict[str, Any] = json.loads(scored.stdout)
    live, heads = run_live(folder, um_per_px, where)
    expected = [
        (
            field["field"],
            number,
            *(head[key] for key in ("x_px", "y_px", "angle_deg", "area_um2", "reason", "p", "bound")),
        )
        for field in recorded["fields"]
        for number, head in enumerate(field["heads"], 1)
    ]
    assert heads == expected
    for key in (
        "captured",
        "scored",
        "skipped",
        "lost",
        "found",
        "rejected",
        "k",
        "n",
        "percent",
        "interval",
    ):
        assert live[key] == recorded[key], key
    assert live["in_flight"] == 0
    assert live["state"] == "complete"
    return recorded


def test_score_heeds_the_settings(simulated: Path) -> None:
    scored = ("score", str(simulated), "--um-per-px", str(UM_PER_PX), "--json")
    bad = zpscope(*scored, "--set", "bogus.key=1")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "bogus" in bad.stderr
    missing = zpscope(*scored, "-c", "nope.toml")
    assert missing.returncode == 2
    other = zpscope(*scored, "--set", "tally.threshold_permille=200", "--set", "classifier.threads=2")
    result = json.loads(other.stdout)
    assert result["threshold_percent"] == 20
    assert result["model"]["runtime"].endswith("2 threads")


def test_live_and_recorded_agree_on_simulated_fields(simulated: Path, tmp_path: Path) -> None:
    recorded = assert_live_equals_recorded(simulated, UM_PER_PX, tmp_path)
    assert recorded["captured"] == 12
    assert recorded["n"] >= 6


def test_live_and_recorded_agree_on_the_32_real_fields(data: Path, tmp_path: Path) -> None:
    recorded = assert_live_equals_recorded(data / "spd" / "images" / "val", 0.052, tmp_path)
    assert recorded["captured"] == 32
    assert recorded["n"] > 150


def test_score_gives_the_same_bytes_on_every_run(simulated: Path) -> None:
    first, second = (
        zpscope("score", str(simulated), "--um-per-px", str(UM_PER_PX), "--json") for _ in range(2)
    )
    assert first.returncode == second.returncode == 0, first.stderr
    assert first.stdout == second.stdout


def test_pictures_that_cannot_be_used_are_named_and_counted(simulated: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    for path in sorted(simulated.iterdir())[:4]:
        (folder / path.name).write_bytes(path.read_bytes())
    whole = sorted(simulated.iterdir())[4].read_bytes()
    good = cv2.imdecode(np.frombuffer(whole, np.uint8), cv2.IMREAD_COLOR)
    assert good is not None
    (folder / "field01a-truncated.png").write_bytes(whole[: len(whole) // 2])
    (folder / "field01b-text.jpg").write_text("not a picture")
    cv2.imwrite(str(folder / "field01c-small.png"), good[:256, :256])
    cv2.imwrite(str(folder / "field01d-sixteen.png"), good.astype(np.uint16) * 257)
    cv2.imwrite(str(folder / "field09-grey.png"), good[:, :, 1])
    done = zpscope("score", str(folder), "--um-per-px", str(UM_PER_PX), "--json")
    result = json.loads(done.stdout)
    assert done.returncode == 1
    assert (result["captured"], result["scored"], result["lost"]) == (9, 4, {"driver": 5})
    assert [field["field"] for field in result["fields"]] == ["field00", "field01", "field02", "field03"]
    for name in ("truncated", "text", "small", "sixteen", "grey"):
        told = [line for line in done.stderr.splitlines() if name in line]
        assert len(told) == 1, done.stderr
