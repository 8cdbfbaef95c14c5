"""`zpscope bundle`: a trained run as the model bundle that the daemon runs."""

import argparse
from pathlib import Path

from zpscope.training import extra

HELP = "make the model bundle of a training run, its card filled in from the run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a folder that zpscope train made")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the bundle")
    parser.add_argument("--name", required=True, metavar="TEXT", help="of the model, on every result")
    parser.add_argument("--model-version", required=True, metavar="TEXT")
    parser.add_argument("--licence", required=True, metavar="TEXT", help="under which the model may be used")
    parser.add_argument(
        "--intended-use", required=True, metavar="TEXT", help="what it is for, and what it is not"
    )
    parser.add_argument("--no-integers", action="store_true", help="leave the 8-bit model out")


def run(arguments: argparse.Namespace) -> int:
    """Write the bundle."""
    status: int = extra.load("zpscope.training.hand_over").bundle(arguments)
    return status
