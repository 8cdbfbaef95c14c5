"""`zpscope normalise`: crops of two preparations made alike, for training data only."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from zpscope.config.errors import SettingsError
from zpscope.training.crop_folders import read_crops

if TYPE_CHECKING:
    from zpscope.training.cycle_run import Epoch
    from zpscope.training.normalise import Outcome

HELP = "make the crops of two preparations look alike with a CycleGAN, for training data only"


class _Rate(ProgressColumn):
    """Steps a second."""

    def render(self, task: Task) -> Text:
        """Return the rate, once there is one."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    for name, whose in (("laboratory", "whose look is to go"), ("clinic", "whose look both shall have")):
        parser.add_argument(
            f"--{name}",
            type=Path,
            required=True,
            metavar="DIR",
            help=f"crops of the preparation {whose}: a sub-folder of 128 x 128 PNG for each slide",
        )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for the results; goes on where it stopped",
    )
    for name, default, meaning in (
        ("epochs", 100, "epochs at the full learning rate"),
        ("decay-epochs", 100, "epochs in which it falls to zero"),
        ("width", 64, "channels of the first convolution; fewer are faster and worse"),
        ("blocks", 6, "residual blocks of a generator"),
        ("seed", 0, "of the weights and of every draw"),
    ):
        parser.add_argument(
            f"--{name}",
            type=int,
            default=default,
            metavar="N",
            help=f"{meaning} (default: %(default)s, the paper's)",
        )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where to train (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Train, translate both sets, test for a leak; 1 if one was found."""
    _check(arguments)
    try:
        import torch

        from zpscope.training.cycle_run import Schedule
        from zpscope.training.normalise import Sets, check, check_apart, train, translate_both
    except ModuleNotFoundError as error:
        msg = f"normalise needs {error.name}, which is not installed: pip install 'zpscope[train]'"
        raise SettingsError(msg) from error
    sets = Sets(read_crops(arguments.laboratory), read_crops(arguments.clinic))
    check(sets)
    check_apart(arguments.out, [arguments.laboratory, arguments.clinic])
    device: str = arguments.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    elif device == "cuda" and not torch.cuda.is_available():
        msg = "--device cuda: torch finds no GPU here; leave the option out"
        raise SettingsError(msg)
    schedule = Schedule(
        epochs=arguments.epochs,
        decay_epochs=arguments.decay_epochs,
        width=arguments.width,
        blocks=arguments.blocks,
        seed=arguments.seed,
    )
    with _progress() as progress:
        task = progress.add_task("training", total=None, said="")

        def step_done(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        def epoch_done(epoch: "Epoch") -> None:
            losses = ", ".join(f"{name} {loss:.3f}" for name, loss in epoch.losses.items())
            progress.update(task, said=f"epoch {epoch.number}: {losses}")

        trained = train(sets, schedule, arguments.out, device, step_done, epoch_done)
    outcome = translate_both(trained, sets, arguments.out, schedule.seed)
    sys.stdout.write(_told(outcome, arguments.out))
    return int(outcome.after.found)


def _check(arguments: argparse.Namespace) -> None:
    """Raise SettingsError for a number that no network or schedule can have."""
    least = {"epochs": 0, "decay_epochs": 0, "width": 1, "blocks": 0, "seed": 0}
    for name, low in least.items():
        if getattr(arguments, name) < low:
            msg = f"--{name.replace('_', '-')} {getattr(arguments, name)} will not do: give {low} or more"
            raise SettingsError(msg)
    if arguments.epochs + arguments.decay_epochs == 0:
        msg = "--epochs 0 and --decay-epochs 0 train nothing: give at least one epoch"
        raise SettingsError(msg)


def _progress() -> Progress:
    """Return a bar with rate and remaining time on stderr."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[said]}"),
        console=Console(stderr=True),
    )


def _told(outcome: "Outcome", out: Path) -> str:
    """Return what normalising came to, in words and figures."""
    names = ("background", "head", "contrast", "unevenness", "noise", "grain")
    lines = [f"{'':22}" + "".join(f"{name:>12}" for name in names)]
    for whose, figures in outcome.statistics.items():
        lines.append(f"{whose:22}" + "".join(f"{getattr(figures, name):12.2f}" for name in names))
    for when, found in (("before", outcome.before), ("after", outcome.after)):
        slides = " and ".join(map(str, found.slides))
        lines.append(
            f"leak test {when}: AUC {found.auc:.3f} by background alone, chance {found.chance:.3f}, p {found.p:.3f}, "
            f"{slides} slides"
        )
    lines.append(
        f"LEAK: the background still tells the preparations apart. Do not train on {out}: train longer, or wider"
        if outcome.after.found
        else f"No leak found at the 5 % level. Train on {out}; see the grids first"
    )
    return "\n".join(lines) + "\n"
