"""The work of `zpscope normalise`: from the crops of two preparations to crops that look as if of one.

Trains a CycleGAN, or goes on where it stopped, with a picture grid now and then; then puts **every** crop of both
preparations through the one generator towards the clinic's. A clinic's crop needs no translation, but unless it
goes the same way, the generator's traces would tell the preparation, and in the paper that is the class. The leak
test asks at last whether the background still tells it. For training data only: nothing of the live path may
import this, and a crop that was translated is never to be read by a person or scored.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import CommandRefused, SettingsError, StoreError
from zpscope.imaging.crop import PREPROCESSING_HASH
from zpscope.training.appearance import Statistics, mean, statistics
from zpscope.training.crop_set import CropSet, read_crops, write_crops
from zpscope.training.cut_fields import CROPS
from zpscope.training.cycle_run import Run, Schedule
from zpscope.training.events import Events
from zpscope.training.leak import LEAST_SLIDES, Leak, features, leak
from zpscope.training.progress import bar

CHECKPOINT, CARD, GRIDS = "checkpoint.pt", "card.json", "grids"
_COLUMNS = 8
_GRIDS = 40
"""So many picture grids over the whole schedule."""


@dataclass(frozen=True)
class Outcome:
    """What normalising came to."""

    before: Leak
    after: Leak
    statistics: dict[str, Statistics]
    """Means of the laboratory's and the clinic's crops, before and after."""


def normalise(arguments: argparse.Namespace) -> int:
    """Train, translate, test for a leak; 1 if there is one."""
    crops = read_crops(arguments.folder, _refused)
    laboratory = of_laboratory(crops, arguments.laboratory)
    out: Path = arguments.out
    if (out / CROPS).resolve().is_relative_to(arguments.folder.resolve()):
        msg = f"--run {out} would write among the crops of {arguments.folder}: choose another folder"
        raise SettingsError(msg)
    if (laboratory == crops.bound).all() or (laboratory != crops.bound).all():
        _refused("preparation and class are one here: the generator may learn the class as part of the look")
    schedule = Schedule(
        arguments.epochs,
        arguments.decay_epochs,
        width=arguments.width,
        blocks=arguments.blocks,
        seed=arguments.seed,
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{out} cannot be made ({error.strerror}): choose another folder"
        raise StoreError(msg) from error
    run = train(crops, laboratory, schedule, out)
    moved = replace(crops, crops=run.to_clinic(crops.crops))
    write_crops(out / CROPS, moved.crops, crops.name.tolist())
    outcome = judge(crops, moved, laboratory)
    _write_card(out / CARD, run, outcome)
    sys.stdout.write(_told(outcome, out))
    return int(outcome.after.found)


def of_laboratory(crops: CropSet, patterns: list[str]) -> NDArray[np.bool_]:
    """Return which crops (N,) are of the laboratory's preparation: those whose path fits a pattern.

    Raises:
        SettingsError: A slide is of both preparations, or one of them has too few slides for the leak test.
    """
    laboratory = np.array(
        [any(fnmatch(name, one) for one in patterns) for name in crops.name.tolist()], np.bool_
    )
    of = slides(crops)
    both = sorted(set(of[laboratory].tolist()) & set(of[~laboratory].tolist()))
    if both:
        msg = f"--laboratory takes a part of the slide {both[0]}: name whole slides"
        raise SettingsError(msg)
    for name, chosen in (("laboratory", laboratory), ("clinic", ~laboratory)):
        count = len(np.unique(of[chosen]))
        if count < LEAST_SLIDES:
            msg = f"{count} slides are of the {name}: the leak test needs {LEAST_SLIDES}; see --laboratory"
            raise SettingsError(msg)
    return laboratory


def slides(crops: CropSet) -> NDArray[np.str_]:
    """Return the slide (N,) of each crop, with its donor; it may hold both classes."""
    return np.array(
        [f"{donor}/{slide}" for donor, slide in zip(crops.donor, crops.slide, strict=True)], np.str_
    )


def train(crops: CropSet, laboratory: NDArray[np.bool_], schedule: Schedule, out: Path) -> Run:
    """Train, or go on from the checkpoint in `out`; return the run at the end of its schedule.

    Raises:
        CommandRefused: The checkpoint is of another run, or the loss is no longer finite; the last checkpoint is good.
        StoreError: The disk is full or may not be written.
    """
    a, b = crops.crops[laboratory], crops.crops[~laboratory]
    run, path = Run(a, b, schedule), out / CHECKPOINT
    if path.exists():
        run.load(path)
    total = schedule.epochs + schedule.decay_epochs
    with bar("steps", total * run.steps_per_epoch) as step, Events(out, schedule.rate) as events:
        step(len(run.epochs) * run.steps_per_epoch)
        while not run.done:
            try:
                epoch = run.train_epoch(lambda: step(1))
            except FloatingPointError as error:
                kept = f"{path} keeps epoch {len(run.epochs)}" if run.epochs else "there is no good epoch yet"
                msg = f"{error}: {kept}; start again with another --seed, in another --run"
                raise CommandRefused(msg) from error
            if epoch.number % -(-total // _GRIDS) == 0 or run.done:
                picture = grid(run, _some(a), _some(b))
                write_crops(out / GRIDS, picture[None], [f"epoch-{epoch.number:03d}.png"])
            run.save(path)
            events.add("normalise", epoch.losses, epoch.number)
    return run


def judge(crops: CropSet, moved: CropSet, laboratory: NDArray[np.bool_]) -> Outcome:
    """Return figures of both preparations and the leak test, before and after."""
    before, after = (leak(features(one.crops), slides(one), ~laboratory) for one in (crops, moved))
    return Outcome(
        before,
        after,
        {
            f"{whose}, {when}": mean(statistics(one.crops[chosen]))
            for when, one in (("before", crops), ("after", moved))
            for whose, chosen in (("laboratory", laboratory), ("clinic", ~laboratory))
        },
    )


def grid(run: Run, laboratory: NDArray[np.uint8], clinic: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return one picture of a few crops (N, 128, 128) of each preparation, a column each.

    Rows: laboratory, to the clinic, and back; clinic, through the same generator, to the laboratory.
    """
    false = run.to_clinic(laboratory)
    rows = (
        laboratory,
        false,
        run.to_laboratory(false),
        clinic,
        run.to_clinic(clinic),
        run.to_laboratory(clinic),
    )
    return np.vstack([np.hstack(list(row)) for row in rows])


def _some(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a few crops from all over a preparation."""
    return crops[np.linspace(0, len(crops) - 1, _COLUMNS).astype(np.intp)]


def _refused(line: str) -> None:
    sys.stderr.write(f"zpscope: {line}\n")


def _write_card(path: Path, run: Run, outcome: Outcome) -> None:
    card = {
        "use": "training data only; never for a crop that is scored or shown as a sperm",
        "generator": "laboratory to clinic; the crops of both preparations went through it",
        "schedule": asdict(run.schedule),
        "digest": run.digest,
        "preprocessing": PREPROCESSING_HASH,
        "losses": run.epochs[-1].losses,
        "leak": {
            "before": asdict(outcome.before),
            "after": asdict(outcome.after),
            "found": outcome.after.found,
        },
        "statistics": {name: asdict(one) for name, one in outcome.statistics.items()},
    }
    try:
        path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}): make room, and give the same command again"
        raise StoreError(msg) from error


def _told(outcome: Outcome, out: Path) -> str:
    """Return what normalising came to, in words and figures."""
    names = ("background", "head", "contrast", "unevenness", "noise", "grain")
    lines = [f"{'':22}" + "".join(f"{name:>12}" for name in names)]
    for whose, figures in outcome.statistics.items():
        lines.append(f"{whose:22}" + "".join(f"{getattr(figures, name):12.2f}" for name in names))
    for when, found in (("before", outcome.before), ("after", outcome.after)):
        counts = " and ".join(map(str, found.slides))
        lines.append(
            f"leak test {when}: AUC {found.auc:.3f} by background alone, chance {found.chance:.3f}, p {found.p:.3f}, "
            f"{counts} slides"
        )
    lines.append(
        f"LEAK: the background still tells the preparations apart. Do not train on {out / CROPS}; train this longer"
        if outcome.after.found
        else f"No leak found at the 5 % level. Look at {out / GRIDS} before you train on {out / CROPS}"
    )
    return "\n".join(lines) + "\n"
