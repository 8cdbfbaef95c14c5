"""`zpscope export`: the network of a trained run as an ONNX file, without a card."""

import argparse
from pathlib import Path

from zpscope.training import extra

HELP = "write the network of a training run as ONNX, for other programs; the daemon wants zpscope bundle"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a folder that zpscope train made")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the ONNX file")


def run(arguments: argparse.Namespace) -> int:
    """Write the file."""
    status: int = extra.load("zpscope.training.hand_over").export(arguments)
    return status
