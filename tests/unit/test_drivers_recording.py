"""A recording's table is read as it was written, or refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from zpscope.config.errors import SettingsError
from zpscope.drivers.recording import TABLE, Recording

LINE: dict[str, Any] = {
    "file": "000000.tiff",
    "sha256": "ab",
    "session": "s",
    "number": 0,
    "layout": "rgb8",
    "um_per_px": 0.07,
    "stage_um": [1, -2.5],
    "captured_ns": 1,
    "device_ns": 1,
    "source": "",
    "simulated": False,
}


def recording(folder: Path, **other: object) -> Recording:
    (folder / TABLE).write_text(json.dumps(LINE | other) + '\n{"end": 1}\n')
    return Recording(folder)


def test_a_line_as_it_is_written_is_read(tmp_path: Path) -> None:
    assert len(recording(tmp_path)) == 1
    assert len(recording(tmp_path, stage_um=None, um_per_px=1)) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stage_um", [float("nan"), 0.0]),
        ("stage_um", [0.0, float("inf")]),
        ("stage_um", [1e300, 0.0]),
        ("stage_um", [0.0, -1e7]),
        ("stage_um", [10**400, 0]),
        ("stage_um", [1]),
        ("stage_um", ["a", "b"]),
        ("stage_um", 5),
        ("um_per_px", "a"),
        ("um_per_px", float("nan")),
        ("um_per_px", 0),
        ("file", None),
        ("sha256", 5),
        ("number", "a"),
        ("layout", "cmyk"),
        ("source", None),
    ],
)
def test_a_line_with_what_cannot_be_is_refused(name: str, value: object, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"line 1 is damaged \(.*copy the recording again") as error:
        recording(tmp_path, **{name: value})
    assert "\n" not in str(error.value)
