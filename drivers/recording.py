"""A recording: the fields of one sample as the camera gave them, to be shown again to the same result.

A folder with one uncompressed TIFF for each field, which any viewer opens, and `fields.jsonl`: a JSON object a
line for each, with the file's name and SHA-256, the field's number, layout, scale and stage position. A last line
`{"end": N}` says that the recording is whole. Bayer mosaics stay mosaics, as grey TIFFs.
"""

import hashlib
import json
import logging
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import PictureRefused, SettingsError
from zpscope.drivers.camera import Grab, place_um
from zpscope.imaging.decode import PixelLayout

_log = logging.getLogger(__name__)

TABLE = "fields.jsonl"


@dataclass(frozen=True)
class RecordedHeader:
    """What is kept of a field besides its pixels."""

    session: str
    number: int
    layout: PixelLayout
    um_per_px: float
    stage_um: tuple[float, float] | None
    captured_ns: int
    device_ns: int
    source: str
    simulated: bool = False


@dataclass(frozen=True)
class _Line:
    file: str
    sha256: str
    header: RecordedHeader


_KINDS: dict[str, type] = {
    "file": str,
    "sha256": str,
    "session": str,
    "number": int,
    "layout": str,
    "um_per_px": float,
    "captured_ns": int,
    "device_ns": int,
    "source": str,
    "simulated": bool,
}
"""What the values of a line are; `stage_um` is looked at by itself."""


class RecordingWriter:
    """Writes one recording, or goes on with one; raises OSError where the disk does."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        lines, _ = _read_table(folder) if (folder / TABLE).exists() else ([], False)
        self._known = {(line.header.session, line.header.number) for line in lines}
        with (folder / TABLE).open("w", encoding="utf-8") as table:
            table.writelines(_text(line) for line in lines)

    def write(self, header: RecordedHeader, pixels: NDArray[np.uint8]) -> None:
        """Write a field, unless it was written before: the picture first, then its line."""
        if (header.session, header.number) in self._known:
            return
        file = f"{len(self._known):06}.tiff"
        stored = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
        content = cv2.imencode(".tiff", stored, (cv2.IMWRITE_TIFF_COMPRESSION, 1))[1].tobytes()
        (self._folder / file).write_bytes(content)
        self._append(_text(_Line(file, hashlib.sha256(content).hexdigest(), header)))
        self._known.add((header.session, header.number))

    def end(self) -> None:
        """Say that nothing is missing at the end."""
        self._append(json.dumps({"end": len(self._known)}) + "\n")

    def _append(self, text: str) -> None:
        with (self._folder / TABLE).open("a", encoding="utf-8") as table:
            table.write(text)


class Recording:
    """See `Source`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines, whole = _read_table(folder)
        if not self._lines:
            msg = f"the recording {folder} holds no field: record again"
            raise SettingsError(msg)
        if not whole:
            _log.warning("the recording %s has no end: it stopped before its sample did", folder)
        self.layout: PixelLayout = self._lines[0].header.layout
        self.um_per_px: float | None = self._lines[0].header.um_per_px
        self.simulated = any(line.header.simulated for line in self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def name(self, index: int) -> str:
        """Return the name the field had, or that of its file."""
        line = self._lines[index]
        return line.header.source or Path(line.file).stem

    def read(self, index: int) -> Grab:
        """Return a field as it was recorded."""
        line = self._lines[index]
        path = self._folder / line.file
        try:
            content = path.read_bytes()
        except OSError as error:
            msg = f"{path} is missing from its recording ({error.strerror}): copy the folder again, whole"
            raise PictureRefused(msg) from error
        if hashlib.sha256(content).hexdigest() != line.sha256:
            msg = f"{path} was changed since it was recorded: copy it again from where it was recorded"
            raise PictureRefused(msg)
        stored = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        if stored is None or (line.header.layout, line.header.um_per_px) != (self.layout, self.um_per_px):
            msg = f"{path} is of another camera or scale than the first field: replay it from a folder of its own"
            raise PictureRefused(msg)
        pixels = np.asarray(cv2.cvtColor(stored, cv2.COLOR_BGR2RGB) if stored.ndim == 3 else stored, np.uint8)
        header = line.header
        return Grab(pixels, header.device_ns, header.stage_um, 0, self.name(index))

    def lost_before(self, index: int) -> int:
        """Return how many numbers are missing between a field and the one before it."""
        if index == 0:
            return 0
        before, here = self._lines[index - 1].header, self._lines[index].header
        return here.number - before.number - 1 if before.session == here.session else 0


def _text(line: _Line) -> str:
    return json.dumps({"file": line.file, "sha256": line.sha256, **asdict(line.header)}) + "\n"


def _read_table(folder: Path) -> tuple[list[_Line], bool]:
    """Return the lines, and whether the recording was ended; a last line that was cut off is left out."""
    path = folder / TABLE
    lines: list[_Line] = []
    whole = False
    texts = path.read_text("utf-8", errors="replace").split("\n")
    for number, text in enumerate(texts[:-1], 1):
        try:
            entry: dict[str, Any] = json.loads(text)
            if "end" in entry:
                whole = entry["end"] == len(lines)
                continue
            lines.append(_line(entry))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            msg = f"{path}: line {number} is damaged ({error}): copy the recording again, whole"
            raise SettingsError(msg) from error
    return lines, whole


def _line(entry: dict[str, Any]) -> _Line:
    """Return a field's line; raise ValueError, KeyError or TypeError if it is not one."""
    for name, kind in _KINDS.items():
        if name in entry and not (type(entry[name]) is kind or (kind is float and type(entry[name]) is int)):
            msg = f"{name} is {entry[name]!r}"
            raise ValueError(msg)
    file, sha256, stage = entry.pop("file"), entry.pop("sha256"), entry.pop("stage_um")
    if stage is not None:
        x_um, y_um = stage
        stage = place_um(float(x_um), float(y_um))
    header = RecordedHeader(**entry, stage_um=stage)
    if header.layout not in get_args(PixelLayout):
        msg = f"layout is {header.layout!r}"
        raise ValueError(msg)
    if not (math.isfinite(header.um_per_px) and header.um_per_px > 0):
        msg = f"um_per_px is {header.um_per_px}"
        raise ValueError(msg)
    return _Line(file, sha256, header)
