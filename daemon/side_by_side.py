"""The three processes under one supervisor, and the life of one sample from its start to its end.

What `zpscope run` and `zpscope demo` share: it speaks to the processes as any other client does.
"""

import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from zpscope.config.settings import Settings
from zpscope.daemon import wire
from zpscope.daemon.sockets import Subscriber, check_free, command
from zpscope.daemon.supervisor import Supervisor

_POLL_S = 0.2


def run_processes(
    settings: Settings, options: Sequence[str], accession: str | None, stop: threading.Event, *, quiet: bool
) -> wire.SampleSummary | None:
    """Run until `stop`, or until the end of the sample if one is given; return what it came to.

    `options` are the settings' arguments, for each process. `quiet` leaves stdout alone.
    """
    check_free([settings.wire.frames, settings.wire.newest, settings.wire.state, settings.wire.control])
    terminal = [] if quiet else ["--terminal"]
    commands = {"inference": options, "camera": options, "display": [*options, *terminal]}
    with tempfile.TemporaryDirectory(prefix="zpscope-") as scratch:
        logs = Path(scratch) if sys.stdout.isatty() and not quiet else None
        with Supervisor(commands, logs) as processes:
            with Subscriber(settings.wire.state, [wire.StateMessage.topic]) as states:
                return _follow(settings, accession, stop, processes, states)


def _follow(
    settings: Settings,
    accession: str | None,
    stop: threading.Event,
    processes: Supervisor,
    states: Subscriber,
) -> wire.SampleSummary | None:
    present: wire.SampleSummary | None = None
    while not stop.is_set():
        processes.check()
        parts = states.receive(_POLL_S)
        if parts is None or accession is None:
            continue
        state = wire.decode(wire.StateMessage, parts)
        if present is None:
            present = _begin(settings, accession, state.sample)
        if state.sample is None or state.sample.sample != present.sample:
            continue
        present = state.sample
        if present.state in ("complete", "incomplete"):
            return present
        camera = state.camera
        ended = camera is not None and camera.exhausted and camera.sample == present.sample
        if ended and present.state == "scanning":
            command(settings.wire.control, wire.ControlRequest(action="stop"))
    return present


def _begin(settings: Settings, accession: str, shown: wire.SampleSummary | None) -> wire.SampleSummary:
    """Open the sample, or go on with it if it is open since before a crash."""
    if shown is not None and shown.accession == accession and shown.state in ("scanning", "closing"):
        return shown
    return command(settings.wire.control, wire.ControlRequest(action="start", accession=accession))[0]
