"""Judges a trained run: on its validation set, once on its test set, and by cross-validation.

The test set is opened once. Each opening is written into the run's folder first, so that a figure of a second one
cannot pass for one of the first. Knows no command line.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import exp, lgamma

import numpy as np
import torch
from numpy.typing import NDArray

from zpscope.config.errors import CommandRefused
from zpscope.engines.card import Metric
from zpscope.training.calibrate import Bin, bins, calibration_error, probabilities, temperature
from zpscope.training.duplicates import near_duplicates
from zpscope.training.evaluate import Confusion, confusion, metrics, roc
from zpscope.training.run import OPENED, Run
from zpscope.training.sgd import Examples
from zpscope.training.split import TEST, TRAIN, VALIDATION, folds, grouped

EVALUATION = "evaluation.json"
MUCH_WORSE_P = 0.01
"""So unlikely must a test figure be by chance, were it as good as the validation figure."""


@dataclass(frozen=True)
class Judgement:
    """How well a network does on one set of crops."""

    heads: int
    confusion: Confusion
    metrics: dict[str, Metric]
    temperature: float
    """Fitted on the validation set, whatever set this is."""
    curve: list[Bin]
    """At that temperature."""
    calibration_error: float
    roc: list[tuple[float, float]]
    """False and true positive rate."""
    opened: int = 0
    """How often the set had been opened with this one; 0: it is no test set."""


def judge(logits: NDArray[np.float32], bound: NDArray[np.bool_], at: float, opened: int = 0) -> Judgement:
    """Return the judgement of outputs (N, 2) on heads (N,) at a temperature."""
    probability = probabilities(logits, at)
    curve = bins(probability, bound)
    return Judgement(
        len(bound),
        confusion(probability, bound),
        metrics(probability, bound),
        at,
        curve,
        calibration_error(curve),
        roc(probability, bound),
        opened,
    )


def on_validation(run: Run) -> Judgement:
    """Judge on the validation set, which chose the checkpoint and the rate: a flattering figure."""
    logits, bound = _outputs(run, VALIDATION)
    return judge(logits, bound, temperature(logits, bound))


def on_test(run: Run, again: bool) -> Judgement:
    """Judge on the locked test set, and record that it was opened.

    Raises:
        CommandRefused: It was opened before, and `again` does not say that this is meant.
    """
    path = run.folder / OPENED
    before = len(path.read_text("utf-8").splitlines()) if path.exists() else 0
    if before and not again:
        msg = (
            f"the test set of {run.folder} was opened {before} time(s): its figures are in {EVALUATION}; "
            "to open it once more, which will show in every report, add --again"
        )
        raise CommandRefused(msg)
    epoch, rate, _ = run.best()
    line = {"at": datetime.now(UTC).isoformat(), "plan": run.digest, "epoch": epoch.number, "rate": rate}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    at = temperature(*_outputs(run, VALIDATION))
    return judge(*_outputs(run, TEST), at, before + 1)


def cross_validated(run: Run, count: int, epoch_done: Callable[[], object]) -> list[Judgement]:
    """Judge by cross-validation on all crops but the test set's: one judgement for each fold, then one for all.

    Groups that no split divides stay whole. Nothing is chosen on the held-out fold: the rate is the run's, the
    weights are those after the last epoch.
    """
    chosen = run.sets != TEST
    crops = run.crops.only(chosen)
    parts = [run.examples(name) for name in (TRAIN, VALIDATION)]
    values = np.empty((len(crops), *parts[0].values.shape[1:]), parts[0].values.dtype)
    for name, part in zip((TRAIN, VALIDATION), parts, strict=True):
        values[run.sets[chosen] == name] = part.values
    fold = folds(
        crops.bound,
        grouped(crops, run.plan.protocol, near_duplicates(crops.crops)),
        count,
        run.plan.schedule.seed,
    )
    _, rate, _ = run.best()
    logits = np.empty((len(crops), 2), np.float32)
    for number in range(count):
        out = fold == number
        fit = run.fresh(rate)
        train, held = Examples(values[~out], crops.bound[~out]), Examples(values[out], crops.bound[out])
        while not fit.done:
            fit.train_epoch(train, held)
            epoch_done()
        logits[out] = fit.logits(held.values[:, 0])
    one = [judge(logits[fold == number], crops.bound[fold == number], 1.0) for number in range(count)]
    return [*one, judge(logits, crops.bound, 1.0)]


def much_worse(validation: Judgement, test: Judgement) -> list[str]:
    """Return a line for each figure that is much worse on the test set than on the validation set.

    That is how the paper's ResNet34 failed: 25.5 % of unbound heads misread that validation had all right.
    """
    lines: list[str] = []
    for name in ("bound", "unbound"):
        k, n = (getattr(validation.confusion, field) for field in (f"{name}_right", name))
        j, m = (getattr(test.confusion, field) for field in (f"{name}_right", name))
        if j / m < k / n and _as_low(j, m, k, n) < MUCH_WORSE_P:
            lines.append(
                f"{name} heads: {j} of {m} right on the test set, {k} of {n} on validation: do not use it"
            )
    return lines


def kept(run: Run) -> dict[str, object]:
    """Return the judgements that were written for a run."""
    path = run.folder / EVALUATION
    found: dict[str, object] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def keep(run: Run, judgements: dict[str, Judgement | list[Judgement]]) -> None:
    """Write judgements beside those that are there."""
    plain = {
        name: [plain_of(each) for each in one] if isinstance(one, list) else plain_of(one)
        for name, one in judgements.items()
    }
    fresh = run.folder / f"{EVALUATION}.new"
    fresh.write_text(json.dumps(kept(run) | plain, indent=2) + "\n", "utf-8")
    fresh.replace(run.folder / EVALUATION)


def plain_of(one: Judgement) -> dict[str, object]:
    """Return a judgement as JSON takes it."""
    figures: dict[str, object] = {name: metric.model_dump() for name, metric in one.metrics.items()}
    curve = [asdict(each) for each in one.curve]
    whole: dict[str, object] = {**vars(one), "confusion": asdict(one.confusion)}
    return whole | {"metrics": figures, "curve": curve}


def _outputs(run: Run, name: str) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the outputs (N, 2) of the trained network on one set, and the classes (N,)."""
    examples = run.examples(name)
    part, enter = run.trained()[run.cut :], run.enter()
    values = examples.values[:, 0]
    with torch.no_grad():
        parts = [
            part(enter(torch.from_numpy(values[at : at + 64]))).numpy() for at in range(0, len(values), 64)
        ]
    return np.asarray(np.concatenate(parts), np.float32), examples.bound


def _as_low(j: int, m: int, k: int, n: int) -> float:
    """Return P(at most j of m right) if j of m and k of n come from one share (Fisher's exact test, one side)."""
    right = j + k

    def choose(of: int, some: int) -> float:
        return lgamma(of + 1) - lgamma(some + 1) - lgamma(of - some + 1)

    lowest = max(0, right - n)
    return sum(exp(choose(m, x) + choose(n, right - x) - choose(m + n, right)) for x in range(lowest, j + 1))
