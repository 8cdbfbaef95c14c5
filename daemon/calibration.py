"""Which scales were measured: one JSON file, read by people too, a record for each picture of a stage micrometer.

Records are only ever added; the latest for a camera, objective and adapter holds. Knows no picture.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zpscope.config.cameras import PylonCamera
from zpscope.config.errors import SettingsError
from zpscope.config.settings import Camera, ReplayCamera, Settings, SyntheticCamera

_AGREES = 0.005
"""Settings that differ by more from what was measured are of another scale."""


@dataclass(frozen=True)
class Calibration:
    """One measured scale."""

    camera_serial: str
    objective: str
    adapter: str
    um_per_px: float
    error_um_per_px: float
    line_um: float
    lines: int
    picture: str
    date: str
    """UTC, ISO 8601."""


def read_calibrations(path: Path) -> list[Calibration]:
    """Return the records of a file, oldest first; raise SettingsError if it is damaged."""
    if not path.exists():
        return []
    try:
        records = [
            Calibration(**record) for record in list[Any](json.loads(path.read_text("utf-8"))["calibrations"])
        ]
        if not all(record.um_per_px > 0 for record in records):
            msg = "a scale is not above 0"
            raise ValueError(msg)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        msg = f"{path} is not a file of calibrations ({error}): restore it, or calibrate again into another file"
        raise SettingsError(msg) from error
    return records


def add_calibration(path: Path, calibration: Calibration) -> None:
    """Add a record; the file is replaced whole, so that a crash leaves the old one."""
    records = {"calibrations": [asdict(one) for one in [*read_calibrations(path), calibration]]}
    new = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps(records, indent=2, ensure_ascii=False) + "\n", "utf-8")
        new.replace(path)
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}): name another file"
        raise SettingsError(msg) from error


def serial_of(camera: Camera) -> str:
    """Return what tells one camera from another: its serial number, else its name."""
    return camera.serial or camera.name if isinstance(camera, PylonCamera) else camera.name


def why_uncalibrated(settings: Settings, told: str = "") -> str:
    """Return why the scale in the settings cannot be relied on, and what to do; empty if it can.

    `told`: the serial number that the camera itself tells, if it does.
    """
    camera, optics = settings.camera, settings.optics
    if isinstance(camera, SyntheticCamera | ReplayCamera):
        return ""  # drawn to scale; declared for the recording
    serial = told or serial_of(camera)
    if optics.objective is None:
        return f"set optics.objective, and run zpscope calibrate with it for camera {serial}"
    key = (serial, optics.objective, optics.adapter)
    found = [
        one
        for one in read_calibrations(optics.calibrations)
        if (one.camera_serial, one.objective, one.adapter) == key
    ]
    if not found:
        return f"run zpscope calibrate for camera {serial} and objective {optics.objective}"
    measured = found[-1]
    if abs(camera.um_per_px / measured.um_per_px - 1) > _AGREES:
        return (
            f"camera.um_per_px is {camera.um_per_px:g}, and {measured.um_per_px:.5g} was measured: set that"
        )
    return ""
