"""`zpscope evaluate`: how well trained networks tell bound from unbound heads, side by side."""

import argparse
from pathlib import Path

from zpscope.training import extra

HELP = "judge training runs: validation, cross-validation, and the locked test set, once"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders that zpscope train made")
    parser.add_argument(
        "--folds", type=int, default=0, metavar="N", help="also cross-validate; the paper's is 5"
    )
    parser.add_argument(
        "--open-test", action="store_true", help="open the test set; this is recorded, and done once"
    )
    parser.add_argument("--again", action="store_true", help="open a test set that was opened before")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each run, a line each")


def run(arguments: argparse.Namespace) -> int:
    """Judge; 1 if a network is much worse on the test set than on validation."""
    status: int = extra.load("zpscope.training.compare").compare(arguments)
    return status
