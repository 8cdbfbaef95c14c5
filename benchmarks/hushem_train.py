# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownParameterType=false, reportUnknownLambdaType=false
"""How well do the networks of `training/` tell the head shapes of the HuSHeM set, and is it more than size and stain?

Crops are cut and aligned by the project's own imaging, or only centred (`unaligned`); a head that is not found is
taken as it stands. Both fold sets, near-identical heads in one fold; four classes, and Normal against the rest. Each
row names what is trained:

- `frozen`: logistic regression on the 4 x 4 grid of features of a VGG13 trunk, mean of a head and its mirror image
- `+ shape`: beside them area, length, width and two ratios of the outline, and its widths at 12 places along the
  axis, as a Gaussian kernel whose width is the median distance of two training heads: how the classes lie in
  these few figures bends too much for a plane
- `unfrozen`: the last convolution goes on from there, with the regression, by gradient descent
- `unfrozen + shape`: the mean of what `unfrozen` and `frozen + shape` say; name these two before it
- `resnet34`, `basic`: from drawn weights, at 64 x 64 px, for no ImageNet weights of these are at hand
- `shape`, `background`: what size and stain alone tell; a network that does not beat them adds nothing

Nothing is picked by these figures: what a regression says is the mean over the penalties `_L2`, and how much the shape
weighs is the mean over `_WEIGHTS`. That the shape goes in by a kernel was seen to help on these very heads.
One head of 216 is 0.46 points. Exits with 1 if a bar of `_BARS` is missed.
Needs the data: `python benchmarks/hushem_train.py FOLDER WEIGHTS --out DIR [--rows frozen,...]`; DIR keeps features.
"""

import argparse
import copy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.hushem_heads import FOLDS, Heads
from benchmarks.kernels import about, axes, gaussian, inner
from zpscope.training.device import repeatable
from zpscope.training.evaluate import auc
from zpscope.training.features import features
from zpscope.training.initial_weights import initialised
from zpscope.training.network import normalise
from zpscope.training.networks import RECIPES

_ROWS = (
    "frozen",
    "frozen + shape",
    "unfrozen",
    "unfrozen + shape",
    "resnet34",
    "basic",
    "shape",
    "background",
)
_MEANS = {"unfrozen + shape": ("unfrozen", "frozen + shape")}
_BARS = {
    ("frozen", "contiguous"): 0.87,
    ("frozen", "SHMC-Net"): 0.91,
    ("frozen + shape", "contiguous"): 0.89,
    ("frozen + shape", "SHMC-Net"): 0.93,
}
_NORMAL_AUC = 0.985
_CLASSES = 4
_L2 = (0.01, 0.1, 1.0)
"""Penalties, for features whose variance over the training heads is 1 in all."""
_GRID, _LITTLE = 512 * 4 * 4, 1e-4
_WEIGHTS = (0.5, 1.0, 2.0)
"""How much all figures of the shape weigh against all features of the network."""

Floats = NDArray[np.float64]


def regression(low: Floats, label: NDArray[np.intp], l2: float) -> tuple[Floats, Floats]:
    """Return weights (R, 4) and bias (4,) of a logistic regression on rows (n, R) with an L2 penalty."""
    rows, target = torch.from_numpy(low), torch.from_numpy(label)
    weight = torch.zeros((low.shape[1], _CLASSES), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(_CLASSES, dtype=torch.float64, requires_grad=True)
    solver: Any = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")
    entropy = nn.CrossEntropyLoss(reduction="sum")

    def cost() -> Any:  # noqa: ANN401  (as torch wants it)
        solver.zero_grad()
        loss: Any = entropy(rows @ weight + bias, target) + l2 / 2 * (weight**2).sum()
        loss.backward()
        return loss

    solver.step(cost)
    return weight.detach().numpy(), bias.detach().numpy()


def softmax(outputs: Floats) -> Floats:
    """Return probabilities (..., 4) of outputs (..., 4)."""
    shares = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True), np.float64)


def regress(products: Floats, label: NDArray[np.intp], out: NDArray[np.bool_]) -> Floats:
    """Return probabilities (M, 4) of the held-out heads, mean over their views and over the penalties.

    products (N * V, N * V): about the mean of the training heads.
    """
    views = len(products) // len(label)
    train = np.repeat(~out, views)
    low = products[:, train] @ axes(products, train)
    said: list[Floats] = []
    for l2 in _L2:
        weight, bias = regression(low[train], np.repeat(label[~out], views), l2)
        said.append(softmax(low[~train] @ weight + bias).reshape(-1, views, _CLASSES).mean(axis=1))
    return np.asarray(np.mean(said, axis=0), np.float64)


def beside(products: Floats, shape: Floats, label: NDArray[np.intp], out: NDArray[np.bool_]) -> Floats:
    """Return probabilities (M, 4) of the held-out heads by features and by figures (N, F) of their shape."""
    views = len(products) // len(label)
    train = np.repeat(~out, views)
    near = gaussian(shape, out).repeat(views, axis=0).repeat(views, axis=1)
    seen, drawn = about(products, train), about(near, train)
    said = [regress(seen + weight**2 * drawn, label, out) for weight in _WEIGHTS]
    return np.asarray(np.mean(said, axis=0), np.float64)


def descend(
    part: Any,  # noqa: ANN401  (an nn.Sequential, which mypy does not know where torch is absent)
    values: NDArray[np.float32],
    label: NDArray[np.intp],
    out: NDArray[np.bool_],
    how: tuple[int, float],
    bend: Callable[[Tensor], Tensor] = torch.clone,
) -> Floats:
    """Return probabilities (M, 4) of the held-out heads by a part trained for (epochs, rate) on views (N, V, ...).

    bend: What happens to the values before the last layer.
    """
    epochs, rate = how
    random, entropy = np.random.default_rng(0), nn.CrossEntropyLoss()
    optimiser = torch.optim.SGD(part.parameters(), rate, 0.9, weight_decay=1e-4)
    seen, target = torch.from_numpy(values), torch.from_numpy(label)
    train = np.flatnonzero(~out)
    for epoch in range(epochs):
        part.train()
        for group in optimiser.param_groups:
            group["lr"] = rate * (1 + np.cos(np.pi * epoch / epochs)) / 2
        order, view = random.permutation(train), random.integers(values.shape[1], size=len(train))
        for at in range(0, len(order), 8):
            chosen = order[at : at + 8]
            loss = entropy(part[-1](bend(part[:-1](seen[chosen, view[at : at + 8]]))), target[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    part.eval()
    held = seen[torch.from_numpy(out)]
    with torch.no_grad():
        outputs = [
            part[-1](bend(part[:-1](held[:, view]))).double().numpy() for view in range(values.shape[1])
        ]
    return np.asarray(np.mean([softmax(one) for one in outputs], axis=0), np.float64)


def main() -> int:
    """Print the table; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--um-per-px", type=float, default=0.1)
    parser.add_argument("--rows", default=",".join(_ROWS))
    parser.add_argument("--alignments", default="aligned,unaligned")
    parser.add_argument("--folds", default="contiguous,SHMC-Net")
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    repeatable(0)
    heads = Heads(arguments.folder, arguments.um_per_px)
    sys.stdout.write(f"{len(heads.label)} heads, near-identical pairs: {heads.pairs}\n")
    sys.stdout.write(
        "| trained | crops | folds | right | mean ± SD | Normal AUC | CPU s |\n|---|---|---|---|---|---|---|\n"
    )
    missed, kept = False, dict[tuple[str, str, str], Floats]()
    for alignment in arguments.alignments.split(","):
        for row in arguments.rows.split(","):
            if alignment == "unaligned" and ("shape" in row or row == "background"):
                continue
            start = time.process_time()
            judge = None if row in _MEANS else _judge(row, heads, alignment, arguments)
            prepared_s = time.process_time() - start
            for name in arguments.folds.split(","):
                start = time.process_time()
                said = (
                    _by_folds(judge, heads.folds[name])
                    if judge
                    else np.mean([kept[part, alignment, name] for part in _MEANS[row]], axis=0)
                )
                kept[row, alignment, name] = said
                took_s = prepared_s + time.process_time() - start
                missed |= _tell((row, alignment, name), heads, said, took_s)
    return int(missed)


def _by_folds(judge: Callable[[NDArray[np.bool_]], Floats], fold: NDArray[np.intp]) -> Floats:
    """Return probabilities (N, 4), each head's when it is held out."""
    said = np.empty((len(fold), _CLASSES))
    for number in range(FOLDS):
        said[fold == number] = judge(fold == number)
    return said


def _tell(names: tuple[str, str, str], heads: Heads, said: Floats, took_s: float) -> bool:
    """Print one row; return whether it misses a bar."""
    row, alignment, name = names
    fold, label = heads.folds[name], heads.label
    right = said.argmax(axis=1) == label
    each = [right[fold == number].mean() for number in range(FOLDS)]
    normal = auc(said[:, 0].astype(np.float32), label == 0)
    sys.stdout.write(
        f"| {row} | {alignment} | {name} | {right.mean():.3f} | {np.mean(each):.3f} ± {np.std(each, ddof=1):.3f} "
        f"| {normal:.3f} | {took_s:.0f} |\n"
    )
    sys.stdout.flush()
    bar = _BARS.get((row, name)) if alignment == "aligned" else None
    return bool(bar and (right.mean() < bar or normal < _NORMAL_AUC))


def _judge(
    row: str, heads: Heads, alignment: str, arguments: argparse.Namespace
) -> Callable[[NDArray[np.bool_]], Floats]:
    """Return what gives probabilities (M, 4) of the held-out heads when it learns from the others."""
    crops, label, shape = heads.crops[alignment], heads.label, heads.shape
    both = np.stack([crops, crops[:, :, ::-1]], axis=1)
    epochs: int = arguments.epochs
    if row == "shape":
        return lambda out: regress(about(gaussian(shape, out), ~out), label, out)
    if row == "background":
        return lambda out: regress(about(gaussian(heads.background, out), ~out), label, out)
    if row in {"resnet34", "basic"}:
        pixels = np.stack([_small(both[:, view]) for view in range(2)], axis=1)
        return lambda out: descend(_drawn(row), pixels, label, out, (epochs, 0.01))
    vgg13, _ = initialised("vgg13", 1.0, arguments.weights, 0)
    pools = [i for i, layer in enumerate(vgg13) if isinstance(layer, nn.MaxPool2d)]
    trunk, last = vgg13[: pools[-1] - 2], vgg13[pools[-1] - 2 : pools[-1] + 1]
    seen = features(trunk, both, arguments.out / f"features-{alignment}.npz")
    products = inner(_grid(last, seen))
    if row == "frozen":
        return lambda out: regress(about(products, np.repeat(~out, 2)), label, out)
    if row == "frozen + shape":
        return lambda out: beside(products, shape, label, out)
    return lambda out: _unfrozen(last, seen, label, out, epochs)


def _root(grid: Tensor) -> Tensor:
    """Return roots of features, which are 0 or more: a few large ones rule no longer; steep but not endless at 0."""
    roots: Tensor = torch.sqrt(grid + _LITTLE) - _LITTLE**0.5
    return roots


def _grid(last: nn.Module, seen: NDArray[np.float32]) -> Floats:
    """Return the roots of what the last convolution, its ReLU and pooling make of features (N, V, ...): (N, V, D)."""
    with torch.no_grad():
        return np.stack([_root(last(torch.from_numpy(one)).flatten(1).double()).numpy() for one in seen])


def _unfrozen(
    last: nn.Module, seen: NDArray[np.float32], label: NDArray[np.intp], out: NDArray[np.bool_], epochs: int
) -> Floats:
    """Go on from the regression on the features of a frozen trunk, its last convolution included."""
    whole = _grid(last, seen)[~out].reshape(-1, _GRID)
    middle = whole.mean(axis=0)
    spread = np.sqrt(whole.var(axis=0).sum())
    rows = (whole - middle) / spread
    every = np.ones(len(rows), np.bool_)
    turn = axes(rows @ rows.T, every)
    found = [regression(rows @ (rows.T @ turn), np.repeat(label[~out], seen.shape[1]), l2) for l2 in _L2]
    weight = rows.T @ turn @ np.mean([one for one, _ in found], axis=0) / spread
    bias = np.mean([one for _, one in found], axis=0) - middle @ weight
    linear = nn.Linear(_GRID, _CLASSES)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weight.T))
        linear.bias.copy_(torch.from_numpy(bias))
    part = nn.Sequential(copy.deepcopy(last), nn.Flatten(), linear)
    return descend(part, seen, label, out, (epochs, 0.0003), _root)


def _drawn(name: str) -> nn.Module:
    """Return a network of drawn weights with four outputs, for 64 x 64 px."""
    torch.manual_seed(0)
    network = RECIPES["resnet34" if name == "resnet34" else "basic"].make(1.0)
    # At a quarter of the pixels a quarter of the features reaches the last layer of `basic`; ResNet averages them.
    network[-1] = nn.Linear(512, _CLASSES)
    return network


def _small(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return crops (N, 128, 128) as normalised pixels (N, 3, 64, 64)."""
    small = np.stack([cv2.resize(crop, (64, 64), interpolation=cv2.INTER_AREA) for crop in crops])
    return np.asarray(normalise(torch.from_numpy(small)).numpy(), np.float32)


if __name__ == "__main__":
    sys.exit(main())
