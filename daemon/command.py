"""The command line: the table of commands, and what an error looks like.

A command is a module with `HELP`, `add_arguments` and `run`; only the one that is chosen is imported, so that
`zpscope sample stop` does not wait for a web server to load, and `daemon` need not know `display`.
"""

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Protocol, cast

from zpscope.config.errors import ZpscopeError
from zpscope.config.notice import NOTICE

COMMANDS = {
    "demo": "zpscope.daemon.demo_command",
    "run": "zpscope.daemon.run_command",
    "camera": "zpscope.daemon.camera_command",
    "inference": "zpscope.daemon.inference_command",
    "display": "zpscope.display.display_command",
    "sample": "zpscope.daemon.sample_command",
    "people": "zpscope.daemon.people_command",
    "audit": "zpscope.daemon.audit_command",
    "backup": "zpscope.daemon.backup_command",
    "control": "zpscope.daemon.control_command",
    "purge": "zpscope.daemon.purge_command",
    "saliency": "zpscope.daemon.saliency_command",
    "score": "zpscope.daemon.score_command",
    "segment": "zpscope.daemon.segment_command",
    "report": "zpscope.report.report_command",
    "study": "zpscope.study.study_command",
    "calibrate": "zpscope.daemon.calibrate_command",
    "reference": "zpscope.daemon.reference_command",
    "check": "zpscope.daemon.check_command",
    "normalise": "zpscope.training.normalise_command",
    "train": "zpscope.training.train_command",
    "evaluate": "zpscope.training.evaluate_command",
    "explain": "zpscope.training.explain_command",
    "export": "zpscope.training.export_command",
    "bundle": "zpscope.training.bundle_command",
}


class Command(Protocol):
    """What a command's module offers."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's options to its parser."""
        ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it, and return the exit status; a ZpscopeError becomes one line."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0 done, 1 the work failed, 2 wrong usage or settings."""
    words = list(sys.argv[1:] if argv is None else argv)
    name = words[0] if words else ""
    chosen = [name] if name in COMMANDS else list(COMMANDS)
    parser = argparse.ArgumentParser(
        prog="zpscope", description="Live scoring of zona pellucida-binding sperm.", epilog=NOTICE
    )
    parser.add_argument("--version", action="version", version=f"zpscope {version('zpscope')}. {NOTICE}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in chosen:
        module = _loaded(COMMANDS[command])
        subparser = commands.add_parser(command, help=module.HELP, description=module.HELP, epilog=NOTICE)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    arguments = parser.parse_args(words)
    try:
        status: int = arguments.run(arguments)
    except ZpscopeError as error:
        sys.stderr.write("".join(f"zpscope: {line}\n" for line in str(error).splitlines()))
        return error.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _loaded(module: str) -> Command:
    """Return a command's module; Ctrl-C meanwhile ends the process: an exception might be swallowed on its way."""
    heard = signal.getsignal(signal.SIGINT)
    if heard is not signal.default_int_handler:  # ignored by whoever started this, or somebody's own
        return cast("Command", importlib.import_module(module))
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return cast("Command", importlib.import_module(module))
    finally:
        signal.signal(signal.SIGINT, heard)
