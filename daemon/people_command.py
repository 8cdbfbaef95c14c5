"""`zpscope people`: who may sign."""

import argparse
import sys

from zpscope.daemon import wire
from zpscope.daemon.desk import ask
from zpscope.daemon.people import read_secret
from zpscope.daemon.process import add_settings_arguments, settings_of
from zpscope.daemon.store import read_store

HELP = "enrol those who sign, and list them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="add|list")
    add = actions.add_parser("add", help="enrol a person; the secret is asked for, or read from stdin")
    add.add_argument("name", help="initials or a code")
    add.add_argument("--operator", default="", help="who enrols them")
    for action in (add, actions.add_parser("list", help="list who may sign")):
        add_settings_arguments(action, profile="demo")


def run(arguments: argparse.Namespace) -> int:
    """Carry out one action."""
    settings = settings_of(arguments)
    if arguments.action == "add":
        words = {
            "signer": arguments.name,
            "secret": read_secret(f"secret of {arguments.name}: "),
            "operator": arguments.operator,
        }
        ask(settings, wire.ControlRequest(action="enrol", words=words))
        return 0
    with read_store(settings.store.path) as store:
        for (name,) in store.rows("SELECT name FROM person ORDER BY name"):
            sys.stdout.write(f"{name}\n")
    return 0
