"""`zpscope normalise`: crops of two preparations made alike, for training data only."""

import argparse
from pathlib import Path

from zpscope.config.errors import SettingsError
from zpscope.training import extra

HELP = "make the crops of two preparations look alike with a CycleGAN, for training data only"
_LEAST = {"epochs": 0, "decay_epochs": 0, "width": 1, "blocks": 0, "seed": 0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("folder", type=Path, help="cut crops, as `zpscope train --only-crops` writes them")
    parser.add_argument(
        "--laboratory",
        required=True,
        action="append",
        metavar="PATTERN",
        help="crops of the laboratory's preparation, by their path in the folder (`bound/*`, `*/lab-*/*`); may be "
        "repeated; all others are the clinic's, whose look both shall have",
    )
    parser.add_argument(
        "--run", type=Path, required=True, metavar="DIR", dest="out", help="goes on where it stopped"
    )
    for name, default, meaning in (
        ("epochs", 100, "epochs at the full learning rate"),
        ("decay-epochs", 100, "epochs in which it falls to zero"),
        ("width", 64, "channels of the first convolution; fewer are faster and worse"),
        ("blocks", 6, "residual blocks of a generator"),
        ("seed", 0, "of the weights and of every draw"),
    ):
        parser.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help=f"{meaning} (default: %(default)s)"
        )


def run(arguments: argparse.Namespace) -> int:
    """Train, translate both preparations, test for a leak; 1 if one was found."""
    for name, low in _LEAST.items():
        if getattr(arguments, name) < low:
            msg = f"--{name.replace('_', '-')} {getattr(arguments, name)} will not do: give {low} or more"
            raise SettingsError(msg)
    if arguments.epochs + arguments.decay_epochs == 0:
        msg = "--epochs 0 and --decay-epochs 0 train nothing: give at least one epoch"
        raise SettingsError(msg)
    status: int = extra.load("zpscope.training.normalise").normalise(arguments)
    return status
