"""`zpscope backup` copies a store while it is in use; the copy is whole, and is looked through before it counts."""

import argparse
import sys
from pathlib import Path

from zpscope.daemon.process import add_settings_arguments, settings_of
from zpscope.daemon.store import read_store

HELP = "copy the store to another file, while it is in use"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("target", type=Path, metavar="FILE", help="the copy; it must not be there yet")
    add_settings_arguments(parser, profile="demo")


def run(arguments: argparse.Namespace) -> int:
    """Copy, and say what the copy holds."""
    settings = settings_of(arguments)
    with read_store(settings.store.path) as store:
        store.backup(arguments.target)
    with read_store(arguments.target) as copy:
        sys.stdout.write(f"{arguments.target} holds {len(copy.samples())} samples\n")
    return 0
