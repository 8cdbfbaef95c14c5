"""`zpscope sample`: the life of a sample, from a terminal or a barcode scanner."""

import argparse
import sys
import time

from zpscope.config.errors import PeerRefused, ZpscopeError
from zpscope.config.settings import Settings
from zpscope.daemon import wire
from zpscope.daemon.process import add_settings_arguments, settings_of
from zpscope.daemon.samples import summaries
from zpscope.daemon.sockets import command
from zpscope.daemon.store import read_store
from zpscope.daemon.summary import count_text

HELP = "start, stop, show and list samples"
_POLL_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="start|stop|status|list")
    for name, help_text in (
        ("start", "open a sample: its fields are captured and scored"),
        ("stop", "end the capture, and wait until every captured field is accounted for"),
        ("status", "show the open sample, or the last one"),
        ("list", "list every sample in the store"),
    ):
        action = actions.add_parser(name, help=help_text, description=help_text)
        add_settings_arguments(action, profile="demo")
        action.add_argument("--json", action="store_true", help="print JSON, one line a sample")
        if name == "start":
            action.add_argument("accession", help="pseudonymous code of the sample, never a name")
        if name == "stop":
            action.add_argument(
                "--timeout-s", type=float, default=60.0, metavar="S", help="(default: %(default)s)"
            )


def run(arguments: argparse.Namespace) -> int:
    """Carry out one action; status and list read the store when no inference process answers."""
    settings = settings_of(arguments)
    match arguments.action:
        case "start":
            shown = command(
                settings.wire.control, wire.ControlRequest(action="start", accession=arguments.accession)
            )
        case "stop":
            shown = _stop(settings, arguments.timeout_s)
        case action:
            shown = _look(settings, action)
    for sample in shown:
        sys.stdout.write(wire.to_json(sample) + "\n" if arguments.json else _text(sample))
    return 0


def _stop(settings: Settings, timeout_s: float) -> list[wire.SampleSummary]:
    deadline_s = time.monotonic() + timeout_s
    shown = command(settings.wire.control, wire.ControlRequest(action="stop"))
    while shown[0].state == "closing":
        if time.monotonic() > deadline_s:
            msg = (
                f"{shown[0].in_flight} captured fields are still being scored: "
                "look again with `zpscope sample status`"
            )
            raise ZpscopeError(msg)
        time.sleep(_POLL_S)
        shown = command(settings.wire.control, wire.ControlRequest(action="status"))
    return shown


def _look(settings: Settings, action: str) -> list[wire.SampleSummary]:
    try:
        return command(
            settings.wire.control, wire.ControlRequest(action="list" if action == "list" else "status")
        )
    except PeerRefused:
        with read_store(settings.store.path) as store:
            every = summaries(store, settings)
        return every if action == "list" else every[-1:]


def _text(sample: wire.SampleSummary) -> str:
    started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(sample.started_ns // 10**9))
    return f"{sample.accession}  {sample.sample}  {sample.state}, started {started}\n{count_text(sample)}"
