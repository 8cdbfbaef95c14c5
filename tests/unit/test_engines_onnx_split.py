# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""A model cut before its linear layers computes what it did, and is left whole where it cannot be cut."""

from collections.abc import Sequence

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests.contract.test_engine import tiny
from zpscope.engines.bundle import DEMONSTRATION, MODEL, MODEL_INT8
from zpscope.engines.onnx_split import ROWS, split
from zpscope.engines.onnx_writer import ElementType, graph, model, node, tensor, value


def ran(part: bytes, taken: NDArray[np.generic]) -> NDArray[np.float32]:
    """Run a part on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(part, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: taken})[0])


def small(nodes: Sequence[bytes], weights: Sequence[bytes] = ()) -> bytes:
    """A graph from `a` (N, 2, 2) to `z`."""
    ends = {
        "input": value("a", ElementType.FLOAT, ["N", 2, 2]),
        "output": value("z", ElementType.FLOAT, ["N", 4]),
    }
    return model(graph("small", nodes, weights, ends))


@pytest.mark.parametrize("name", [MODEL, MODEL_INT8])
def test_the_parts_compute_what_the_whole_does(name: str) -> None:
    whole = (DEMONSTRATION / name).read_bytes()
    crops = np.random.default_rng(1).integers(0, 256, (ROWS, 128, 128), dtype=np.uint8)
    parts = split(whole)
    assert parts is not None
    first, last = parts
    assert np.abs(ran(last, ran(first, crops)) - ran(whole, crops)).max() < 1e-6
    assert len(whole) < len(first) + len(last) < len(whole) + 1000  # each weight is in one part


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Relu", ["a"], "z")],
        [node("Relu", ["a"], "b"), node("Flatten", ["b"], "c"), node("Add", ["c", "a"], "z")],
    ],
    ids=["no_flatten", "two_values_pass"],
)
def test_what_has_no_such_place_stays_whole(nodes: Sequence[bytes]) -> None:
    assert split(small(nodes)) is None


def test_a_graph_that_ends_in_its_flatten_stays_whole() -> None:
    assert split(small([node("Relu", ["a"], "b"), node("Flatten", ["b"], "z")])) is None


def test_a_weight_on_both_sides_is_in_both() -> None:
    half = tensor("half", np.asarray(0.5, np.float32))
    nodes = [node("Mul", ["a", "half"], "b"), node("Flatten", ["b"], "c"), node("Mul", ["c", "half"], "z")]
    parts = split(small(nodes, [half]))
    assert parts is not None
    taken = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    assert (ran(parts[1], ran(parts[0], taken)) == taken.reshape(2, 4) / 4).all()


def test_the_tests_own_model_stays_whole() -> None:
    assert split(tiny()) is None
