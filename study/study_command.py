"""`zpscope study`: cohort statistics from a CSV."""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import cast

from zpscope.config.errors import CohortRefused, SettingsError
from zpscope.config.notice import NOTICE

HELP = "statistics of a cohort: ROC, threshold, groups, replicates, the paper's Table 1"
_QUESTIONS = {
    "table1": "everything that follows from the paper's Table 1 (CSV with its columns)",
    "threshold": "ROC, logistic regression and Youden's threshold with its bootstrap interval",
    "groups": "mean and SEM of the fertilization groups, and whether they differ",
    "replicates": "whether the slides of each sample agree (CSV with sample, slide, k, n)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    questions = parser.add_subparsers(dest="question", required=True, metavar="|".join(_QUESTIONS))
    for name, help_text in _QUESTIONS.items():
        question = questions.add_parser(name, help=help_text, description=help_text, epilog=NOTICE)
        question.add_argument("path", type=Path, metavar="CSV", help="one row a patient, or a slide")
        question.add_argument("--json", action="store_true", help="print one JSON object")
        question.add_argument(
            "--plots", type=Path, metavar="DIR", help="write the figures there, as PNG and SVG"
        )
        if name == "threshold":
            question.add_argument(
                "--seed", type=int, default=1, help="of the bootstrap (default: %(default)s)"
            )
            question.add_argument(
                "--draws",
                type=int,
                default=2000,
                metavar="N",
                help="bootstrap samples (default: %(default)s)",
            )


def run(arguments: argparse.Namespace) -> int:
    """Print the answer; raise CohortRefused with a line for every row that will not do."""
    seed, draws = getattr(arguments, "seed", 1), getattr(arguments, "draws", 2000)
    if draws < 100 or seed < 0:
        msg = "--draws must be 100 or more, --seed 0 or more"
        raise SettingsError(msg)
    try:
        answers = importlib.import_module("zpscope.study.answers")
    except ModuleNotFoundError as error:
        msg = f"zpscope study needs {error.name}, which is not installed: pip install 'zpscope[study]'"
        raise SettingsError(msg) from error
    answer = answers.ANSWERS[arguments.question](arguments.path, seed, draws)
    if arguments.json:
        sys.stdout.write(json.dumps(_plain({**answer.values, "notice": NOTICE}), allow_nan=False) + "\n")
    else:
        width = min(44, max(len(what) for what, _ in answer.lines))
        sys.stdout.write("".join(f"{what:<{width}}  {words}\n" for what, words in answer.lines))
        sys.stdout.write(f"{NOTICE}\n")
    if arguments.plots:
        _save(answer.figures, arguments.plots, arguments.question)
    return 0


def _save(figures: dict[str, object], folder: Path, question: str) -> None:
    plots = importlib.import_module("zpscope.study.plots")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.items():
            plots.save(figure, folder / f"{question}-{name}")
    except OSError as error:
        msg = (
            f"the figures cannot be written to {folder} ({error.strerror}): give another folder with --plots"
        )
        raise CohortRefused(msg) from error


def _plain(value: object) -> object:
    """Return a value as JSON knows it: of a dataclass its fields and its properties."""
    if is_dataclass(value):
        kind = type(value)
        names = [field.name for field in fields(value)] + [
            name for name, one in vars(kind).items() if isinstance(one, property)
        ]
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in cast("dict[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in cast("Sequence[object]", value)]
    return value
