"""A recording that scoring has to wait for says so."""

import time
from pathlib import Path

import numpy as np
import pytest

from zpscope.daemon.capture import Capture
from zpscope.daemon.recorder import Recorder
from zpscope.daemon.store import SlideRecord
from zpscope.drivers.camera import Grab, PixelFormat
from zpscope.drivers.recording import RecordingWriter

SHAPE = PixelFormat(8, 8, "rgb8")
SLIDE = SlideRecord("S", "S", 1, "scanning", 1, None, "{}", "{}", "p", "0", "{}", "")


def test_a_slow_disk_is_said_until_it_is_fast_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recorder, capture = Recorder(tmp_path), Capture("c", 0.069)
    write = RecordingWriter.write
    pixels = np.zeros((8, 8, 3), np.uint8)

    def record(disk_s: float, scoring_s: float) -> str:
        """Record as many fields as the share is taken over."""

        def slow(writer: RecordingWriter, *field: object) -> None:
            time.sleep(disk_s)
            write(writer, *field)  # type: ignore[arg-type]  # pyright: ignore

        monkeypatch.setattr(RecordingWriter, "write", slow)
        for _ in range(16):
            time.sleep(scoring_s)
            recorder.record(SLIDE, "A-1", capture.take(Grab(pixels, 0, None, 0, ""), SHAPE), pixels)
        return recorder.words

    assert "RECORDING SLOWS SCORING" in record(0.03, 0.0)
    assert "RECORDING SLOWS SCORING" in record(0.03, 0.0)
    assert record(0.0, 0.05) == f"recording to {tmp_path / 'S-A-1'}"
    recorder.end()
    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    assert len(list((tmp_path / "S-A-1").glob("*.tiff"))) == 48
