# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportMissingTypeStubs=false
"""A trained VGG13 as ONNX that takes uint8 crops, simplified without changing what it computes.

Three steps fold into weights, each exactly:

- Input normalisation and grey to three channels: the first convolution takes two channels instead, the grey
  values and ones. The ones carry the mean, so that the zero padding stays what it was: a padded pixel is
  zero *after* normalisation, which no single grey value is in all three channels.
- The 7 x 7 average pooling is linear: it folds into the first linear layer, which then takes 4 x 4 cells.
- Dropout is nothing at inference.

The graph is written node by node, so that the same weights give the same bytes. Knows no data and no card.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import nn

from zpscope.training.network import CROP_PX, MEAN, SPREAD

OPSET = 17
"""ONNX operator set; ONNX Runtime 1.20, OpenVINO 2025 and TensorRT 10 all read it."""
IR_VERSION = 8


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


def to_onnx(network: nn.Sequential) -> bytes:
    """Return the ONNX of a VGG13: `crops` uint8 (N, 128, 128) in, `probability` float32 (N,) out."""
    layers = simplify(network)
    last = len(layers) - 1
    nodes, weights = _entrance()
    value = "two_channels"
    for index, layer in enumerate(layers):
        out = f"layer_{index}"
        weights += _tensors(out, layer)
        inputs = [value, f"{out}.weight", f"{out}.bias"]
        if layer.kind == "convolution":
            nodes.append(helper.make_node("Conv", inputs, [out], pads=[1] * 4, kernel_shape=[3, 3]))
        else:
            nodes.append(helper.make_node("Gemm", inputs, [out], transB=1))
        value = out
        if index < last:
            nodes.append(helper.make_node("Relu", [out], [f"{out}.relu"]))
            value = f"{out}.relu"
        if layer.pool:
            nodes.append(
                helper.make_node("MaxPool", [value], [f"{out}.pool"], kernel_shape=[2, 2], strides=[2, 2])
            )
            value = f"{out}.pool"
        if layer.kind == "convolution" and layers[index + 1].kind == "linear":
            nodes.append(helper.make_node("Flatten", [value], ["cells"]))
            value = "cells"
    nodes.append(helper.make_node("Softmax", [value], ["probabilities"], axis=1))
    nodes.append(helper.make_node("Gather", ["probabilities", "bound"], ["probability"], axis=1))
    weights.append(helper.make_tensor("bound", TensorProto.INT64, [], [1]))
    return bytes(_model(nodes, weights).SerializeToString(deterministic=True))


def simplify(network: nn.Sequential) -> list[Layer]:
    """Return the layers of a VGG13 with normalisation and average pooling folded in, in float64."""
    layers: list[Layer] = []
    fold: Callable[[NDArray[np.float64]], NDArray[np.float64]] = _fold_normalisation
    for module in network:
        match module:
            case nn.Conv2d():
                layers.append(_layer("convolution", module, fold))
                fold = _as_it_is
            case nn.MaxPool2d():
                layers[-1] = Layer(layers[-1].kind, layers[-1].weight, layers[-1].bias, pool=True)
            case nn.AdaptiveAvgPool2d():
                fold = _fold_pooling
            case nn.Linear():
                layers.append(_layer("linear", module, fold))
                fold = _as_it_is
            case nn.ReLU() | nn.Flatten() | nn.Dropout():
                pass
            case _:
                msg = f"a VGG13 has no {type(module).__name__}: write its export first"
                raise TypeError(msg)
    return layers


def _layer(
    kind: str, module: nn.Conv2d | nn.Linear, fold: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> Layer:
    state = module.state_dict()
    weight = np.asarray(state["weight"].detach().cpu().double().numpy(), np.float64)
    bias = np.asarray(state["bias"].detach().cpu().double().numpy(), np.float64)
    return Layer(kind, fold(weight), bias, pool=False)


def _as_it_is(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    return weight


def _fold_normalisation(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn (out, 3, 3, 3) on normalised channels into (out, 2, 3, 3) on grey values and ones."""
    mean, spread = np.asarray(MEAN), np.asarray(SPREAD)
    grey = np.einsum("ocij,c->oij", weight, 1.0 / (255.0 * spread))
    ones = np.einsum("ocij,c->oij", weight, -mean / spread)
    return np.stack([grey, ones], axis=1)


def _fold_pooling(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn (out, channels * 7 * 7) behind the average pooling into (out, channels * 4 * 4) before it."""
    cells_px = CROP_PX // 32
    unit = torch.eye(cells_px**2, dtype=torch.float64).view(-1, 1, cells_px, cells_px)
    pooled = nn.AdaptiveAvgPool2d(7)(unit).view(cells_px**2, -1).numpy()  # (16, 49)
    out = weight.shape[0]
    folded = np.einsum("ocp,qp->ocq", weight.reshape(out, -1, pooled.shape[1]), pooled)
    return np.asarray(folded.reshape(out, -1), np.float64)


def _entrance() -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    nodes = [
        helper.make_node("Cast", ["crops"], ["grey"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["grey", "channel_axis"], ["one_channel"]),
        helper.make_node("Pad", ["one_channel", "one_more_channel", "one"], ["two_channels"]),
    ]
    weights = [
        helper.make_tensor("channel_axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("one_more_channel", TensorProto.INT64, [8], [0, 0, 0, 0, 0, 1, 0, 0]),
        helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]),
    ]
    return nodes, weights


def _tensors(name: str, layer: Layer) -> list[onnx.TensorProto]:
    return [
        helper.make_tensor(f"{name}.{part}", TensorProto.FLOAT, values.shape, _bytes(values), raw=True)
        for part, values in (("weight", layer.weight), ("bias", layer.bias))
    ]


def _bytes(values: NDArray[np.float64]) -> bytes:
    return values.astype("<f4").tobytes()


def _model(nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto]) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "vgg13",
        [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["N", CROP_PX, CROP_PX])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"])],
        initializer=weights,
    )
    model = helper.make_model(
        graph,
        producer_name="zpscope",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    onnx.checker.check_model(model)
    return model
