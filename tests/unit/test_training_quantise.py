# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false, reportMissingTypeStubs=false
"""A network in 8-bit integers: as the arithmetic says, near the floats, and refused where it is not near enough."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("zpscope.engines.openvino_engine", reason="the extra `train` is not installed")

from tests.contract.test_engine import open_any  # noqa: E402
from tests.unit.test_training_export import crops, network  # noqa: E402
from zpscope.engines.bundle import DEMONSTRATION  # noqa: E402
from zpscope.engines.card import Integers  # noqa: E402
from zpscope.training.export import to_onnx  # noqa: E402
from zpscope.training.network import normalise  # noqa: E402
from zpscope.training.quantise import compare, holds, to_integers  # noqa: E402


def plain(drawn: Any, heads: NDArray[np.uint8]) -> bytes:  # noqa: ANN401  (torch may be absent)
    """Integers whose ranges are the highest values behind each ReLU, and nothing else."""
    ranges: list[float] = []
    with torch.no_grad():
        value = normalise(torch.from_numpy(heads))
        for module in drawn:
            value = module(value)
            if isinstance(module, torch.nn.ReLU):
                ranges.append(float(value.max()))
    return to_onnx(drawn, ranges)


def logits(model: bytes, heads: NDArray[np.uint8]) -> NDArray[np.float64]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    answer = np.asarray(session.run(None, {"crops": heads})[0], np.float64)
    return np.log(answer / (1 - answer))


@pytest.mark.parametrize("seed", [5, 6])
def test_fitted_integers_are_nearer_to_the_floats_than_plain_ones(seed: int) -> None:
    drawn, heads, others = network(seed), crops(100), crops(60)
    floats = logits(to_onnx(drawn), heads)
    fitted, crude = (
        np.square(logits(model, heads) - floats).mean()
        for model in (to_integers(drawn, others), plain(drawn, others))
    )
    assert fitted < crude / 2


def test_a_layer_that_is_silent_gives_no_nonsense() -> None:
    drawn = network(5)
    with torch.no_grad():
        drawn[2].weight.zero_()
        drawn[2].bias.fill_(-1)
    assert np.isfinite(logits(to_integers(drawn, crops(8)), crops(8))).all()


def test_integers_agree_with_floats() -> None:
    drawn, heads = network(7), crops(200)
    models = to_onnx(drawn), to_integers(drawn, crops(60))
    bound = np.random.default_rng(1).random(200) < 0.5
    measured = compare(open_any(DEMONSTRATION).card, models, heads, bound)
    assert measured.heads == 200
    assert measured.changed <= 10
    assert measured.runtime.startswith("openvino")
    assert len(models[1]) < len(models[0]) / 2


def test_ranges_that_cut_the_values_off_are_noticed() -> None:
    drawn, heads = network(7), crops(200)
    models = to_onnx(drawn), to_onnx(drawn, [0.01] * 12)
    measured = compare(open_any(DEMONSTRATION).card, models, heads, np.arange(200) < 100)
    assert measured.changed > 20
    assert not holds(measured)


@pytest.mark.parametrize(
    ("auc_loss", "changed", "may"), [(0.002, 10, True), (0.0021, 0, False), (-0.1, 11, False)]
)
def test_what_may_be_lost(auc_loss: float, changed: int, may: bool) -> None:
    assert holds(Integers(runtime="any", auc_loss=auc_loss, changed=changed, heads=2000)) is may
