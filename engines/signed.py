"""A network in 8-bit integers written again with signed ones between its layers: TensorRT takes no others.

What lies behind a ReLU then has 127 steps where it had 255. Knows no runtime.
"""

from pathlib import Path

import numpy as np

from zpscope.engines.half import ends, written
from zpscope.engines.onnx_graph import read_graph
from zpscope.engines.onnx_writer import graph, model, tensor


def to_signed(integers: bytes, path: Path) -> bytes:
    """Return the ONNX of a network whose integers all have a sign; `path` names the one that is given.

    Raises:
        ModelRefused: It holds what no network of zpscope does.
    """
    whole = read_graph(integers, path)
    weights = dict(whole.weights)
    for one in whole.nodes:
        if one.kind == "QuantizeLinear" and weights[one.takes[2]].dtype == np.uint8:
            step, zero = one.takes[1:]
            weights[step] = np.asarray(weights[step], np.float32) * np.float32(255 / 127)
            weights[zero] = np.zeros((), np.int8)
    nodes = [written(one, {}) for one in whole.nodes]
    return model(graph("signed", nodes, [tensor(name, each) for name, each in weights.items()], ends(whole)))
