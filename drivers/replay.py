"""Recorded fields as a camera: in order, at a given pace or as fast as read.

A field that cannot be used is named in the log and counted as lost, so that the result says `incomplete`.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Self

from zpscope.config.errors import PictureRefused, SettingsError
from zpscope.config.settings import ReplayCamera
from zpscope.drivers.camera import EndOfStream, Grab, PixelFormat
from zpscope.drivers.open_source import open_source
from zpscope.drivers.pace import Pace
from zpscope.drivers.source import Source

_log = logging.getLogger(__name__)

_FINEST_UM_PER_PX, _COARSEST_UM_PER_PX = 0.02, 0.2


class Replay:
    """See `Camera`. The first field that can be used gives the format."""

    def __init__(self, settings: ReplayCamera) -> None:
        self._settings = settings
        self._source: Source | None = None
        self._next = 0
        self._format: PixelFormat | None = None
        self._pace = Pace(settings.pace_hz)

    @property
    def format(self) -> PixelFormat:
        """Shape, layout and scale of every field."""
        if self._format is None:
            msg = "the camera is not entered"
            raise RuntimeError(msg)
        return self._format

    def grab(self, timeout_s: float) -> Grab:
        """Return the next field that can be used, and how many were lost or could not before it."""
        self._pace.wait(timeout_s)
        lost = 0
        while self._source is not None and self._next < len(self._source):
            index = self._next
            self._next += 1
            lost += self._source.lost_before(index)
            try:
                grab = self._read(self._source, index)
            except PictureRefused as error:
                _log.warning("%s; counted as lost", error)
                lost += 1
            else:
                return replace(grab, lost=lost)
        raise EndOfStream(lost)

    @property
    def repeats(self) -> bool:
        """A picture can be read again."""
        return True

    def skip(self, exposures: int) -> None:
        """Go on after so many fields, those that were lost or cannot be used included."""
        while self._source is not None and exposures > 0 and self._next < len(self._source):
            exposures -= 1 + self._source.lost_before(self._next)
            self._next += 1

    def __enter__(self) -> Self:
        self._source = open_source(self._settings.folder)
        self._format = self._first_format(self._source)
        self._next = 0
        self._pace = Pace(self._settings.pace_hz)
        return self

    def __exit__(self, *exc: object) -> None:
        self._source = None

    def _read(self, source: Source, index: int) -> Grab:
        grab = source.read(index)
        height, width = self.format.height_px, self.format.width_px
        if grab.pixels.shape[:2] != (height, width):
            msg = (
                f"{source.name(index)} in {self._settings.folder} is {grab.pixels.shape[1]} x "
                f"{grab.pixels.shape[0]} pixels, the first picture {width} x {height}: "
                "put pictures of another camera into a folder of their own"
            )
            raise PictureRefused(msg)
        return grab

    def _first_format(self, source: Source) -> PixelFormat:
        um_per_px = self._scale(source)
        for index in range(len(source)):
            try:
                height, width = source.read(index).pixels.shape[:2]
            except PictureRefused:
                continue  # named and counted when its turn comes
            return PixelFormat(height, width, source.layout, um_per_px, simulated=source.simulated)
        msg = f"{self._settings.folder} holds no picture that can be used: zpscope segment tells why"
        raise SettingsError(msg)

    def _scale(self, source: Source) -> float:
        """Return the scale that was given, else the one that the files state."""
        given, stated = self._settings.um_per_px, source.um_per_px
        if given and stated and abs(given / stated - 1) > 0.01:
            _log.warning(
                "%s states %.4g µm/px; %.4g are used, as given", self._settings.folder, stated, given
            )
        return given or stated_scale(source, self._settings.folder)


def stated_scale(source: Source, path: Path) -> float:
    """Return the scale, in µm/px, that the files state; raise SettingsError if they do not, or it cannot be."""
    stated = source.um_per_px
    if stated is None:
        msg = (
            f"{path} does not state its scale: give it with --um-per-px X, or set camera.um_per_px, in µm/px"
        )
        raise SettingsError(msg)
    if not _FINEST_UM_PER_PX < stated < _COARSEST_UM_PER_PX:
        msg = (
            f"{path} states {stated:.4g} µm/px; heads are graded at {_FINEST_UM_PER_PX} to {_COARSEST_UM_PER_PX} "
            "µm/px: record at 1000x, or give the right scale with --um-per-px or camera.um_per_px"
        )
        raise SettingsError(msg)
    return stated
