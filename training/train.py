"""The work of `zpscope train`: cut, split, train, report. Everything it does is kept in the run's folder."""

import argparse
import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from zpscope.config.errors import SettingsError
from zpscope.training.crop_set import CropSet, read_crops
from zpscope.training.cut_fields import CROPS, cut_fields, slides
from zpscope.training.device import repeatable
from zpscope.training.duplicates import near_duplicates
from zpscope.training.events import Events
from zpscope.training.networks import RECIPES, cut
from zpscope.training.progress import bar
from zpscope.training.report import write_report
from zpscope.training.run import Run, begin
from zpscope.training.sgd import Schedule
from zpscope.training.split import TRAIN, VALIDATION, across, split

SWEEP = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
"""The paper's range of learning rates."""


def train(arguments: argparse.Namespace) -> int:
    """Cut, split and train; 1 if the loss left the numbers at every rate."""
    crops, folder = _crops(arguments)
    if arguments.only_crops:
        sys.stdout.write(f"{len(crops)} crops in {folder}\n")
        return 0
    return _train(_begin(arguments, crops, folder))


def _crops(arguments: argparse.Namespace) -> tuple[CropSet, Path]:
    """Return the crop set and its folder, cut first if the pictures are fields."""
    folder: Path = arguments.folder
    if arguments.um_per_px or arguments.recordings:
        done = arguments.out / CROPS
        if not done.exists():
            with bar("slides cut", sum(1 for _ in slides(folder))) as step:
                cut_fields(folder, arguments.um_per_px, arguments.out, _refused, lambda: step(1))
        folder = done
    crops = read_crops(folder, _refused)
    return (_with_donors(crops, arguments.donors) if arguments.donors else crops), folder


def _refused(line: str) -> None:
    sys.stderr.write(f"zpscope: {line}\n")


def _with_donors(crops: CropSet, table: Path) -> CropSet:
    """Return the crops with the donors that a table gives for their slides."""
    try:
        with table.open(newline="", encoding="utf-8") as file:
            donors = {row["slide"]: row["donor"] for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError) as error:
        msg = f"{table} cannot be read as a table with the columns slide and donor ({error!r})"
        raise SettingsError(msg) from error
    missing = sorted(set(crops.slide.tolist()) - set(donors))
    if missing:
        msg = f"{table} does not say whose slide {missing[0]} is: add a line for it"
        raise SettingsError(msg)
    return replace(crops, donor=np.asarray([donors[slide] for slide in crops.slide.tolist()], np.str_))


def _begin(arguments: argparse.Namespace, crops: CropSet, folder: Path) -> Run:

    recipe = RECIPES[arguments.network]
    repeatable(arguments.seed)
    rate = arguments.rate or recipe.rate
    pairs = near_duplicates(crops.crops)
    sets = split(crops, arguments.protocol, arguments.seed, pairs)
    donors = across(crops, sets)
    if donors and arguments.protocol != "donor":
        _refused(
            f"{len(donors)} donor(s) are in more than one set, {donors[0]} first: "
            "figures will be better than on a new donor"
        )
    part = arguments.train or recipe.part
    try:
        cut(recipe.make(arguments.width), part)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    schedule = Schedule(
        arguments.epochs, arguments.batch or recipe.batch, rate, clip=arguments.clip, seed=arguments.seed
    )
    wanted = {
        "duplicates": len(pairs),
        "network": arguments.network,
        "width": arguments.width,
        "part": part,
        "protocol": arguments.protocol,
        "init": arguments.init,
        "init_licence": arguments.init_licence if arguments.init else "none",
        "views": arguments.views,
        "changes": arguments.changes,
        "schedule": schedule,
        "rates": SWEEP if arguments.sweep else (rate,),
    }
    return begin(arguments.out, crops, folder, sets, wanted)


def _train(begun: Run) -> int:
    """Train at every rate; 1 if the loss left the numbers at all of them."""
    plan = begun.plan
    counts = {name: int((begun.sets == name).sum()) for name in (TRAIN, VALIDATION)}
    with bar("features" if begun.cut else "views", sum(counts.values()) * plan.views) as step:
        train, validation = (begun.examples(name, step) for name in (TRAIN, VALIDATION))
    failed = 0
    for rate in plan.rates:
        fit = begun.fit(rate)
        with (
            bar(f"epochs at rate {rate:g}", plan.schedule.epochs) as step,
            Events(begun.folder, rate) as events,
        ):
            step(len(fit.epochs))
            while not fit.done:
                try:
                    events.write(fit.train_epoch(train, validation))
                except FloatingPointError as error:
                    _refused(f"{error}; the checkpoint of epoch {len(fit.epochs)} is kept")
                    failed += 1
                    break
                begun.save(fit)
                step(1)
    if failed == len(plan.rates):
        return 1
    epoch, rate, _ = begun.best()
    write_report(begun)
    sys.stdout.write(
        f"epoch {epoch.number} at rate {rate:g} is kept: {epoch.validation_accuracy:.4f} right of "
        f"{counts[VALIDATION]} in the validation set\n{begun.folder / 'report.html'}\n"
    )
    return 0
