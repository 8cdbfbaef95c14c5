"""Records what the inference process receives, a folder for each sample, before it is committed.

A field that was committed is in the recording, or the recording says that it is not whole. A full disk stops the
recording and is said wherever the camera is shown; scoring goes on. Scoring waits for each field to be written: how
much of the time that takes is measured, and said when it is much. Knows no socket.
"""

import logging
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zpscope.daemon.store import SlideRecord
from zpscope.daemon.wire import FrameMessage
from zpscope.drivers.recording import RecordedHeader, RecordingWriter

_log = logging.getLogger(__name__)

_FIELDS = 16
"""The share of the time is taken over so many fields."""
_MUCH = 0.25


class Recorder:
    """Writes to `folder`, or nothing if there is none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._slide = ""
        self._writer: RecordingWriter | None = None
        self.words = ""
        """What displays say of it; empty while nothing is recorded."""
        self._where = ""
        self._fields = 0
        self._since_s = self._spent_s = 0.0

    def record(
        self, slide: SlideRecord, accession: str, header: FrameMessage, pixels: NDArray[np.uint8]
    ) -> None:
        """Write a field of a slide."""
        if self._folder is None:
            return
        started_s = time.monotonic()
        try:
            if slide.id != self._slide:
                self._begin(self._folder / f"{slide.id}-{accession}", slide.id)
            if self._writer is not None:
                self._writer.write(_kept(header), pixels)
                self._note(started_s)
        except OSError as error:
            self._fail(error)

    def end(self) -> None:
        """Say in the recording that its sample is over and nothing is missing."""
        writer, self._writer = self._writer, None
        if writer is not None:
            self.words = ""
            try:
                writer.end()
            except OSError as error:
                self._fail(error)

    def _begin(self, folder: Path, slide: str) -> None:
        self._slide, self._writer = slide, None
        self._writer = RecordingWriter(folder)
        self.words = self._where = f"recording to {folder}"
        self._fields, self._since_s, self._spent_s = 0, time.monotonic(), 0.0
        _log.info("%s", self.words)

    def _note(self, started_s: float) -> None:
        """Take into account that a field is written, and say so if this slows scoring much."""
        now_s = time.monotonic()
        self._fields, self._spent_s = self._fields + 1, self._spent_s + now_s - started_s
        if self._fields < _FIELDS:
            return
        share = self._spent_s / max(now_s - self._since_s, self._spent_s, 1e-9)
        self._fields, self._since_s, self._spent_s = 0, now_s, 0.0
        told, self.words = self.words != self._where, self._where
        if share > _MUCH:
            self.words += f"; RECORDING SLOWS SCORING: it takes {share:.0%} of the time, take a faster disk"
            if not told:
                _log.warning("%s", self.words)

    def _fail(self, error: OSError) -> None:
        self._writer = None
        self.words = (
            f"RECORDING STOPPED ({error.strerror}): free some space in {self._folder}; scoring goes on, and the "
            "next sample is recorded again"
        )
        _log.error("%s", self.words)


def _kept(header: FrameMessage) -> RecordedHeader:
    return RecordedHeader(
        session=header.session,
        number=header.number,
        layout=header.layout,
        um_per_px=header.um_per_px,
        stage_um=header.stage_um,
        captured_ns=header.captured_ns,
        device_ns=header.device_ns,
        source=header.source,
        simulated=header.simulated,
    )
