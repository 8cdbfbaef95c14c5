# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Training learns what is there to be learned, repeats itself bit for bit, and stops at nonsense."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from zpscope.training.export import to_onnx  # noqa: E402
from zpscope.training.fit import Epoch, Schedule, fit, rate_share, repeatable, score  # noqa: E402
from zpscope.training.network import vgg13  # noqa: E402

SHORT = Schedule(epochs=6, batch=16, rate=3e-3, seed=1)


@pytest.fixture(scope="module")
def bound() -> NDArray[np.bool_]:
    return np.tile([True, False], 32)


@pytest.fixture(scope="module")
def crops(bound: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(64, 128, 128): a dark head, its upper part pale where it is bound."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[-64:64, -64:64]
    head = (x / 22) ** 2 + (y / 34) ** 2 < 1
    drawn = np.where(head, 70.0, 215.0) + random.normal(0, 5, (64, 128, 128))
    drawn[bound] += np.where(head & (y < 0), 80.0, 0.0)
    return np.asarray(np.clip(drawn, 0, 255), np.uint8)


def trained(
    crops: NDArray[np.uint8], bound: NDArray[np.bool_], schedule: Schedule
) -> tuple[bytes, list[Epoch]]:
    repeatable(schedule.seed)
    network, epochs = vgg13(1 / 16), list[Epoch]()
    fit(network, crops, bound, schedule, epochs.append)
    return to_onnx(network), epochs


def test_learns_and_repeats_itself(crops: NDArray[np.uint8], bound: NDArray[np.bool_]) -> None:
    repeatable(1)
    network = vgg13(1 / 16)
    fit(network, crops, bound, SHORT, lambda _: None)
    assert ((score(network, crops) > 0.5) == bound).mean() > 0.9
    again, epochs = trained(crops, bound, SHORT)
    assert again == to_onnx(network)
    assert [epoch.number for epoch in epochs] == [1, 2, 3, 4, 5, 6]
    assert epochs[-1].loss < epochs[0].loss


def test_the_rate_rises_in_a_line_and_falls_as_a_cosine() -> None:
    shares = [rate_share(step, 4, 12) for step in range(13)]
    assert shares[:4] == [0.25, 0.5, 0.75, 1.0]
    assert shares[4] == 1.0
    assert shares[8] == pytest.approx(0.5)
    assert shares[12] == pytest.approx(0.0)
    assert rate_share(1, 1, 1) == 1.0


def test_another_seed_gives_another_network(crops: NDArray[np.uint8], bound: NDArray[np.bool_]) -> None:
    short = dataclasses.replace(SHORT, epochs=1)
    first, _ = trained(crops, bound, short)
    second, _ = trained(crops, bound, dataclasses.replace(short, seed=2))
    assert first != second


def test_stops_at_a_loss_that_is_not_finite(crops: NDArray[np.uint8], bound: NDArray[np.bool_]) -> None:
    network: Any = vgg13(1 / 64)
    with torch.no_grad():
        network[0].weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="lower rate"):
        fit(network, crops[:16], bound[:16], dataclasses.replace(SHORT, epochs=1), lambda _: None)


def test_refuses_one_class_alone(crops: NDArray[np.uint8], bound: NDArray[np.bool_]) -> None:
    with pytest.raises(ValueError, match="both classes"):
        fit(vgg13(1 / 64), crops[bound], bound[bound], SHORT, lambda _: None)
