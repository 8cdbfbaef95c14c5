"""`zpscope run`: camera, inference and display process in one terminal."""

import argparse
import json
import sys
from pathlib import Path

from zpscope.daemon import wire
from zpscope.daemon.process import add_settings_arguments, settings_of, start_log, stop_event
from zpscope.daemon.side_by_side import run_processes
from zpscope.daemon.summary import count_text

HELP = "run the camera, inference and display process in one terminal"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_settings_arguments(parser)
    parser.add_argument(
        "--sample",
        metavar="ACCESSION",
        help="open this sample at once, and end with the recording or the simulated scan",
    )
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FOLDER",
        help="record every field in a folder of its sample in this one, to be replayed to the same result",
    )
    add_json_argument(parser)


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument(
        "--json", metavar="FILE", help="write the sample's result as JSON at its end; - is stdout"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until Ctrl-C, or until the sample's end if one is given."""
    start_log("run")
    stop = stop_event()
    if arguments.record is not None:
        arguments.overrides.append(f"record.folder={json.dumps(str(arguments.record))}")
    settings = settings_of(arguments)
    quiet = arguments.json == "-"
    options = ["-c", arguments.config, *(word for one in arguments.overrides for word in ("--set", one))]
    summary = run_processes(settings, options, arguments.sample, stop, quiet=quiet)
    if summary is None:
        return 0
    write_result(summary, arguments.json)
    return status_of(summary)


def write_result(summary: wire.SampleSummary, target: str | None) -> None:
    """Write the sample's result as text, or as JSON to a file or to stdout."""
    if target == "-":
        sys.stdout.write(wire.to_json(summary, indent=2) + "\n")
        return
    sys.stdout.write(count_text(summary))
    if target is not None:
        Path(target).write_text(wire.to_json(summary, indent=2) + "\n", encoding="utf-8")


def status_of(summary: wire.SampleSummary) -> int:
    """Return 0 for a complete sample, 1 if frames were lost, 130 if it was interrupted."""
    return {"complete": 0, "incomplete": 1}.get(summary.state, 130)
