"""`zpscope explain`: where in the crops the answers of a trained network come from."""

import argparse
from pathlib import Path

from zpscope.training import extra

HELP = "saliency maps of a training run, and the share of importance that lies inside the heads"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "run_folder", type=Path, metavar="RUN", help="a folder that zpscope train made from fields"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the table and the maps"
    )
    parser.add_argument(
        "--masks", type=Path, metavar="DIR", help="masks of the heads (default: beside the crops)"
    )
    parser.add_argument("--heads", type=int, default=100, metavar="N", help="of each class, at most")


def run(arguments: argparse.Namespace) -> int:
    """Write `importance.csv` and `saliency.png`, and print the table."""
    status: int = extra.load("zpscope.training.explain").explain(arguments)
    return status
