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
from zpscope.training import rounding
from zpscope.training.evaluate import THRESHOLD, auc
from zpscope.training.export import LARGEST, Layer, along, entered, integers_of, simplify, to_onnx
from zpscope.training.publish import digests, write_bundle

AUC_LOSS = 0.002
"""A model in integers may lose so much of its area under the ROC curve, at most."""
CHANGED = 0.005
"""And so large a share of the heads may come to be called otherwise."""
_HEADS = 200
"""A layer's values for so many heads are held at once: 5.5 GB in all at full width.

Of fewer, some channels show less than they will, and are cut off later.
"""
_BATCH = 8
_ACROSS = 16
"""At so many places across a layer its inputs are multiplied by each other: neighbours tell little more."""
_VALUES = 1 << 20
"""So many of them choose a range."""


def to_integers(network: nn.Sequential, crops: NDArray[np.uint8]) -> bytes:
    """Return the ONNX of a VGG13 in 8-bit integers, fitted to `_HEADS` or fewer of the crops (N, 128, 128).

    Layer by layer, behind what is in integers already, the weights are rounded so that they make up for each other
    (`rounding`), and each channel is moved and stretched to lie as near as it can, in the mean square, to what it is in
    floats. It is then scaled to the same highest value as all others, which the next layer's weights undo, since one
    step serves all channels. All of it goes into the weights and the biases.
    """
    layers = simplify(network)
    grey = torch.from_numpy(crops[:: -(-len(crops) // _HEADS)]).float()
    exact = rounded = entered(grey)
    ranges: list[float] = []
    with torch.no_grad():
        for index, layer in enumerate(layers):
            last = index == len(layers) - 1
            want = _sums(layer, exact)
            if 0 < index and not last:
                layer = _in_integers(layer, rounded)
            got = _sums(layer, rounded)
            if index > 0:
                gain, shift = _nearest_line(got, want)
                layer, got = _moved(layer, gain, shift), _along(got, gain, shift)
            if not last and (after := layers[index + 1]).kind == "convolution":
                size = _sizes(want)
                layer, got = _moved(layer, 1 / size, 0 * size), _along(got, 1 / size, 0 * size)
                want = _along(want, 1 / size, 0 * size)
                layers[index + 1] = replace(after, weight=after.weight * size[:, None, None])
                ranges.append(_best_range(got.relu_()))
                got = _rounded(got, ranges[-1])
            layers[index] = layer
            exact, rounded = want.relu_(), got.relu_()
            if layer.pool:
                exact, rounded = functional.max_pool2d(exact, 2), functional.max_pool2d(rounded, 2)
    return to_onnx(layers, ranges)


def _in_integers(layer: Layer, taken: Tensor) -> Layer:
    """Return a layer whose weight is made of integers, fitted to what it takes (N, ...)."""
    if layer.kind == "linear":  # rounding these hardly matters: their sums are in floats
        weight, step = integers_of(layer.weight)
        return replace(layer, weight=weight * along(weight, step), step=step)
    patches = _patches(taken)
    patches -= patches.mean(0)
    found, steps = rounding.rounded(torch.from_numpy(layer.weight), (patches.T @ patches).double())
    whole, step = found.numpy(), steps.numpy()
    return replace(layer, weight=whole * along(whole, step), step=step)


def _patches(value: Tensor) -> Tensor:
    """Return what a convolution takes (places, in * 9) of a value (N, in, H, W), `_ACROSS` places across at most."""
    stride = max(value.shape[-1] // _ACROSS, 1)
    return torch.cat(
        [
            functional.unfold(part, 3, padding=1, stride=stride).transpose(1, 2).flatten(0, 1)
            for part in torch.split(value, _BATCH)
        ]
    )


def _moved(layer: Layer, gain: NDArray[np.float64], shift: NDArray[np.float64]) -> Layer:
    """Return a layer that gives `gain` (out,) times as much, and `shift` (out,) more."""
    return replace(
        layer,
        weight=layer.weight * along(layer.weight, gain),
        bias=gain * layer.bias + shift,
        step=None if layer.step is None else layer.step * gain,
    )


def _along(value: Tensor, gain: NDArray[np.float64], shift: NDArray[np.float64]) -> Tensor:
    """Return a value (N, C, ...) after its channels were multiplied by a gain and shifted in place."""
    shape = (-1, *[1] * (value.ndim - 2))
    by, more = (torch.from_numpy(each).float().view(shape) for each in (gain, shift))
    return value.mul_(by).add_(more)


def _sizes(value: Tensor) -> NDArray[np.float64]:
    """Return the highest value (C,) of each channel of (N, C, H, W), none below a tenth of the highest of all.

    A channel that is silent in these crops is not in all.
    """
    highest = value.relu().amax(dim=(0, 2, 3)).double()
    return np.asarray(highest.clamp_min(float(highest.max()) / 10 or 1.0).numpy(), np.float64)


def _rounded(value: Tensor, top: float) -> Tensor:
    """Return a value, 0 or more, after it was rounded in place to what its integers up to `top` say."""
    step = top / LARGEST
    return value.div_(step).round_().clamp_(max=LARGEST).mul_(step)


def _sums(layer: Layer, value: Tensor) -> Tensor:
    """Return what a layer makes of a value (N, ...), before its ReLU."""
    weight, bias = torch.from_numpy(layer.weight).float(), torch.from_numpy(layer.bias).float()
    if layer.kind == "linear":
        return functional.linear(value.flatten(1), weight, bias)
    parts = (value[at : at + _BATCH] for at in range(0, len(value), _BATCH))
    return torch.cat([functional.conv2d(part, weight, bias, padding=layer.padding) for part in parts])


def _nearest_line(got: Tensor, want: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the gain and the shift (C,) that bring channels of (N, C, ...) nearest to others in the mean square."""
    mine, theirs = (_some(value).transpose(0, 1).flatten(1) for value in (got, want))
    mean, other = (value.mean(1, dtype=torch.float64) for value in (mine, theirs))
    mine, theirs = mine - mean.float()[:, None], theirs - other.float()[:, None]
    together = (mine * theirs).mean(1, dtype=torch.float64)
    gain = torch.where(together > 0, together / mine.square().mean(1, dtype=torch.float64), 1.0)
    return gain.numpy(), (other - gain * mean).numpy()


def _some(value: Tensor, across: int = 32) -> Tensor:
    """Return a value (N, C, H, W) at `across` places across or fewer, which tell its moments; others as they are."""
    stride = max(value.shape[-1] // across, 1) if value.ndim > 2 else 1
    return value[..., ::stride, ::stride] if stride > 1 else value


def _best_range(value: Tensor) -> float:
    """Return the range, up to the highest value, in which 8 bits are nearest to values in the mean square."""
    highest = float(value.max()) or 1.0
    some = value.flatten()[:: -(-value.numel() // _VALUES)]

    tops = [highest * float(share) for share in np.linspace(0.3, 1, 36)]
    return min(tops, key=lambda top: float((_rounded(some.clone(), top) - some).square().mean()))


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
