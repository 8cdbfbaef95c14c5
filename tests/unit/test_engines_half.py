# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
"""The network in half precision computes what the one in floats does, to the rounding of 16 bits."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests.contract.test_engine import tiny, weight
from zpscope.config.errors import ModelRefused
from zpscope.engines.bundle import DEMONSTRATION, MODEL
from zpscope.engines.half import to_half
from zpscope.engines.onnx_file import check_weights
from zpscope.engines.onnx_graph import read_graph

PATH = DEMONSTRATION / MODEL


def run(model: bytes, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: crops})[0])


def test_the_demonstration_keeps_its_answers() -> None:
    floats = PATH.read_bytes()
    half = to_half(floats, PATH)
    assert len(half) < 0.51 * len(floats)
    check_weights(half, PATH)
    random = np.random.default_rng(2)
    shade, grain = random.integers(0, 192, (40, 1, 1)), random.integers(0, 64, (40, 128, 128))
    crops = np.asarray(shade + grain, np.uint8)
    exact, rounded = run(floats, crops), run(half, crops)
    assert rounded.dtype == np.float32
    assert 0 < np.abs(exact - rounded).max() <= 5e-3
    assert ((exact > 0.5) == (rounded > 0.5))[np.abs(exact - 0.5) > 0.01].all()


def test_a_graph_is_read_as_it_was_written() -> None:
    graph = read_graph(tiny(weight("slope", 0.05, 0.25), weight("offset", -6.0)), Path("tiny.onnx"))
    assert [node.kind for node in graph.nodes] == ["Cast", "ReduceMean", "Mul", "Add", "Sigmoid"]
    assert graph.nodes[1].attributes == {"axes": (1, 2), "keepdims": 0}
    assert graph.nodes[2].takes == ("mean", "slope")
    assert graph.weights["slope"].tolist() == np.asarray([0.05, 0.25], np.float32).tolist()
    assert (graph.takes, graph.gives) == ("crops", "probability")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (tiny(last="Sqrt"), "no softmax"),
        (tiny(weight("slope", 1e6)), "too large for 16 bits"),
        (b"", "does not write"),
        (tiny()[:-7], "does not write"),
    ],
    ids=["no_end", "large", "empty", "cut"],
)
def test_refuses_what_has_no_half(model: bytes, says: str) -> None:
    with pytest.raises(ModelRefused, match=says) as refused:
        to_half(model, Path("model.onnx"))
    assert "\n" not in str(refused.value)
