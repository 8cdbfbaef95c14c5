# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportMissingImports=false
"""What OpenVINO compiled is found again at the next start, and its long sums are not rounded thousands of times."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.contract.test_engine import open_any
from zpscope.config.classifiers import OpenVinoClassifier
from zpscope.engines.bundle import DEMONSTRATION
from zpscope.engines.open_engine import absence, open_engine

if absent := absence(OpenVinoClassifier()):
    pytest.skip(f"openvino: {absent}", allow_module_level=True)

from zpscope.engines.openvino_engine import (
    sum_in_parts,
)  # first: it keeps openvino from reporting to its maker

openvino: Any = pytest.importorskip("openvino")
operators: Any = pytest.importorskip("openvino.opset13")


def off(model: Any, taken: NDArray[np.float32], exact: NDArray[np.float64]) -> float:  # noqa: ANN401
    """Return how far a model's answer is off, in the root mean square."""
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    answer = openvino.Core().compile_model(model, "CPU", options)([taken])[0]
    return float(np.sqrt(np.mean(np.square(answer - exact))))


@pytest.mark.parametrize("bias", [False, True])
def test_sums_in_parts_are_nearer_to_exact_ones(bias: bool) -> None:
    random = np.random.default_rng(5)
    taken = random.random((1, 512, 3, 3), np.float32)
    weight = random.standard_normal((32, 512, 3, 3)).astype(np.float32)
    more = random.standard_normal((32, 1, 1)).astype(np.float32) * bias
    exact = (weight.astype(np.float64) * taken).sum((1, 2, 3)).reshape(1, 32, 1, 1) + more

    def model() -> Any:  # noqa: ANN401
        entry = operators.parameter(taken.shape, np.float32)
        none = [0, 0]
        sums = operators.convolution(entry, operators.constant(weight), [1, 1], none, none, [1, 1])
        return openvino.Model([operators.add(sums, operators.constant(more))], [entry])

    plain, parted = model(), model()
    sum_in_parts(parted)
    assert off(parted, taken, exact) < off(plain, taken, exact) / 2


def test_layers_that_do_not_part_evenly_stay_as_they_are() -> None:
    random = np.random.default_rng(6)
    taken = random.random((1, 600), np.float32)
    weight = random.standard_normal((4, 600)).astype(np.float32)
    entry = operators.parameter(taken.shape, np.float32)
    product = operators.matmul(entry, operators.constant(weight), False, True)
    model = openvino.Model([product], [entry])
    before = [one.get_type_name() for one in model.get_ordered_ops()]
    sum_in_parts(model)
    assert [one.get_type_name() for one in model.get_ordered_ops()] == before


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_second_start_compiles_nothing_and_answers_the_same(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path))
    crops = np.random.default_rng(1).integers(0, 256, (3, 128, 128), dtype=np.uint8)
    bundle = open_any(DEMONSTRATION)
    caplog.set_level("INFO")

    def start(threads: int) -> list[float]:
        caplog.clear()
        settings = OpenVinoClassifier.model_validate({"precision": precision, "threads": threads})
        with open_engine(settings, bundle) as engine:
            return list(map(float, engine.classify(crops)))

    first = start(1)
    assert "the model is compiled" in caplog.text
    for threads in (1, 2):
        assert start(threads) == first
        assert "the compiled model is read from" in caplog.text
    (plan,) = (tmp_path / "plans").glob("*.plan")
    kept = plan.read_bytes()
    plan.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    assert start(1) == first
    assert "altered" in caplog.text
