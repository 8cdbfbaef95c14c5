"""`zpscope check`: camera, model, ports, disk, permissions, clock: what is wrong and what to do."""

import argparse
import sys

from zpscope.config.errors import SettingsError
from zpscope.daemon import wire
from zpscope.daemon.check import examine
from zpscope.daemon.finding import Finding
from zpscope.daemon.process import add_settings_arguments, settings_of

HELP = "say whether this machine is ready: camera, model, ports, disk, permissions, clock"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_settings_arguments(parser, profile="demo")
    parser.add_argument("--json", action="store_true", help="write the findings as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print one line for each finding; return 1 if something must be mended first."""
    found: list[Finding] = []
    try:
        settings = settings_of(arguments)
        found.append(Finding("settings", "ok", f"{arguments.config} is right"))
    except SettingsError as error:
        found += [Finding("settings", "fail", line) for line in str(error).splitlines()]
        settings = None
    if not arguments.json:
        _print(found)
    for finding in examine(settings) if settings else ():
        found.append(finding)
        if not arguments.json:
            _print([finding])
    if arguments.json:
        sys.stdout.write(wire.to_json(found, indent=2) + "\n")
    return int(any(finding.grade == "fail" for finding in found))


def _print(found: list[Finding]) -> None:
    for finding in found:
        sys.stdout.write(f"{finding.grade:<5}{finding.check:<10} {finding.words}\n")
    sys.stdout.flush()
