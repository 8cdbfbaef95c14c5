"""A field that cannot be scored is told in one line that says why and what to do: by every command and live."""

import re
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.drawn_field import BACKGROUND, DrawnHead, draw_field
from tests.system.scope import Scope, zpscope

UM_PER_PX = 0.052
SAID = {
    "dark": "dark: hardly any light: check the lamp, the shutter and the exposure",
    "saturated": "saturated: hardly anything but the brightest level: lower the exposure or the lamp",
    "defocus": "defocus: the field is blurred: focus, and record again what was recorded so",
    "moving": "moving: the slide moved during the exposure: let it stand still, or expose for less time",
    "scale": "scale: what looks like heads is far from a head's size: check the scale "
    "(--um-per-px, or camera.um_per_px)",
    "refused": "the field has no colour: the stain is told by its colour, so set the camera to a colour format",
}


def _noise(low: int, high: int, shape: tuple[int, ...], seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(low, high, shape)


def heads(seed: int = 1) -> NDArray[np.uint8]:
    """Return a field of nine heads."""
    drawn = [DrawnHead(110 + 140 * i, 90 + 110 * j, 70.0 * i + 25 * j) for i in range(3) for j in range(3)]
    return draw_field(drawn, UM_PER_PX, seed=seed)


def bad_fields() -> dict[str, NDArray[np.uint8]]:
    """Return a field for every reason that does not depend on the scale, by that reason."""
    field = heads()
    grey = np.repeat(field[..., 1:2], 3, 2).astype(np.int64) + _noise(-1, 2, field.shape)
    return {
        "dark": _noise(0, 8, field.shape).astype(np.uint8),
        "saturated": _noise(254, 256, field.shape).astype(np.uint8),
        "defocus": np.asarray(cv2.GaussianBlur(field, (0, 0), 9), np.uint8),
        "moving": np.asarray(cv2.filter2D(field, -1, np.full((1, 25), 1 / 25)), np.uint8),
        "refused": np.clip(grey, 0, 255).astype(np.uint8),
    }


def written(folder: Path, fields: Mapping[str, NDArray[np.uint8]]) -> Path:
    folder.mkdir()
    for name, field in fields.items():
        assert cv2.imwrite(str(folder / f"{name}.png"), field[..., ::-1])
    return folder


def segment(folder: Path, um_per_px: float) -> list[str]:
    """Return the lines that `zpscope segment` says."""
    out = str(folder.parent / "out")
    done = zpscope("segment", str(folder), "--um-per-px", str(um_per_px), "--out", out)
    assert "Traceback" not in done.stderr
    return sorted(done.stderr.splitlines())


def score(folder: Path, um_per_px: float, about: str = "skipped") -> list[str]:
    """Return the lines in which `zpscope score` says why fields are skipped, or another thing about them."""
    done = zpscope("score", str(folder), "--um-per-px", str(um_per_px))
    assert done.returncode == 0, done.stderr
    return sorted(line for line in done.stderr.splitlines() if line.startswith("zpscope: ") and about in line)


def test_segment_says_what_is_wrong_with_each_field(tmp_path: Path) -> None:
    shut, glaring = (
        np.zeros((2, *heads().shape), np.uint8) + np.array([0, 255], np.uint8)[:, None, None, None]
    )
    fields = {**bad_fields(), "good": heads(), "shut": shut, "glaring": glaring}
    said = {name: f"zpscope: {name} is skipped: {SAID[name]}" for name in bad_fields()}
    said["shut"], said["glaring"] = (
        f"zpscope: {name} is skipped: {SAID[reason]}"
        for name, reason in (("shut", "dark"), ("glaring", "saturated"))
    )
    said["refused"] = f"zpscope: refused: {SAID['refused']}"
    assert segment(written(tmp_path / "fields", fields), UM_PER_PX) == sorted(said.values())


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_scale_wrong_by_two_is_said(tmp_path: Path, factor: float) -> None:
    folder = written(tmp_path / "fields", {"a": heads()})
    assert segment(folder, factor * UM_PER_PX) == [f"zpscope: a is skipped: {SAID['scale']}"]
    assert score(folder, factor * UM_PER_PX) == [f"zpscope: fields of {folder} are skipped: {SAID['scale']}"]


def test_what_is_only_empty_or_crowded_is_no_fault(tmp_path: Path) -> None:
    step = 2.8 / UM_PER_PX
    crowd = [DrawnHead(100 + i * step, 100 + j * 1.6 * step) for i in range(20) for j in range(10)]
    blank = np.clip(np.array(BACKGROUND) + _noise(-2, 3, (400, 500, 3)), 0, 255).astype(np.uint8)
    fields = {"blank": blank, "crowd": draw_field(crowd, UM_PER_PX, (1024, 1280))}
    assert segment(written(tmp_path / "fields", fields), UM_PER_PX) == []


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_live_fields_are_counted_by_reason_and_each_reason_is_said_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], factor: float
) -> None:
    fields = {f"{turn}-{name}": field for turn in "ab" for name, field in bad_fields().items()}
    if factor != 1:
        fields = {f"field-{seed}": heads(seed) for seed in range(2)}
        fields["field-1"] = np.ascontiguousarray(fields["field-1"][::-1])
    folder = written(tmp_path / "fields", fields)
    with Scope(
        "replay", [f"camera.folder={folder}", f"camera.um_per_px={factor * UM_PER_PX}"], tmp_path
    ) as scope:
        scope.start("camera", "inference")
        scope.scan("A-1")
        sample = scope.finish()
    expected = dict.fromkeys(bad_fields(), 2) if factor == 1 else {"scale": 2}
    assert (sample.captured, sample.scored, sample.n) == (len(fields), 0, 0)
    assert sample.skipped == expected
    lines = re.findall(r"WARNING: fields are skipped: (.*)", capfd.readouterr().err)
    assert sorted(lines) == sorted(SAID[reason] for reason in expected)


@pytest.mark.parametrize(("times", "said"), [(0.97, False), (1.09, True)])
def test_light_in_which_the_model_did_not_learn_is_said(tmp_path: Path, times: float, said: bool) -> None:
    folder = written(tmp_path / "fields", {"a": np.rint(heads() * times).clip(0, 255).astype(np.uint8)})
    lines = score(folder, UM_PER_PX, "LIGHT")
    assert [line.startswith(f"zpscope: {folder}: LIGHT 249, MODEL ") for line in lines] == [True] * said
