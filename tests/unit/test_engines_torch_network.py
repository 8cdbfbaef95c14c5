# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""The network that torch runs is the bundle's, in every precision; its gradient is one. On the CPU."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="the extra `cuda` is not installed")

import torch

from tests.contract.test_engine import open_any, open_made, tiny
from zpscope.config.classifiers import OnnxRuntimeClassifier
from zpscope.config.errors import ModelRefused
from zpscope.engines.bundle import DEMONSTRATION, Bundle
from zpscope.engines.open_engine import open_engine
from zpscope.engines.torch_network import open_exact, open_network, saliency


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return open_any(DEMONSTRATION)


@pytest.fixture(scope="module")
def crops() -> NDArray[np.uint8]:
    """(12, 128, 128): darker ellipses of varying shade on a pale ground, which the model is of two minds about."""
    random = np.random.default_rng(5)
    y, x = np.mgrid[-64:64, -64:64]
    inside = (x / 24) ** 2 + (y / 34) ** 2 < 1
    shade, front = random.uniform(60, 170, (12, 1, 1)), random.uniform(0, 60, (12, 1, 1))
    drawn = np.where(inside, shade + front * (y < 0), 215.0) + random.normal(0, 5, (12, 128, 128))
    return np.asarray(np.clip(drawn, 0, 255), np.uint8)


@pytest.mark.parametrize(
    ("dtype", "bar"),
    [("float64", 1e-5), ("float32", 1e-5), ("float16", 5e-3), ("bfloat16", 5e-2)],
)
def test_every_precision_agrees(bundle: Bundle, crops: NDArray[np.uint8], dtype: str, bar: float) -> None:
    with open_engine(OnnxRuntimeClassifier(), bundle) as engine:
        expected = engine.classify(crops)
    network = open_network(bundle, getattr(torch, dtype), "cpu")
    with torch.no_grad():
        answer = network.probability(torch.from_numpy(crops))
    assert answer.dtype == (torch.float64 if dtype == "float64" else torch.float32)
    assert np.abs(answer.numpy() - expected).max() <= bar


def test_saliency_is_the_gradient(bundle: Bundle, crops: NDArray[np.uint8]) -> None:
    network = open_exact(bundle)
    found = saliency(network, crops[3])
    assert found.shape == (128, 128)
    assert found.max() > 0
    for y, x in [*np.argwhere(found == found.max())[:1], (64, 40), (30, 64)]:
        moved = torch.from_numpy(np.stack([crops[3], crops[3]]).astype(np.float64))
        moved[0, y, x] += 1e-4
        moved[1, y, x] -= 1e-4
        with torch.no_grad():
            up, down = network.score(moved)
        assert found[y, x] == pytest.approx(abs(float(up - down)) / 2e-4, rel=1e-4, abs=1e-7)


def test_what_it_does_not_know_is_refused(tmp_path: Path) -> None:
    model = tiny(last="Erf")
    with pytest.raises(ModelRefused, match=r"holds Erf, which torch does not run here"):
        open_network(open_made(tmp_path / "erf", model), torch.float32, "cpu")
    network = open_network(open_made(tmp_path / "tiny", tiny()), torch.float64, "cpu")
    with pytest.raises(ModelRefused, match="no softmax"):
        saliency(network, np.zeros((128, 128), np.uint8))
