"""Records what the inference process receives, a folder for each sample, before it is committed.

A field that was committed is in the recording, or the recording says that it is not whole. A full disk stops the
recording and is said wherever the camera is shown; scoring goes on. Knows no socket.
"""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zpscope.daemon.store import SlideRecord
from zpscope.daemon.wire import FrameMessage
from zpscope.drivers.recording import RecordedHeader, RecordingWriter

_log = logging.getLogger(__name__)


class Recorder:
    """Writes to `folder`, or nothing if there is none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._slide = ""
        self._writer: RecordingWriter | None = None
        self.words = ""
        """What displays say of it; empty while nothing is recorded."""

    def record(
        self, slide: SlideRecord, accession: str, header: FrameMessage, pixels: NDArray[np.uint8]
    ) -> None:
        """Write a field of a slide."""
        if self._folder is None:
            return
        try:
            if slide.id != self._slide:
                self._begin(self._folder / f"{slide.id}-{accession}", slide.id)
            if self._writer is not None:
                self._writer.write(_kept(header), pixels)
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
        self.words = f"recording to {folder}"
        _log.info("%s", self.words)

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
