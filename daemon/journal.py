"""What the camera process has captured, on disk, so that nobody has to have heard it when the process dies.

A ring of records of fixed size, one for every life of the process, each written over at every capture. A record is
written by one call within one page, so that a SIGKILL finds it whole, old or new. It is not forced to the disk: it
outlives the process, not a power cut (docs/adr/0008). Knows no socket and no pixel.
"""

import fcntl
import logging
import os
from pathlib import Path
from typing import Self

from zpscope.config.errors import SettingsError, WireVersionError
from zpscope.daemon.capture import Capture
from zpscope.daemon.wire import Life, life_from_json, to_json
from zpscope.drivers.camera import PixelFormat

_log = logging.getLogger(__name__)

_RECORD_BYTES = 512
_RECORDS = 64
"""Lives that are remembered; those of a sample are heard of as soon as camera and inference process both run."""


def journal_path(store: Path) -> Path:
    """Return where the camera process of a microscope with this store keeps its journal."""
    return store.with_name(store.name + ".camera")


class Journal:
    """An open journal; only one process can have it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _open(path)
        lives = _read(self._file, path)
        self.ended: list[Life] = [life for life in lives if life.sample == lives[-1].sample]
        """The lives before this one that captured for the latest sample, oldest first."""
        self._life = lives[-1].life + 1 if lives else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if os.fstat(self._file).st_size == 0:
            self._path.unlink(missing_ok=True)
        os.close(self._file)

    def write(self, capture: Capture, shape: PixelFormat) -> None:
        """Write the account of this life over what was written of it before."""
        life = Life(
            life=self._life,
            session=capture.session,
            sample=capture.sample or "",
            first=capture.first,
            captured=capture.captured,
            lost=dict(capture.lost),
            format=format_words(shape),
        )
        record = to_json(life).encode().ljust(_RECORD_BYTES - 1) + b"\n"
        if os.fstat(self._file).st_nlink == 0:
            self._restore()
        os.pwrite(self._file, record, self._life % _RECORDS * _RECORD_BYTES)

    def format_of(self, sample: str | None) -> str:
        """Return what the frames of a sample that is going on looked like, in words; empty if it is a new one."""
        return next((life.format for life in self.ended if life.sample == sample), "")

    def _restore(self) -> None:
        """Put back a journal that somebody deleted: what was written is still in the file that is held open."""
        _log.warning(
            "the journal %s was deleted while it was in use; it is written anew, and whole", self._path
        )
        gone, self._file = self._file, _open(self._path)
        os.pwrite(self._file, os.pread(gone, _RECORDS * _RECORD_BYTES, 0), 0)
        os.close(gone)


def format_words(shape: PixelFormat) -> str:
    """Return what every frame of a stream looks like, and whose they are, in words."""
    whose = f" of camera {shape.serial}" if shape.serial else ""
    return f"{shape.width_px} x {shape.height_px} {shape.layout}{whose}"


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        msg = f"the journal {path} cannot be used ({error.strerror}): set a store.path this user may write beside"
        raise SettingsError(msg) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        msg = f"another camera process writes the journal {path}: stop it, or set another store.path"
        raise SettingsError(msg) from error
    return file


def _read(file: int, path: Path) -> list[Life]:
    content = os.pread(file, _RECORDS * _RECORD_BYTES, 0)
    lives: list[Life] = []
    for start in range(0, len(content), _RECORD_BYTES):
        record = content[start : start + _RECORD_BYTES].strip(b"\0 \n")
        try:
            lives += [life_from_json(record)] if record else []
        except WireVersionError:
            _log.warning(
                "a record of %s cannot be read, as after a power cut: a sample that was open then may have lost "
                "fields that nobody counted",
                path,
            )
    return sorted(lives, key=lambda one: one.life)
