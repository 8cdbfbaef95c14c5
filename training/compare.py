"""The work of `zpscope evaluate`: judges runs and sets them side by side."""

import argparse
import json
import sys
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from zpscope.config.errors import CommandRefused, SettingsError
from zpscope.training.device import repeatable
from zpscope.training.judge import (
    Judgement,
    cross_validated,
    keep,
    kept,
    much_worse,
    on_test,
    on_validation,
)
from zpscope.training.progress import bar
from zpscope.training.report import write_report
from zpscope.training.run import Run

_FIGURES = ("accuracy", "sensitivity", "specificity", "precision", "auc")


def compare(arguments: argparse.Namespace) -> int:
    """Judge every run; 1 if one is much worse on the test set than on validation."""
    if arguments.folds == 1 or arguments.folds < 0:
        msg = f"--folds {arguments.folds} will not do: give 2 or more"
        raise SettingsError(msg)
    runs = [Run(folder) for folder in arguments.runs]
    if len({(run.plan.digest, run.plan.sets) for run in runs}) > 1:
        msg = "these runs are of different crops or splits: their figures cannot be compared"
        raise CommandRefused(msg)
    table = Table("run", "network", "set", "heads", *_FIGURES)
    warnings: list[str] = []
    for run in runs:
        repeatable(run.plan.schedule.seed)
        judged = _judge(run, arguments)
        for name, one in judged.items():
            _add(table, run, name, one[-1] if isinstance(one, list) else one)
        validation, test = judged["validation"], judged.get("test")
        if isinstance(validation, Judgement) and isinstance(test, Judgement):
            warnings += [f"{run.folder}: {line}" for line in much_worse(validation, test)]
        keep(run, judged)
        write_report(run)
        if arguments.json:
            sys.stdout.write(json.dumps({"run": str(run.folder), **kept(run)}) + "\n")
    if not arguments.json:
        Console(width=160).print(table)
    for line in warnings:
        sys.stderr.write(f"zpscope: {line}\n")
    return int(bool(warnings))


def _judge(run: Run, arguments: argparse.Namespace) -> dict[str, Judgement | list[Judgement]]:
    judged: dict[str, Judgement | list[Judgement]] = {"validation": on_validation(run)}
    if arguments.folds:
        with bar(f"{run.folder} folds", arguments.folds * run.plan.schedule.epochs) as step:
            judged["cross-validation"] = cross_validated(run, arguments.folds, _one(step))
    if arguments.open_test or arguments.again:
        judged["test"] = on_test(run, arguments.again)
    return judged


def _one(step: Callable[[int], None]) -> Callable[[], None]:
    return lambda: step(1)


def _add(table: Table, run: Run, name: str, one: Judgement) -> None:
    figures = [
        f"{metric.value:.3f} ({metric.low:.3f}-{metric.high:.3f})" if metric else "-"
        for metric in map(one.metrics.get, _FIGURES)
    ]
    opened = f" (opened {one.opened} times)" if one.opened > 1 else ""
    table.add_row(str(run.folder), run.plan.network, name + opened, str(one.heads), *figures)
