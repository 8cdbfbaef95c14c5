"""`zpscope purge`: the pictures of heads of old samples are removed; their figures and the trail stay."""

import argparse
import sys

from zpscope.daemon import wire
from zpscope.daemon.desk import ask
from zpscope.daemon.process import add_settings_arguments, settings_of

HELP = "remove the pictures of samples that are older than they need be kept"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--days", required=True, metavar="N", help="of samples whose scan ended so long ago")
    parser.add_argument("--operator", required=True, help="who does it")
    add_settings_arguments(parser, profile="demo")


def run(arguments: argparse.Namespace) -> int:
    """Remove them, and say of which samples."""
    words = {"days": arguments.days, "operator": arguments.operator}
    for sample in ask(settings_of(arguments), wire.ControlRequest(action="purge", words=words)):
        sys.stdout.write(f"{sample.accession}  {sample.sample}: its pictures are gone\n")
    return 0
