"""The network of a bundle in torch, read from its ONNX, and its saliency; no pickle, no class of torch's modules.

One of three engine files that know torch (ADR 11, 13). It runs on any device; `cuda_engine` makes it quick on a GPU.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from zpscope.config.errors import ModelRefused
from zpscope.engines.bundle import MODEL, Bundle, read_model
from zpscope.engines.onnx_graph import Graph, Node, read_graph
from zpscope.engines.onnx_writer import ElementType


class TorchNetwork:
    """The operators of a graph, one after the other, in one precision on one device."""

    def __init__(self, graph: Graph, dtype: torch.dtype, device: str) -> None:
        self._graph = graph
        self._dtype = dtype
        self._weights: dict[str, Tensor] = {
            name: _placed(torch.from_numpy(weight.copy()), dtype, device)
            for name, weight in graph.weights.items()
        }

    def probability(self, crops: Tensor) -> Tensor:
        """Return P(ZP-binding) (N,) float32 or float64 of grey crops (N, 128, 128), 0 to 255."""
        return self._run(crops)[self._graph.gives]

    def score(self, crops: Tensor) -> Tensor:
        """Return the score (N,) of the class `bound`, before the softmax."""
        softmax = next((node for node in self._graph.nodes if node.kind == "Softmax"), None)
        gather = next((node for node in self._graph.nodes if node.kind == "Gather"), None)
        if softmax is None or gather is None:
            msg = "the model has no softmax and so no score to explain: install a model made by zpscope train"
            raise ModelRefused(msg)
        return self._run(crops)[softmax.takes[0]].select(1, int(self._weights[gather.takes[1]]))

    def _run(self, crops: Tensor) -> dict[str, Tensor]:
        """Return every value of the graph by its name."""
        values = {self._graph.takes: crops, **self._weights}
        for node in self._graph.nodes:
            takes = [values[name] for name in node.takes]
            values[node.gives] = _OPERATORS[node.kind](node, takes, self._dtype)
        return values


def open_network(bundle: Bundle, dtype: torch.dtype, device: str) -> TorchNetwork:
    """Return the network of a bundle.

    Raises:
        ModelRefused: It holds an operator that no network of zpscope does.
    """
    path = bundle.folder / MODEL
    graph = read_graph(read_model(bundle, MODEL), path)
    if unknown := sorted({node.kind for node in graph.nodes} - _OPERATORS.keys()):
        msg = f"{path} holds {', '.join(unknown)}, which torch does not run here: set classifier.runtime to auto"
        raise ModelRefused(msg)
    return TorchNetwork(graph, dtype, device)


def open_exact(bundle: Bundle) -> TorchNetwork:
    """Return the network of a bundle in float64 on the processor, to explain single crops."""
    return open_network(bundle, torch.float64, "cpu")


def saliency(network: TorchNetwork, crop: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return how much each pixel of a crop (128, 128) moves the score of `bound`: the gradient's size (128, 128).

    Simonyan, Vedaldi & Zisserman 2014, "Deep Inside Convolutional Networks", section 3. The network is in float64
    or float32.
    """
    pixels = torch.from_numpy(crop[None].astype(np.float64)).requires_grad_()
    (gradient,) = torch.autograd.grad(network.score(pixels).sum(), pixels)
    return np.asarray(gradient[0].abs().numpy(), np.float64)


def _placed(weight: Tensor, dtype: torch.dtype, device: str) -> Tensor:
    if weight.dim() == 0 or not weight.is_floating_point():
        return weight  # a setting of an operator: it stays where Python reads it
    form = torch.channels_last if weight.dim() == 4 else torch.contiguous_format
    return weight.to(device, dtype).contiguous(memory_format=form)


def _cast(node: Node, takes: list[Tensor], dtype: torch.dtype) -> Tensor:
    return takes[0].to(dtype if node.attributes["to"] == ElementType.FLOAT else torch.int64)


def _pad(node: Node, takes: list[Tensor], dtype: torch.dtype) -> Tensor:
    value, sides, filling = takes
    before, after = sides.view(2, -1).tolist()
    pairs = [side for pair in zip(reversed(before), reversed(after), strict=True) for side in pair]
    padded = functional.pad(value, pairs, value=float(filling))
    return padded.contiguous(memory_format=torch.channels_last)


def _conv(node: Node, takes: list[Tensor], dtype: torch.dtype) -> Tensor:
    value, weight, bias = takes
    return functional.conv2d(value, weight, bias, padding=_sides(node, "pads")[:2])


def _max_pool(node: Node, takes: list[Tensor], dtype: torch.dtype) -> Tensor:
    return functional.max_pool2d(takes[0], _sides(node, "kernel_shape"), _sides(node, "strides"))


def _softmax(node: Node, takes: list[Tensor], dtype: torch.dtype) -> Tensor:
    return torch.softmax(_exact(takes[0]), dim=1)


def _mean(node: Node, takes: list[Tensor], dtype: torch.dtype) -> Tensor:
    return takes[0].mean(dim=_sides(node, "axes"))


def _exact(value: Tensor) -> Tensor:
    """Return a value in float32 at least: what turns scores into probabilities is not rounded to 16 bits."""
    return value if value.dtype == torch.float64 else value.float()


def _sides(node: Node, name: str) -> tuple[int, ...]:
    given = node.attributes[name]
    return (given,) if isinstance(given, int) else given


_OPERATORS: Mapping[str, Callable[[Node, list[Tensor], torch.dtype], Tensor]] = {
    "Add": lambda node, takes, dtype: takes[0] + takes[1],
    "Cast": _cast,
    "Conv": _conv,
    "Flatten": lambda node, takes, dtype: takes[0].flatten(1),
    "Gather": lambda node, takes, dtype: takes[0].select(1, int(takes[1])),
    "Gemm": lambda node, takes, dtype: functional.linear(*takes),
    "MaxPool": _max_pool,
    "Mul": lambda node, takes, dtype: takes[0] * takes[1],
    "Pad": _pad,
    "ReduceMean": _mean,
    "Relu": lambda node, takes, dtype: functional.relu(takes[0]),
    "Sigmoid": lambda node, takes, dtype: torch.sigmoid(_exact(takes[0])),
    "Softmax": _softmax,
    "Sqrt": lambda node, takes, dtype: torch.sqrt(_exact(takes[0])),
    "Unsqueeze": lambda node, takes, dtype: takes[0].unsqueeze(int(takes[1])),
}
