"""A trained VGG13 as ONNX that takes uint8 crops, simplified without changing what it computes.

Steps that fold into weights, each exactly:

- Input normalisation and grey to three channels: the first convolution takes the grey values less that of the empty
  slide, and a rim one pixel wide around them. What the empty slide gives goes into the bias, and the rim takes it away
  again, so that the zero padding stays what it was: a padded pixel is zero *after* normalisation, which no single grey
  value is in all three channels.
- What this layer is off by is the same all over the slide, so it has its weights and its bias in full in half
  precision, too: the grey values come twice, for a weight in half precision and for what that leaves, and ones for
  what it leaves of the bias.
- The 7 x 7 average pooling is linear: it folds into the first linear layer, which then takes 4 x 4 cells.
- Dropout is nothing at inference.

Given the ranges of its activations, its layers come in 8-bit integers: what a convolution takes as
`QuantizeLinear` and `DequantizeLinear`, which runtimes turn into integer kernels. A value behind a ReLU uses 0 to
255, weights -127 to 127; `rounding` keeps pairs of products within the 16 bits that processors without VNNI add them
in, and `zpscope.engines.signed` writes the file again for TensorRT, which takes signed integers only. The linear
layers read their weights as integers and compute in floats: their time goes into reading. The first layer, which
sees grey values, and the last stay in floats.

The graph is written node by node, so that the same weights give the same bytes. Knows no data and no card.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from zpscope.engines.onnx_writer import ElementType, graph, model, node, tensor, value
from zpscope.imaging.crop import CROP_PX
from zpscope.training import rounding
from zpscope.training.network import CLASSES, MEAN, POOL_PX, SPREAD

LARGEST = 255
"""Of the 8-bit integers between layers; those of weights have a sign."""

GROUND = 220.0
"""The first layer takes grey values less that of the empty slide: from 0 on large sums would nearly cancel there, and
their rounding, the same all over the slide, would be most of what a probability is off by."""

_TIMES = np.reshape([1.0, 1.0, 0.0, 0.0], (1, 4, 1, 1))
_MORE = np.reshape([-GROUND, -GROUND, 1.0, 0.0], (1, 4, 1, 1))
"""By these, grey values become the channels of the first layer, but for the rim."""


@dataclass(frozen=True)
class Layer:
    """One convolution or linear layer, in the order of the network."""

    kind: str
    """`convolution` or `linear`."""
    weight: NDArray[np.float64]
    """(out, in, 3, 3) or (out, in)."""
    bias: NDArray[np.float64]
    """(out,)."""
    pool: bool
    """A 2 x 2 maximum pooling follows the layer's ReLU."""
    padding: int = 1
    """Pixels of zeros that a convolution puts on each side of what it takes."""
    step: NDArray[np.float64] | None = None
    """(out,) of the integers that the weight is made of; None: it is not rounded yet."""


def to_onnx(network: nn.Sequential | Sequence[Layer], ranges: Sequence[float] = ()) -> bytes:
    """Return the ONNX of a VGG13: `crops` uint8 (N, 128, 128) in, `probability` float32 (N,) out.

    Args:
        network: As `vgg13` makes it, or its layers as `simplify` makes them.
        ranges: The highest value behind the ReLU of each layer before a convolution, for 8-bit integers; without them
            the network is in float32.
    """
    layers = simplify(network) if isinstance(network, nn.Sequential) else network
    nodes, weights = _entrance()
    at = "rimmed"
    for index, layer in enumerate(layers):
        name = f"{layer.kind}_{index}"
        if layer.kind == "linear" and layers[index - 1].kind == "convolution":
            nodes.append(node("Flatten", [at], "cells"))
            at = "cells"
        last = index == len(layers) - 1
        if ranges and 0 < index and not last:
            added, more = _integer_weight(f"{name}.weight", layer)
            nodes += added
            weights += more
        else:
            weights.append(tensor(f"{name}.weight", layer.weight.astype(np.float32)))
        weights.append(tensor(f"{name}.bias", layer.bias.astype(np.float32)))
        rounded = ranges and not last and layers[index + 1].kind == "convolution"
        step = ranges[index] / LARGEST if rounded else None
        added, more, at = _nodes(name, at, layer, step, last=last)
        nodes += added
        weights += more
    nodes += [
        node("Softmax", [at], "probabilities", axis=1),
        node("Gather", ["probabilities", "bound"], "probability", axis=1),
    ]
    weights.append(tensor("bound", np.asarray(CLASSES.index("bound"), np.int64)))
    ends = {
        "input": value("crops", ElementType.UINT8, ["N", CROP_PX, CROP_PX]),
        "output": value("probability", ElementType.FLOAT, ["N"]),
    }
    return model(graph("vgg13", nodes, weights, ends))


def simplify(network: nn.Sequential) -> list[Layer]:
    """Return the layers of a VGG13 with normalisation and average pooling folded in, in float64."""
    layers: list[Layer] = []
    fold: Callable[[Layer], Layer] = _as_it_is
    for module in network:
        match module:
            case nn.Conv2d():
                layers.append(_layer("convolution", module))
            case nn.MaxPool2d():
                layers[-1] = replace(layers[-1], pool=True)
            case nn.AdaptiveAvgPool2d():
                fold = _fold_pooling
            case nn.Linear():
                layers.append(fold(_layer("linear", module)))
                fold = _as_it_is
            case nn.ReLU() | nn.Flatten() | nn.Dropout():
                pass
            case _:
                msg = f"a VGG13 has no {type(module).__name__}: write its export first"
                raise TypeError(msg)
    return [_fold_normalisation(layers[0]), *layers[1:]]


def entered(grey: torch.Tensor) -> torch.Tensor:
    """Return what the first layer takes (N, 4, S + 2, S + 2) of grey levels (N, S, S) in floats.

    Twice the grey values less `GROUND`, ones, and zeros, with a rim of ones around all four.
    """
    times, more = (torch.tensor(each, dtype=grey.dtype) for each in (_TIMES, _MORE))
    return functional.pad(grey[:, None] * times + more, (1, 1, 1, 1), value=1.0)


def _layer(kind: str, module: nn.Conv2d | nn.Linear) -> Layer:
    state = module.state_dict()
    weight, bias = (
        np.asarray(state[name].detach().cpu().double().numpy(), np.float64) for name in ("weight", "bias")
    )
    return Layer(kind, weight, bias, pool=False)


def _as_it_is(layer: Layer) -> Layer:
    return layer


def _fold_normalisation(layer: Layer) -> Layer:
    """Turn a convolution (out, 3, 3, 3) of normalised channels into one of what `entered` gives."""
    mean, spread = np.asarray(MEAN), np.asarray(SPREAD)
    grey = np.einsum("ocij,c->oij", layer.weight, 1.0 / (255.0 * spread))
    ground = np.einsum("ocij,c->oij", layer.weight, (GROUND / 255.0 - mean) / spread)
    rim = -ground - grey  # the grey values have a rim of ones too
    bias = layer.bias + ground.sum(axis=(1, 2))
    half, half_bias = (each.astype(np.float16).astype(np.float64) for each in (grey, bias))
    ones = np.zeros_like(grey)
    ones[:, 1, 1] = bias - half_bias
    weight = np.stack([half, grey - half, ones, rim], axis=1)
    return replace(layer, weight=weight, bias=half_bias, padding=0)


def _fold_pooling(layer: Layer) -> Layer:
    """Turn a layer (out, channels * 7 * 7) behind the average pooling into one (out, channels * 4 * 4) before it."""
    cells_px = CROP_PX // 32
    unit = torch.eye(cells_px**2, dtype=torch.float64).view(-1, 1, cells_px, cells_px)
    pooled = nn.AdaptiveAvgPool2d(POOL_PX)(unit).view(cells_px**2, -1).numpy()  # (16, 49)
    out = len(layer.weight)
    folded = np.einsum("ocp,qp->ocq", layer.weight.reshape(out, -1, pooled.shape[1]), pooled)
    return replace(layer, weight=np.asarray(folded.reshape(out, -1), np.float64))


def _entrance() -> tuple[list[bytes], list[bytes]]:
    nodes = [
        node("Cast", ["crops"], "grey", to=ElementType.FLOAT),
        node("Unsqueeze", ["grey", "channel_axis"], "one_channel"),
        node("Mul", ["one_channel", "times"], "channels_of_grey"),
        node("Add", ["channels_of_grey", "more"], "channels"),
        node("Pad", ["channels", "rim", "one"], "rimmed"),
    ]
    weights = [
        tensor("channel_axis", np.asarray([1], np.int64)),
        tensor("times", _TIMES.astype(np.float32)),
        tensor("more", _MORE.astype(np.float32)),
        tensor("rim", np.asarray([0, 0, 1, 1, 0, 0, 1, 1], np.int64)),
        tensor("one", np.asarray(1.0, np.float32)),
    ]
    return nodes, weights


def _nodes(
    name: str, at: str, layer: Layer, step: float | None, *, last: bool
) -> tuple[list[bytes], list[bytes], str]:
    """Return the operators of one layer on the value `at`, their numbers, and the value they end in.

    `step` is that of the integers the ReLU's values are rounded to; None for no rounding.
    """
    takes = [at, f"{name}.weight", f"{name}.bias"]
    at = f"{name}.sum"
    numbers: list[bytes] = []
    if layer.kind == "convolution":
        nodes = [node("Conv", takes, at, kernel_shape=[3, 3], pads=[layer.padding] * 4)]
    else:
        nodes = [node("Gemm", takes, at, transB=1)]
    if not last:
        nodes.append(node("Relu", [at], f"{name}.relu"))
        at = f"{name}.relu"
    if step is not None:
        numbers = [
            tensor(f"{name}.step", np.asarray(step, np.float32)),
            tensor(f"{name}.zero", np.asarray(0, np.uint8)),
        ]
        by = [f"{name}.step", f"{name}.zero"]
        nodes.append(node("QuantizeLinear", [at, *by], f"{name}.integers"))
        at = f"{name}.rounded"
        nodes.append(node("DequantizeLinear", [f"{name}.integers", *by], at))
    if layer.pool:
        nodes.append(node("MaxPool", [at], f"{name}.pool", kernel_shape=[2, 2], strides=[2, 2]))
        at = f"{name}.pool"
    return nodes, numbers, at


def along(weight: NDArray[np.float64], each: NDArray[np.floating[Any]]) -> NDArray[Any]:
    """Return numbers (out,), one for each output of a weight (out, ...), in a shape that multiplies it."""
    return each.reshape(-1, *[1] * (weight.ndim - 1))


def integers_of(weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the integers nearest to a weight (out, ...), and their step (out,)."""
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    step = np.where(largest > 0, largest / rounding.LARGEST, 1.0)
    return np.rint(weight / along(weight, step)), step


def _integer_weight(name: str, layer: Layer) -> tuple[list[bytes], list[bytes]]:
    """Return the operator and the numbers of a layer's weight in integers with a step for each output."""
    step = integers_of(layer.weight)[1] if layer.step is None else layer.step
    parts = [f"{name}.integers", f"{name}.step", f"{name}.zero"]
    numbers = [
        tensor(parts[0], np.rint(layer.weight / along(layer.weight, step)).astype(np.int8)),
        tensor(parts[1], step.astype(np.float32)),
        tensor(parts[2], np.zeros(len(step), np.int8)),
    ]
    return [node("DequantizeLinear", parts, name, axis=0)], numbers
