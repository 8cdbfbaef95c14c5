"""A microscope's processes on free ports, as a test starts, kills and asks them."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self, TypeVar

from zpscope.config.load import load_settings
from zpscope.config.settings import Settings
from zpscope.daemon import wire
from zpscope.daemon.sockets import Subscriber, command

WAIT_S = 60.0
T = TypeVar("T")


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def port_overrides() -> list[str]:
    """Return `--set` words that put every endpoint on a free port."""
    frames, newest, state, control, camera, inference, shown, page = free_ports(8)
    return [
        f"wire.frames=tcp://127.0.0.1:{frames}",
        f"wire.newest=tcp://127.0.0.1:{newest}",
        f"wire.state=tcp://127.0.0.1:{state}",
        f"wire.control=tcp://127.0.0.1:{control}",
        f"metrics.camera_port={camera}",
        f"metrics.inference_port={inference}",
        f"metrics.display_port={shown}",
        f"display.port={page}",
    ]


def zpscope(
    *words: str, timeout_s: float = WAIT_S, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "zpscope.daemon", *words],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        cwd=cwd,
        check=False,
    )


def until(look: Callable[[], T | None], what: str, timeout_s: float = WAIT_S) -> T:
    """Return what `look` finds as soon as it finds something; fail after the time."""
    deadline_s = time.monotonic() + timeout_s
    while not (found := look()):
        if time.monotonic() > deadline_s:
            msg = f"waited {timeout_s} s for {what}"
            raise AssertionError(msg)
        time.sleep(0.02)
    return found


class Scope:
    """Camera, inference and display processes of one microscope."""

    def __init__(self, profile: str, overrides: Sequence[str], folder: Path) -> None:
        self.store = folder / "store.sqlite"
        self.words = ["-c", profile]
        for override in [*port_overrides(), f"store.path={self.store}", *overrides]:
            self.words += ["--set", override]
        self.settings: Settings = load_settings(profile, self.words[3::2])
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(10)

    def start(self, *names: str, also: Sequence[str] = ()) -> None:
        """Start processes by the name of their command, perhaps with settings of their own."""
        more = [word for override in also for word in ("--set", override)]
        for name in names:
            words = [sys.executable, "-m", "zpscope.daemon", name, *self.words, *more]
            self.processes[name] = subprocess.Popen(words)

    def kill(self, name: str) -> None:
        """SIGKILL a process and wait until it is gone."""
        self.processes[name].kill()
        self.processes[name].wait(10)

    def ended(self, name: str) -> int:
        """Wait for a process to end by itself and return its exit status."""
        return self.processes[name].wait(WAIT_S)

    def stop(self, name: str) -> int:
        """SIGTERM a process and return its exit status."""
        self.processes[name].send_signal(signal.SIGTERM)
        return self.processes[name].wait(10)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command with the settings of this microscope."""
        return zpscope(*words, *self.words)

    def ask(self, action: str, accession: str = "") -> wire.SampleSummary | None:
        """Send a command to the inference process."""
        request = wire.ControlRequest(action=action, accession=accession)  # type: ignore[arg-type]
        samples = command(self.settings.wire.control, request, timeout_s=WAIT_S)
        return samples[-1] if samples else None

    def wait_for(
        self, condition: Callable[[wire.SampleSummary], bool], what: str, timeout_s: float = 2 * WAIT_S
    ) -> wire.SampleSummary:
        """Return the sample as soon as it is as wanted."""

        def look() -> wire.SampleSummary | None:
            sample = self.ask("status")
            return sample if sample is not None and condition(sample) else None

        return until(look, what, timeout_s)

    def scan(self, accession: str) -> None:
        """Open a sample."""
        self.ask("start", accession)

    def finish(self) -> wire.SampleSummary:
        """Wait for the end of the recording or scan, stop the sample and return what it came to."""
        with self.states() as states:
            until(
                lambda: (state := newest(states)) and state.camera and state.camera.exhausted, "the end", 300
            )
        self.ask("stop")
        return self.wait_for(lambda sample: sample.state in ("complete", "incomplete"), "the sample to close")

    def session(self) -> str:
        """Return the life of the camera process that the inference process heard of last."""

        def look() -> str | None:
            state = newest(states)
            return state.camera.session if state and state.camera else None

        with self.states() as states:
            return until(look, "a camera")

    @contextmanager
    def states(self) -> Generator[Subscriber, None, None]:
        """Listen to the inference process as a display does."""
        with Subscriber(self.settings.wire.state, [wire.StateMessage.topic]) as subscriber:
            yield subscriber

    def metrics(self) -> dict[str, float]:
        """Scrape the inference process: series as written, to value."""
        url = f"http://127.0.0.1:{self.settings.metrics.inference_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as reply:
            text = reply.read().decode()
        lines = re.findall(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)
        return {series: float(value) for series, value in lines}


def newest(states: Subscriber) -> wire.StateMessage | None:
    """Return the newest state, or None."""
    parts = states.receive(1.0)
    return wire.decode(wire.StateMessage, parts) if parts else None


def alive(pid: int) -> bool:
    """Return whether a process runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
