# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false
"""A network in 8-bit integers: as the arithmetic says, near the floats, and refused where it is not near enough."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("zpscope.engines.openvino_engine", reason="the extra `train` is not installed")

from tests.contract.test_engine import open_any  # noqa: E402
from tests.unit.test_training_export import crops, network  # noqa: E402
from zpscope.engines.bundle import DEMONSTRATION  # noqa: E402
from zpscope.engines.card import Integers  # noqa: E402
from zpscope.training.export import simplify, to_onnx  # noqa: E402
from zpscope.training.network import normalise  # noqa: E402
from zpscope.training.quantise import activation_ranges, compare, holds  # noqa: E402


def test_the_ranges_are_the_highest_values_behind_each_relu() -> None:
    drawn, heads = network(5), crops(40)
    ranges = activation_ranges(drawn, heads)
    assert len(ranges) == len(simplify(drawn)) - 1
    with torch.no_grad():
        behind_second = drawn[:4](normalise(torch.from_numpy(heads)))
    assert ranges[1] == pytest.approx(float(behind_second.max()), rel=1e-5)


def test_integers_agree_with_floats() -> None:
    drawn, heads = network(7), crops(200)
    models = to_onnx(drawn), to_onnx(drawn, activation_ranges(drawn, crops(60)))
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
