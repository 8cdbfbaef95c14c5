"""`zpscope demo`: everything on this machine, on a simulated slide whose truth is known."""

import argparse
import sys
import tempfile

from zpscope.config.settings import SyntheticCamera
from zpscope.daemon import wire
from zpscope.daemon.process import add_settings_arguments, settings_of, start_log, stop_event
from zpscope.daemon.run_command import add_json_argument, status_of, write_result
from zpscope.daemon.side_by_side import run_processes
from zpscope.drivers.truth import truth

HELP = "score a simulated slide, with a page to look at"
ACCESSION = "DEMO"
FIELDS = 300


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_settings_arguments(parser, profile="demo")
    parser.add_argument(
        "--fields",
        type=int,
        metavar="N",
        help=f"end after so many fields (default: {FIELDS}, and in a terminal the page stays up until Ctrl-C)",
    )
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Scan, print what came of it beside the truth, and keep the page up for as long as someone watches."""
    start_log("demo")
    stop = stop_event()
    quiet = arguments.json == "-"
    watched = sys.stdout.isatty() and arguments.fields is None
    fields = FIELDS if arguments.fields is None else arguments.fields
    with tempfile.TemporaryDirectory(prefix="zpscope-demo-") as folder:
        overrides = [
            f"camera.fields={fields}",
            f"store.path={folder}/demo.sqlite",
            *arguments.overrides,
        ]
        arguments.overrides = overrides
        settings = settings_of(arguments)
        options = ["-c", arguments.config, *(word for one in overrides for word in ("--set", one))]
        summary = run_processes(
            settings, options, ACCESSION, stop, quiet=quiet, at_end="stay" if watched else "leave"
        )
    if summary is None or not isinstance(settings.camera, SyntheticCamera):
        return 130
    known = truth(settings.camera, summary.captured)
    result = wire.extend(wire.DemoResult, summary, truth=wire.TruthCount(k=known.k, n=known.n))
    write_result(result, arguments.json)
    if not quiet:
        sys.stdout.write(f"truth      {known.k} of {known.n} gradable heads of the simulated slide\n")
    return status_of(summary)
