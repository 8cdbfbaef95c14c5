"""What the tests of the display share: messages as the inference process sends them, and a real display process."""

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from zpscope.config.settings import Tally
from zpscope.counting.field_counts import Cell, FieldCounts
from zpscope.counting.interval import wilson
from zpscope.counting.verdict import verdict
from zpscope.daemon import wire

PATIENCE_S = 20.0
REAL = wire.Model(name="lab", version="2.1.0", sha256="ab" * 32, demonstration=False, runtime="onnxruntime")
DEMONSTRATION = wire.Model(
    name="demo", version="1.0.0", sha256="cd" * 32, demonstration=True, runtime="onnxruntime"
)
Shown = TypeVar("Shown")


def sample(k: int = 12, n: int = 240, **changes: object) -> wire.SampleSummary:
    """Return an open sample of 40 scored fields, with changes."""
    given: dict[str, Any] = {
        "sample": "s1",
        "accession": "A-17",
        "state": "scanning",
        "kind": "sample",
        "life": "scanning",
        "preparation": "density_gradient",
        "stain": "diff_quik",
        "objective": "100x",
        "um_per_px": 0.069,
        "operator": "OP",
        "slides": [],
        "verdict": verdict([FieldCounts({Cell(k, n): 1, Cell(0, 0): 39})], Tally(), [], ended=False),
        "rules": {"error_percent": 5.0},
        "rules_version": "0123456789ab",
        "started_ns": 1_800_000_000_000_000_000,
        "stopped_ns": None,
        "uncalibrated": "",
        "simulated": False,
        "reconnects": 0,
        "gaps": [],
        "captured": 46,
        "scored": 40,
        "skipped": {"moving": 3, "defocus": 1},
        "lost": {},
        "in_flight": 2,
        "found": n + 31,
        "rejected": {"border": 20, "overlap": 11},
        "k": k,
        "n": n,
        "percent": 100 * k / n if n else None,
        "interval": tuple(100 * edge for edge in wilson(k, n)),
        "position": "above",
        "threshold_percent": 4.9,
        "model": REAL,
    }
    given.update(changes)
    return wire.SampleSummary(**given)


def state(shown: wire.SampleSummary | None, **changes: object) -> wire.StateMessage:
    """Return the state of a healthy instrument that shows this sample, with changes."""
    camera = wire.CameraMessage(
        camera="bench",
        session="x",
        driver="synthetic",
        delivery="every",
        store="y",
        sample="s1",
        capturing=True,
        captured=46,
        lost={},
        retained=2,
        exhausted=False,
        connected=True,
        repeats=True,
        ended=[],
        problem="",
    )
    given: dict[str, Any] = {
        "sample": shown,
        "camera": camera,
        "camera_connected": True,
        "fields_per_s": 3.5,
        "heads_per_s": 21.0,
        "lag_s": 0.4,
        "recording": "",
        "sent_ns": 1,
        "model": shown.model if shown else REAL,
    }
    given.update(changes)
    return wire.StateMessage(**given)


def until(condition: Callable[[], Shown], what: str) -> Shown:
    """Return what the condition says once it is true; fail if that takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.02)
    return found


class Display:
    """A display process that listens to `endpoint`, on a port of its own unless it is told one."""

    def __init__(self, folder: Path, *options: str, port: int = 0, stdout: int = subprocess.DEVNULL) -> None:
        self.endpoint = f"ipc://{folder}/state"
        self.port = port
        self._options = options
        self._stdout = stdout
        self._log = folder / "display.log"
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        """Start it, for the second time on the same port."""
        settings = [f"wire.state={self.endpoint}", f"display.port={self.port}", "metrics.display_port=0"]
        settings = [word for one in settings for word in ("--set", one)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "zpscope.daemon", "display", "-c", "demo", *settings, *self._options],
                stdout=self._stdout,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def ready(self) -> Self:
        """Return when it serves the page."""
        until(lambda: "the page is at" in self.log(), "the page")
        self.port = int(re.findall(r"the page is at http://127\.0\.0\.1:(\d+)", self.log())[0])
        return self

    def log(self) -> str:
        """Return what it has logged."""
        return self._log.read_text()

    def get(self, path: str, host: str = "localhost") -> tuple[int, bytes]:
        """Return status and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Host": host})
            with connection.getresponse() as response:
                return response.status, response.read()

    def state(self) -> dict[str, Any]:
        """Return the state it shows."""
        answer: dict[str, Any] = json.loads(self.get("/api/state")[1])
        return answer

    def end(self, number: int = signal.SIGTERM) -> float:
        """Send a signal; return how long the process took to exit with status 0."""
        started = time.monotonic()
        self.process.send_signal(number)
        assert self.process.wait(10) == 0, self.log()
        return time.monotonic() - started
