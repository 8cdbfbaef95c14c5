"""`zpscope train`: a network that tells bound from unbound heads, from two folders of pictures."""

import argparse
from pathlib import Path

from zpscope.config.errors import SettingsError
from zpscope.training import extra

HELP = "train a network on heads of two classes, by the method of Leung et al. 2025"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "folder",
        type=Path,
        help="holds bound/ and unbound/, in each DONOR/SLIDE/ or SLIDE/ with fields or cut crops",
    )
    parser.add_argument(
        "--run", type=Path, required=True, metavar="DIR", dest="out", help="goes on where it stopped"
    )
    parser.add_argument(
        "--um-per-px",
        type=float,
        metavar="X",
        help="the pictures are fields of this scale; without it, cut crops",
    )
    parser.add_argument("--recordings", action="store_true", help="fields that state their scale themselves")
    parser.add_argument("--only-crops", action="store_true", help="cut the crops into DIR/crops, and stop")
    parser.add_argument(
        "--donors", type=Path, metavar="CSV", help="columns slide, donor: whose each SLIDE is"
    )
    parser.add_argument("--network", choices=("vgg13", "resnet34", "basic"), default="vgg13")
    parser.add_argument("--width", type=float, default=1.0, help="share of the paper's channels (default: 1)")
    parser.add_argument(
        "--train",
        choices=("last", "head", "block", "all"),
        help="the last linear layer, all linear layers, also the last block of convolutions, or everything "
        "(default: the paper's, last for vgg13)",
    )
    parser.add_argument(
        "--protocol",
        choices=("donor", "slide", "paper"),
        default="donor",
        help="what no split divides; paper: single crops at random (default: %(default)s)",
    )
    parser.add_argument(
        "--init", default="", metavar="PATH", help="safetensors, or `imagenet` to download them"
    )
    parser.add_argument(
        "--init-licence", default="not stated", metavar="TEXT", help="of those weights, for the card"
    )
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--batch", type=int, help="default: the paper's, 4, or 6 for basic")
    parser.add_argument(
        "--rate", type=float, help="learning rate (default: the paper's, 0.001, or 0.01 for basic)"
    )
    parser.add_argument(
        "--clip",
        type=float,
        default=0.0,
        metavar="X",
        help="longest gradient; 1 lets a network that is trained whole begin fast (default: the paper's, any)",
    )
    parser.add_argument("--sweep", action="store_true", help="try the rates 0.0001 to 0.1")
    parser.add_argument("--views", type=int, default=2, help="of each crop, itself included (default: 2)")
    parser.add_argument(
        "--changes",
        choices=("paper", "cut"),
        default="paper",
        help="the other views are mirrored and resized, or also turned, shifted, lighter and noisier, as another "
        "cut of the head would be (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> int:
    """Cut, split, train and write the report; 1 if the loss left the numbers at every rate."""
    for name in ("epochs", "batch", "views"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            msg = f"--{name} must be 1 or more"
            raise SettingsError(msg)
    status: int = extra.load("zpscope.training.train").train(arguments)
    return status
