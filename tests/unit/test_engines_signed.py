# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
"""Integers written again with a sign say the same values, with half the steps."""

from pathlib import Path

import numpy as np
import onnxruntime

from zpscope.engines.bundle import DEMONSTRATION, MODEL_INT8
from zpscope.engines.onnx_graph import read_graph
from zpscope.engines.signed import to_signed

PATH = DEMONSTRATION / MODEL_INT8


def test_the_demonstration_has_signed_integers_and_nearly_its_answers() -> None:
    integers = PATH.read_bytes()
    signed = to_signed(integers, PATH)
    kinds = {
        str(weights[node.takes[2]].dtype)
        for model in (integers, signed)
        for weights in [read_graph(model, Path("any")).weights]
        for node in read_graph(model, Path("any")).nodes
        if node.kind == "QuantizeLinear"
    }
    assert kinds == {"uint8", "int8"}
    random = np.random.default_rng(2)
    shade, grain = random.integers(0, 192, (40, 1, 1)), random.integers(0, 64, (40, 128, 128))
    crops = np.asarray(shade + grain, np.uint8)
    one, other = (
        np.asarray(
            onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(
                None, {"crops": crops}
            )[0]
        )
        for model in (integers, signed)
    )
    assert np.ptp(one) > 0.1
    assert 0 < np.abs(one - other).max() <= 0.05
    assert to_signed(signed, PATH) == signed
