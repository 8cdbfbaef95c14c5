"""A trained VGG13 in 8-bit integers: where its activations are cut, and whether it may be used.

Post-training quantisation: ranges and corrections are fitted to training crops and nothing is trained again.
Whether the integers agree with the floats is judged on other crops, on the very engine that will run them.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from zpscope.config.classifiers import OpenVinoClassifier
from zpscope.engines.bundle import MODEL, open_bundle
from zpscope.engines.card import Card, Integers
from zpscope.engines.open_engine import open_engine
from zpscope.training.evaluate import THRESHOLD, auc
from zpscope.training.export import LARGEST, Layer, along, nearest, simplify, to_onnx
from zpscope.training.publish import digests, write_bundle

AUC_LOSS = 0.002
"""A model in integers may lose so much of its area under the ROC curve, at most."""
CHANGED = 0.005
"""And so large a share of the heads may come to be called otherwise."""
_HEADS = 64
"""A layer's values for so many heads are held at once: up to 4 GB in all at full width."""
_BATCH = 8
_VALUES = 1 << 20
"""So many of them choose a range."""


def to_integers(network: nn.Sequential, crops: NDArray[np.uint8]) -> bytes:
    """Return the ONNX of a VGG13 in 8-bit integers, fitted to `_HEADS` or fewer of the crops (N, 128, 128).

    Layer by layer, behind what is in integers already, each channel is moved and stretched to lie as near as it can, in
    the mean square, to what it is in floats. It is then scaled to the same highest value as all others, which the next
    layer's weights undo, since one step serves all channels. All of it goes into the weights and the biases.
    """
    layers = simplify(network)
    grey = torch.from_numpy(crops[:: -(-len(crops) // _HEADS)]).float()
    exact = rounded = torch.stack([grey, torch.ones_like(grey)], dim=1)
    ranges: list[float] = []
    with torch.no_grad():
        for index, layer in enumerate(layers):
            last = index == len(layers) - 1
            want = _sums(layer, exact)
            fitted = layer
            if index > 0:
                near = layer if last else replace(layer, weight=nearest(layer.weight))
                gain, shift = _nearest_line(_sums(near, rounded), want)
                fitted = replace(
                    near, weight=near.weight * along(near.weight, gain), bias=gain * near.bias + shift
                )
            if not last and (after := layers[index + 1]).kind == "convolution":
                size = _sizes(want)
                fitted = replace(
                    fitted, weight=fitted.weight / along(fitted.weight, size), bias=fitted.bias / size
                )
                want = want / torch.from_numpy(size).float()[:, None, None]
                layers[index + 1] = replace(after, weight=after.weight * size[:, None, None])
                rounded = _sums(fitted, rounded).relu()
                ranges.append(_best_range(rounded))
                rounded = _rounded(rounded, ranges[-1])
            else:
                rounded = _sums(fitted, rounded).relu()
            layers[index] = fitted
            exact = want.relu()
            if layer.pool:
                exact, rounded = functional.max_pool2d(exact, 2), functional.max_pool2d(rounded, 2)
    return to_onnx(layers, ranges)


def _sizes(value: Tensor) -> NDArray[np.float64]:
    """Return the highest value (C,) of each channel of (N, C, H, W), none below a fiftieth of the highest of all."""
    highest = value.relu().amax(dim=(0, 2, 3)).double()
    return np.asarray(highest.clamp_min(float(highest.max()) / 50 or 1.0).numpy(), np.float64)


def _rounded(value: Tensor, top: float) -> Tensor:
    """Return a value, 0 or more, as its integers up to `top` say it."""
    step = top / LARGEST
    return torch.clamp(torch.round(value / step), max=LARGEST) * step


def _sums(layer: Layer, value: Tensor) -> Tensor:
    """Return what a layer makes of a value (N, ...), before its ReLU."""
    weight, bias = torch.from_numpy(layer.weight).float(), torch.from_numpy(layer.bias).float()
    if layer.kind == "linear":
        return functional.linear(value.flatten(1), weight, bias)
    parts = (value[at : at + _BATCH] for at in range(0, len(value), _BATCH))
    return torch.cat([functional.conv2d(part, weight, bias, padding=1) for part in parts])


def _nearest_line(got: Tensor, want: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the gain and the shift (C,) that bring channels of (N, C, ...) nearest to others in the mean square."""
    mine, theirs = (value.transpose(0, 1).flatten(1) for value in (got, want))
    mean, other = (value.mean(1, dtype=torch.float64) for value in (mine, theirs))
    mine, theirs = mine - mean.float()[:, None], theirs - other.float()[:, None]
    together = (mine * theirs).mean(1, dtype=torch.float64)
    gain = torch.where(together > 0, together / mine.square().mean(1, dtype=torch.float64), 1.0)
    return gain.numpy(), (other - gain * mean).numpy()


def _best_range(value: Tensor) -> float:
    """Return the range, up to the highest value, in which 8 bits are nearest to values in the mean square."""
    highest = float(value.max()) or 1.0
    some = value.flatten()[:: -(-value.numel() // _VALUES)]

    tops = [highest * float(share) for share in np.linspace(0.3, 1, 36)]
    return min(tops, key=lambda top: float((_rounded(some, top) - some).square().mean()))


def compare(
    card: Card, models: tuple[bytes, bytes], crops: NDArray[np.uint8], bound: NDArray[np.bool_]
) -> Integers:
    """Return how a model in integers agrees with the one in floats.

    Args:
        card: Of a bundle with the model in floats.
        models: ONNX in floats, ONNX in integers.
        crops: (N, 128, 128); none of them was trained on.
        bound: (N,) their classes.
    """
    runtime, (floats, integers) = _answers(card, models, crops)
    changed = int(((integers > THRESHOLD) != (floats > THRESHOLD)).sum())
    loss = auc(floats, bound) - auc(integers, bound)
    return Integers(runtime=runtime, auc_loss=loss, changed=changed, heads=len(bound))


def holds(measured: Integers) -> bool:
    """Return whether integers that agree so well with the floats may be used in their place."""
    return measured.auc_loss <= AUC_LOSS and measured.changed <= CHANGED * measured.heads


def _answers(
    card: Card, models: tuple[bytes, ...], crops: NDArray[np.uint8]
) -> tuple[str, list[NDArray[np.float32]]]:
    """Return what ran, and P(ZP-binding) (N,) by each model."""
    runtime, answers = "", list[NDArray[np.float32]]()
    for model in models:
        with TemporaryDirectory() as folder:
            files = {MODEL: model}
            write_bundle(
                Path(folder) / "bundle",
                card.model_copy(update={"files": digests(files), "integers": None}),
                files,
            )
            made_for = card.preprocessing
            bundle = open_bundle(Path(folder) / "bundle", made_for.hash, made_for.um_per_px)
            with open_engine(OpenVinoClassifier(), bundle) as engine:
                runtime = engine.runtime.partition(" CPU")[0]
                answers.append(engine.classify(crops))
    return runtime, answers
