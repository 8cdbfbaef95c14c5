"""The three processes under one supervisor, and the life of one sample from its start to its end.

What `zpscope run` and `zpscope demo` share: it speaks to the processes as any other client does.
"""

import errno
import socket
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from zpscope.config.errors import AddressInUse, PeerRefused
from zpscope.config.settings import Settings
from zpscope.daemon import wire
from zpscope.daemon.sockets import Subscriber, check_free, command
from zpscope.daemon.supervisor import Supervisor

_POLL_S = 0.2


def run_processes(
    settings: Settings,
    options: Sequence[str],
    accession: str | None,
    stop: threading.Event,
    *,
    quiet: bool,
    at_end: Literal["leave", "stay"] = "leave",
) -> wire.SampleSummary | None:
    """Run until `stop`, or, if a sample is given, until its end; return what it came to.

    `options` are the settings' arguments, for each process. `quiet` leaves stdout alone. `stay` keeps the page up
    after the sample's end, until `stop`.
    """
    _check_ports(settings)
    terminal = [] if quiet else ["--terminal"]
    commands = {"inference": options, "camera": options, "display": [*options, *terminal]}
    with tempfile.TemporaryDirectory(prefix="zpscope-") as scratch:
        logs = Path(scratch) if sys.stdout.isatty() and not quiet else None
        with Supervisor(commands, logs) as processes:
            with Subscriber(settings.wire.state, [wire.StateMessage.topic]) as states:
                return _follow(settings, accession, stop, processes, states, at_end)


def _follow(
    settings: Settings,
    accession: str | None,
    stop: threading.Event,
    processes: Supervisor,
    states: Subscriber,
    at_end: Literal["leave", "stay"],
) -> wire.SampleSummary | None:
    present: wire.SampleSummary | None = None
    while not stop.is_set():
        processes.check()
        parts = states.receive(_POLL_S)
        if parts is None or accession is None:
            continue
        state = wire.decode(wire.StateMessage, parts)
        if state.stage != "ready":
            continue
        if present is None:
            present = _begin(settings, accession, state.sample)
        if state.sample is None or state.sample.sample != present.sample:
            continue
        present = state.sample
        if present.state in ("complete", "incomplete"):
            if at_end == "leave":
                return present
            continue
        camera = state.camera
        ended = camera is not None and camera.exhausted and camera.sample == present.sample
        if ended and present.state == "scanning":
            with suppress(PeerRefused):  # it may be starting again: asked anew with its next state
                command(settings.wire.control, wire.ControlRequest(action="stop"))
    return present


def _check_ports(settings: Settings) -> None:
    """Raise AddressInUse before anything is started, most of all before another zpscope is spoken to."""
    check_free([settings.wire.frames, settings.wire.newest, settings.wire.state, settings.wire.control])
    metrics, display = settings.metrics, settings.display
    for key, host, port in (
        ("display.port", display.host, display.port),
        ("metrics.camera_port", metrics.host, metrics.camera_port),
        ("metrics.inference_port", metrics.host, metrics.inference_port),
        ("metrics.display_port", metrics.host, metrics.display_port),
    ):
        try:
            socket.create_server((host, port)).close()
        except OSError as error:
            why = "is in use by another program" if error.errno == errno.EADDRINUSE else str(error.strerror)
            msg = f"{host}:{port} {why}: stop that program, or choose another port with --set {key}=PORT"
            raise AddressInUse(msg) from error


def _begin(settings: Settings, accession: str, shown: wire.SampleSummary | None) -> wire.SampleSummary:
    """Open the sample, or go on with it if it is open since before a crash."""
    if shown is not None and shown.accession == accession and shown.state in ("scanning", "closing"):
        return shown
    return command(settings.wire.control, wire.ControlRequest(action="start", accession=accession))[0]
