"""A network in float32 written again in half precision, for runtimes that take the precision from the file.

Weights and all values up to the logits become float16; the softmax and what follows it stay in float32, so that
a probability near one half is not rounded to it. Knows no runtime.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import ModelRefused
from zpscope.engines.onnx_graph import Graph, Node, read_graph
from zpscope.engines.onnx_writer import ElementType, graph, model, node, tensor, value
from zpscope.imaging.crop import CROP_PX

_ENDS = ("Softmax", "Sigmoid")
"""What turns logits into probabilities."""


def to_half(floats: bytes, path: Path) -> bytes:
    """Return the ONNX of a network in half precision; `path` names the one in float32.

    Raises:
        ModelRefused: Nothing turns logits into probabilities, or a weight is too large for 16 bits.
    """
    whole = read_graph(floats, path)
    end = next((at for at, one in enumerate(whole.nodes) if one.kind in _ENDS), None)
    if end is None:
        msg = f"{path} has no softmax to stay in floats: set classifier.precision to fp32"
        raise ModelRefused(msg)
    before, after = whole.nodes[:end], whole.nodes[end:]
    late = {name for one in after for name in one.takes}
    logits = f"{after[0].takes[0]}.float"
    nodes = [
        *map(_halved, before),
        node("Cast", after[0].takes[:1], logits, to=ElementType.FLOAT),
        *(written(one, {after[0].takes[0]: logits}) for one in after),
    ]
    weights = [tensor(name, _narrow(name, each, late, path)) for name, each in whole.weights.items()]
    return model(graph("half", nodes, weights, ends(whole)))


def _halved(one: Node) -> bytes:
    if one.kind == "Cast" and one.attributes["to"] == ElementType.FLOAT:
        return node("Cast", one.takes, one.gives, to=ElementType.FLOAT16)
    return written(one, {})


def written(one: Node, renamed: dict[str, str]) -> bytes:
    """Return an operator as its file holds it, with other names for some of the values that it takes."""
    attributes: dict[str, int | Sequence[int]] = dict(one.attributes)
    return node(one.kind, [renamed.get(name, name) for name in one.takes], one.gives, **attributes)


def _narrow(name: str, weight: NDArray[np.generic], late: set[str], path: Path) -> NDArray[np.generic]:
    if weight.dtype != np.float32 or name in late:
        return weight
    with np.errstate(over="ignore"):  # what is too large becomes infinite and is refused below
        narrow = weight.astype(np.float16)
    if not np.isfinite(narrow).all():
        msg = f"{path}: the weight {name!r} is too large for 16 bits: set classifier.precision to fp32"
        raise ModelRefused(msg)
    return narrow


def ends(whole: Graph) -> dict[str, bytes]:
    """Return the input and the output of a network that takes crops and gives probabilities."""
    return {
        "input": value(whole.takes, ElementType.UINT8, ["N", CROP_PX, CROP_PX]),
        "output": value(whole.gives, ElementType.FLOAT, ["N"]),
    }
