"""A folder of pictures as a camera: in name order, at a given pace or as fast as read.

A picture that cannot be used is named in the log and counted as lost, so that the result says `incomplete`.
"""

import logging
import time
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import PictureRefused, SettingsError
from zpscope.config.settings import ReplayCamera
from zpscope.drivers.camera import EndOfStream, Grab, PixelFormat
from zpscope.drivers.pace import Pace
from zpscope.imaging.picture import ENDINGS, read_picture

_log = logging.getLogger(__name__)


class Replay:
    """See `Camera`. The first picture that can be used gives the format."""

    def __init__(self, settings: ReplayCamera) -> None:
        self._settings = settings
        self._paths: list[Path] = []
        self._format: PixelFormat | None = None
        self._pace = Pace(settings.pace_hz)

    @property
    def format(self) -> PixelFormat:
        """Shape and layout of every picture."""
        if self._format is None:
            msg = "the camera is not entered"
            raise RuntimeError(msg)
        return self._format

    def grab(self, timeout_s: float) -> Grab:
        """Return the next picture that can be used, and how many could not before it."""
        self._pace.wait(timeout_s)
        lost = 0
        while self._paths:
            path = self._paths.pop(0)
            try:
                return Grab(self._read(path), time.monotonic_ns(), None, lost, path.stem)
            except PictureRefused as error:
                _log.warning("%s; counted as lost", error)
                lost += 1
        raise EndOfStream(lost)

    @property
    def repeats(self) -> bool:
        """A picture can be read again."""
        return True

    def skip(self, exposures: int) -> None:
        """Go on after so many pictures, those that cannot be used included."""
        del self._paths[:exposures]

    def __enter__(self) -> Self:
        self._paths = _pictures(self._settings.folder)
        self._format = _first_format(self._paths, self._settings.folder)
        self._pace = Pace(self._settings.pace_hz)
        return self

    def __exit__(self, *exc: object) -> None:
        self._paths = []

    def _read(self, path: Path) -> NDArray[np.uint8]:
        field = read_picture(path)
        height, width = self.format.height_px, self.format.width_px
        if field.shape != (height, width, 3):
            msg = (
                f"{path} is {field.shape[1]} x {field.shape[0]} pixels, the first picture {width} x {height}: "
                "put pictures of another camera into a folder of their own"
            )
            raise PictureRefused(msg)
        return field


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        msg = f"{folder} is not a folder: set camera.folder to a folder of pictures"
        raise SettingsError(msg)
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not paths:
        msg = f"{folder} holds no picture ({', '.join(ENDINGS)}): set camera.folder to a folder of pictures"
        raise SettingsError(msg)
    return paths


def _first_format(paths: list[Path], folder: Path) -> PixelFormat:
    for path in paths:
        try:
            height, width, _ = read_picture(path).shape
        except PictureRefused:
            continue  # named and counted when its turn comes
        return PixelFormat(height, width, "rgb8")
    msg = f"{folder} holds no picture that can be used: zpscope segment tells what is wrong with each"
    raise SettingsError(msg)
