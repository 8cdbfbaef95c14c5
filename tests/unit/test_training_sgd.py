# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownParameterType=false, reportUnknownLambdaType=false
"""Training by the paper's schedule: it learns, goes on bit for bit, and keeps the last good weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from torch import nn  # noqa: E402

from zpscope.config.errors import CommandRefused, StoreError  # noqa: E402
from zpscope.training.device import repeatable  # noqa: E402
from zpscope.training.sgd import Examples, Fit, Schedule  # noqa: E402

SHORT = Schedule(epochs=4, batch=4, rate=0.05, step_epochs=2, seed=3)


def examples(seed: int) -> Examples:
    random = np.random.default_rng(seed)
    bound = random.uniform(size=40) < 0.5
    values = random.normal(0, 1, (40, 3, 8)) + np.where(bound, 1.0, -1.0)[:, None, None]
    return Examples(values.astype(np.float32), bound)


TRAIN, VALIDATION = examples(0), examples(1)


def begun(schedule: Schedule = SHORT, digest: str = "d") -> Fit:
    repeatable(schedule.seed)
    part = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 2))
    return Fit(part, lambda values: values, schedule, digest)


def finished(fit: Fit) -> Fit:
    while not fit.done:
        fit.train_epoch(TRAIN, VALIDATION)
    return fit


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(bool((one[key] == other[key]).all()) for key in one)


def test_learns_and_keeps_the_best_epoch() -> None:
    fit = finished(begun())
    assert fit.kept.validation_accuracy > 0.9
    assert fit.kept.merit == max(epoch.merit for epoch in fit.epochs)
    assert [SHORT.rate_of(epoch) for epoch in (1, 2, 3, 4)] == pytest.approx([0.05, 0.05, 0.005, 0.005])


def test_no_step_is_longer_than_the_rate_times_the_longest_gradient() -> None:
    def moved(schedule: Schedule) -> float:
        repeatable(3)
        part = nn.Linear(8, 2)
        before = part.state_dict()["weight"].clone()
        Fit(part, lambda values: values, schedule, "d").train_epoch(TRAIN, VALIDATION)
        return float((part.state_dict()["weight"] - before).norm())

    free = replace(SHORT, epochs=1, rate=1.0, momentum=0.0)
    assert moved(free) > 1
    assert moved(replace(free, clip=0.01)) <= 10 * 1.0 * 0.01 + 1e-6


@pytest.mark.parametrize("stop", [0, 7, 10, 23, 39])
def test_a_run_that_stops_in_any_step_ends_the_same(
    stop: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = finished(begun())
    steps, step = iter(range(stop)), torch.optim.SGD.step

    def until(optimiser: object) -> object:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return step(optimiser)

    first, path = begun(), tmp_path / "checkpoint.pt"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):  # noqa: PT012
        patch.setattr(torch.optim.SGD, "step", until)
        while True:
            first.train_epoch(TRAIN, VALIDATION)
            first.save(path)
    torch.manual_seed(12345)  # what another process would have drawn by now
    second = begun()
    if path.exists():
        second.load(path)
    assert len(second.epochs) == stop // 10
    finished(second)
    assert same(second.best, whole.best)
    assert second.epochs == whole.epochs


def test_numbers_that_are_none_stop_it_and_leave_the_checkpoint(tmp_path: Path) -> None:
    fit, path = begun(), tmp_path / "checkpoint.pt"
    fit.train_epoch(TRAIN, VALIDATION)
    fit.save(path)
    kept = path.read_bytes()
    broken = Examples(np.where(TRAIN.values > 2, np.nan, TRAIN.values).astype(np.float32), TRAIN.bound)
    with pytest.raises(FloatingPointError, match="lower rate"):
        fit.train_epoch(broken, VALIDATION)
    assert path.read_bytes() == kept
    again = begun()
    again.load(path)
    assert np.isfinite(again.logits(VALIDATION.values[:, 0])).all()


def test_a_checkpoint_of_another_run_or_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    begun().save(path)
    for other in (begun(digest="e"), begun(replace(SHORT, rate=0.1))):
        with pytest.raises(CommandRefused, match="another run"):
            other.load(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CommandRefused, match="remove it"):
        begun().load(path)


def test_a_full_disk_leaves_the_older_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.pt"
    fit = begun()
    fit.save(path)
    kept = path.read_bytes()

    def full(state: object, file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(StoreError, match="No space left"):
        fit.save(path)
    assert path.read_bytes() == kept
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.pt"]
