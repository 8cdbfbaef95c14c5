"""`zpscope audit`: the trail of a store, shown and verified."""

import argparse
import sys

from zpscope.config.errors import ZpscopeError
from zpscope.daemon import trail
from zpscope.daemon.process import add_settings_arguments, settings_of
from zpscope.daemon.seal import broken
from zpscope.daemon.store import read_store

HELP = "verify or show the audit trail"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="verify|show")
    verify = actions.add_parser(
        "verify", help="find every byte of the trail or of a signed result that was changed"
    )
    verify.add_argument(
        "--head", metavar="NUMBER:HASH", help="an end of the trail noted earlier, which must still be in it"
    )
    for action in (verify, actions.add_parser("show", help="print the trail, one JSON object an entry")):
        add_settings_arguments(action, profile="demo")


def run(arguments: argparse.Namespace) -> int:
    """Carry out one action; raise ZpscopeError naming each place that is not what was written."""
    settings = settings_of(arguments)
    with read_store(settings.store.path) as store:
        if arguments.action == "show":
            for (entry,) in store.rows("SELECT entry FROM audit ORDER BY number"):
                sys.stdout.write(f"{entry}\n")
            return 0
        found = [*trail.faults(store), *broken(store)]
        if arguments.head and not trail.holds(store, arguments.head):
            found.append(f"audit trail: {arguments.head} is not in it: it was cut or written anew")
        if found:
            raise ZpscopeError("\n".join(found))
        sys.stdout.write(
            f"the trail and every signed result are what was written; its end is {trail.head(store)}\n"
        )
    return 0
