"""The offline way from the crops of two preparations to crops that look as if of one.

Trains a CycleGAN, or goes on where it stopped, with a picture grid now and then; then puts **every** crop of both
preparations through the one generator towards the clinic's. A clinic's crop needs no translation, but unless it
goes the same way, the generator's traces would tell the preparation, and in the paper that is the class. The leak
test asks at last whether the background still tells it. For training data only: nothing of the live path may
import this, and a crop that was translated is never to be read by a person or scored.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import CommandRefused, SettingsError, StoreError
from zpscope.imaging.crop import PREPROCESSING_HASH
from zpscope.training.appearance import Statistics, mean, statistics
from zpscope.training.crop_folders import CropFolder, write_crops, write_png
from zpscope.training.cycle_run import Epoch, Run, Schedule
from zpscope.training.leak import LEAST_SLIDES, Leak, features, leak

CHECKPOINT = "checkpoint.pt"
LABORATORY, CLINIC = "laboratory", "clinic"
_COLUMNS = 8
_GRIDS = 40
"""So many picture grids over the whole schedule."""


@dataclass(frozen=True)
class Sets:
    """The crops of the two preparations."""

    laboratory: CropFolder
    clinic: CropFolder


@dataclass(frozen=True)
class Outcome:
    """What normalising came to."""

    before: Leak
    after: Leak
    statistics: dict[str, Statistics]
    """Means of the laboratory's and the clinic's crops, before and after."""


def check(sets: Sets) -> None:
    """Raise SettingsError if the two sets cannot be normalised and tested, before hours are spent on them."""
    for name, one in ((LABORATORY, sets.laboratory), (CLINIC, sets.clinic)):
        slides = len(np.unique(one.slides))
        if slides < LEAST_SLIDES:
            msg = f"--{name} has {slides} slides: the leak test needs {LEAST_SLIDES}, each a sub-folder; record more"
            raise SettingsError(msg)
    seen = dict(zip(sets.laboratory.digests, sets.laboratory.names, strict=True))
    both = [
        f"{name} of --{CLINIC} is {seen[digest]} of --{LABORATORY}: take it out of one"
        for name, digest in zip(sets.clinic.names, sets.clinic.digests, strict=True)
        if digest in seen
    ]
    if both:
        raise SettingsError(both[0])


def check_apart(out: Path, folders: list[Path]) -> None:
    """Raise SettingsError if what is written below `out` would lie among the crops that are read."""
    for written in (out / LABORATORY, out / CLINIC):
        for folder in folders:
            one, other = written.resolve(), folder.resolve()
            if one.is_relative_to(other) or other.is_relative_to(one):
                msg = f"--out {out} would write among the crops of {folder}: choose another folder"
                raise SettingsError(msg)


def train(
    sets: Sets,
    schedule: Schedule,
    out: Path,
    device: str,
    step_done: Callable[[int, int], None],
    epoch_done: Callable[[Epoch], None],
) -> Run:
    """Train, or go on from the checkpoint in `out`; return the run at the end of its schedule.

    `step_done` hears how many steps are done, and of how many.

    Raises:
        CommandRefused: The checkpoint is of another run, or the loss is no longer finite; the last checkpoint is good.
        StoreError: The disk is full or may not be written.
    """
    run = Run(sets.laboratory.crops, sets.clinic.crops, schedule, device)
    path = out / CHECKPOINT
    if path.exists():
        run.load(path)
    total = schedule.epochs + schedule.decay_epochs
    steps = len(run.epochs) * run.steps_per_epoch

    def count() -> None:
        nonlocal steps
        steps += 1
        step_done(steps, total * run.steps_per_epoch)

    while not run.done:
        try:
            epoch = run.train_epoch(count)
        except FloatingPointError as error:
            msg = (
                f"{error}: {_kept(path, len(run.epochs))}; start again with another --seed, in another --out"
            )
            raise CommandRefused(msg) from error
        if epoch.number % -(-total // _GRIDS) == 0 or run.done:
            picture = grid(run, _some(sets.laboratory.crops), _some(sets.clinic.crops))
            write_png(out / "grids" / f"epoch-{epoch.number:03d}.png", picture)
        run.save(path)
        epoch_done(epoch)
    return run


def translate_both(run: Run, sets: Sets, out: Path, seed: int) -> Outcome:
    """Put both sets through the one generator, write them and the card below `out`, and test for a leak."""
    moved = Sets(*(CropFolder(run.to_clinic(one.crops), one.names) for one in (sets.laboratory, sets.clinic)))
    write_crops(out / LABORATORY, moved.laboratory)
    write_crops(out / CLINIC, moved.clinic)
    outcome = Outcome(
        leak_between(sets, seed),
        leak_between(moved, seed),
        {
            f"{name}, {when}": mean(statistics(one.crops))
            for when, these in (("before", sets), ("after", moved))
            for name, one in ((LABORATORY, these.laboratory), (CLINIC, these.clinic))
        },
    )
    _write_card(out / "card.json", run, outcome)
    return outcome


def leak_between(sets: Sets, seed: int) -> Leak:
    """Test whether the background tells the two sets apart, by slides that were not trained on."""
    laboratory, clinic = sets.laboratory, sets.clinic
    slides = [
        *(f"{LABORATORY}/{name}" for name in laboratory.slides),
        *(f"{CLINIC}/{name}" for name in clinic.slides),
    ]
    crops = np.concatenate([laboratory.crops, clinic.crops])
    second = np.arange(len(crops)) >= len(laboratory.crops)
    return leak(features(crops), np.array(slides, np.str_), second, seed=seed)


def grid(run: Run, laboratory: NDArray[np.uint8], clinic: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return one picture of a few crops (N, 128, 128) of each set, a column each.

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
    """Return a few crops from all over a set."""
    return crops[np.linspace(0, len(crops) - 1, _COLUMNS).astype(np.intp)]


def _kept(path: Path, epochs: int) -> str:
    return f"{path} keeps epoch {epochs}" if epochs else "there is no good epoch yet"


def _write_card(path: Path, run: Run, outcome: Outcome) -> None:
    card: dict[str, Any] = {
        "use": "training data only; never for a crop that is scored or shown as a sperm",
        "generator": "laboratory to clinic; both sets went through it",
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
