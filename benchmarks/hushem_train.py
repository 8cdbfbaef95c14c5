# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownParameterType=false, reportUnknownLambdaType=false
"""How well do the networks of `training/` tell the head shapes of the HuSHeM set, and is it more than size and stain?

Crops are cut and aligned by the project's own imaging, or only centred (`unaligned`); a head that is not found is
taken as it stands. Both fold sets, near-identical heads in one fold; four classes, and Normal against the rest. Each
row names what is trained:

- `frozen`: logistic regression on the 4 x 4 grid of features of a VGG13 trunk, mean of a head and its mirror image
- `+ shape`: beside them area, length, width and two ratios of the outline, and its widths at 12 places along the axis
- `unfrozen`: the last convolution goes on from there, with the regression, by gradient descent
- `resnet34`, `basic`: from drawn weights, at 64 x 64 px, for no ImageNet weights of these are at hand
- `shape`, `background`: what size and stain alone tell; a network that does not beat them adds nothing

The settings of the regression (L2 0.01 on features of variance 1) were picked among about ten, by these figures: they
flatter by about a point. How much the shape weighs is not picked: `frozen + shape` is the mean over `_WEIGHTS`. Exits
with 1 if a bar of `_BARS` is missed.
Needs the data: `python benchmarks/hushem_train.py FOLDER WEIGHTS --out DIR [--rows frozen,...]`; DIR keeps features.
"""

import argparse
import copy
import csv
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from zpscope.imaging.colour import SlideColour
from zpscope.imaging.crop import CROP_PX, CROP_UM_PER_PX
from zpscope.imaging.examine import examine
from zpscope.imaging.picture import read_picture
from zpscope.training.device import repeatable
from zpscope.training.duplicates import near_duplicates
from zpscope.training.evaluate import auc
from zpscope.training.features import features
from zpscope.training.initial_weights import initialised
from zpscope.training.network import normalise
from zpscope.training.networks import RECIPES

_ROWS = ("frozen", "frozen + shape", "unfrozen", "resnet34", "basic", "shape", "background")
_BARS = {
    ("frozen", "contiguous"): 0.87,
    ("frozen", "SHMC-Net"): 0.91,
    ("frozen + shape", "contiguous"): 0.89,
    ("frozen + shape", "SHMC-Net"): 0.93,
}
_NORMAL_AUC = 0.985
_CLASSES, _FOLDS = 4, 5
_SAME = 0.25
"""Near-identical pairs of this set are within this ratio; see `training/duplicates.py`."""
_L2 = 0.01
_NEAR_PX = 20
_PLACES = 12
_WEIGHTS = (0.5, 1.0, 2.0)
"""How much all figures of the shape weigh against all features of the network."""

Floats = NDArray[np.float64]


class Heads:
    """The set: crops by alignment, what is known beside the network, classes and folds."""

    def __init__(self, folder: Path, um_per_px: float) -> None:
        with (folder / "labels_and_folds.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        found = [_cut(read_picture(folder / row["file"]), um_per_px) for row in rows]
        self.crops = {
            "aligned": np.stack([one[0] for one in found]),
            "unaligned": np.stack([one[1] for one in found]),
        }
        shape = np.stack([one[2] for one in found])
        self.shape = np.where(np.isnan(shape), np.nanmean(shape, axis=0), shape)
        self.background = np.stack([one[3] for one in found])
        self.label = np.array([int(row["class"][:2]) - 1 for row in rows])
        contiguous = [[row[f"fold{k + 1}"] for k in range(_FOLDS)].index("test") for row in rows]
        self.folds = {
            "contiguous": np.array(contiguous),
            "SHMC-Net": np.array([int(row["shmcnet_fold"][1:]) - 1 for row in rows]),
        }
        self.pairs = near_duplicates(self.crops["aligned"], _SAME)
        for fold in self.folds.values():
            for one, other in self.pairs:
                fold[other] = fold[one]


def _cut(
    picture: NDArray[np.uint8], um_per_px: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Floats, Floats]:
    """Return the aligned and the centred crop, the outline's figures, and the background's colours."""
    heads = examine(picture, um_per_px, SlideColour.fresh()).heads
    height, width = picture.shape[:2]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    apart = np.linalg.norm(heads.centre_px - middle, axis=1)
    unaligned = _crop(picture, middle, -90.0, um_per_px)
    around = picture[cv2.dilate(heads.labels, np.ones((9, 9), np.uint8)) == 0].astype(np.float64)
    background = np.concatenate([around.mean(axis=0), around.std(axis=0)])
    if not len(apart) or apart.min() > _NEAR_PX:
        return unaligned, unaligned, np.full(5 + 2 * _PLACES, np.nan), background
    i = int(apart.argmin())
    area, length, across = (float(each[i]) for each in (heads.area_um2, heads.length_um, heads.width_um))
    whole = np.array([area, length, across, length / across, area / (length * across)])
    centre_px, angle_deg = heads.centre_px[i], float(heads.angle_deg[i])
    return (
        _crop(picture, centre_px, angle_deg, um_per_px),
        unaligned,
        np.concatenate([whole, _widths_um((heads.outlines[i] - centre_px) * um_per_px, angle_deg)]),
        background,
    )


def _crop(
    picture: NDArray[np.uint8], centre_px: Floats, angle_deg: float, um_per_px: float
) -> NDArray[np.uint8]:
    """Cut as `imaging.crop` does, also a head that the gate did not accept."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    matrix = _matrix(centre_px, angle_deg, um_per_px)
    cut = cv2.warpAffine(grey, matrix, (CROP_PX, CROP_PX), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(cut, np.uint8)


def _matrix(centre_px: Floats, angle_deg: float, um_per_px: float) -> Floats:
    x, y = centre_px.tolist()
    matrix = cv2.getRotationMatrix2D((x, y), angle_deg + 90, um_per_px / CROP_UM_PER_PX)
    matrix[:, 2] += (CROP_PX - 1) / 2 - x, (CROP_PX - 1) / 2 - y
    return np.asarray(matrix, np.float64)


def _widths_um(outline_um: Floats, angle_deg: float) -> Floats:
    """Return how wide a head is at places along its axis, and by how much wider on one side than on the other.

    outline_um (M, 2): closed, from the centre.
    """
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    along, across = outline_um @ (cos, sin), outline_um @ (-sin, cos)
    at = np.linspace(along.min(), along.max(), 2 * _PLACES + 1)[1::2, None]
    rise = np.roll(along, -1) - along
    share = (at - along) / np.where(rise == 0, 1, rise)
    crossed = (rise != 0) & (share >= 0) & (share < 1)
    side = across + (np.roll(across, -1) - across) * share
    left, right = np.where(crossed, side, -np.inf).max(axis=1), -np.where(crossed, side, np.inf).min(axis=1)
    return np.asarray(np.concatenate([left + right, np.abs(left - right)]), np.float64)


def regression(train: Floats, label: NDArray[np.intp], l2: float = _L2) -> tuple[Floats, Floats]:
    """Return weights (D, 4) and bias (4,) of a logistic regression on features (N, D) with an L2 penalty."""
    _, size, turn = np.linalg.svd(train, full_matrices=False)
    turn = turn[size > 1e-8]  # the penalty does not change when axes are turned: N axes hold all N heads
    low = torch.from_numpy(train @ turn.T)
    weight = torch.zeros((low.shape[1], _CLASSES), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(_CLASSES, dtype=torch.float64, requires_grad=True)
    target = torch.from_numpy(label)
    solver: Any = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")
    entropy = nn.CrossEntropyLoss(reduction="sum")

    def cost() -> Any:  # noqa: ANN401  (as torch wants it)
        solver.zero_grad()
        loss: Any = entropy(low @ weight + bias, target) + l2 / 2 * (weight**2).sum()
        loss.backward()
        return loss

    solver.step(cost)
    return turn.T @ weight.detach().numpy(), bias.detach().numpy()


def softmax(outputs: Floats) -> Floats:
    """Return probabilities (N, 4) of outputs (N, 4)."""
    shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float64)


def scaled(values: Floats, train: Floats) -> Floats:
    """Return features (N, D) about the mean of the training ones, with a mean variance of 1 / D."""
    spread = np.sqrt((train.var(axis=0)).mean() * train.shape[1])
    return np.asarray((values - train.mean(axis=0)) / spread, np.float64)


def figures(values: Floats, train: Floats) -> Floats:
    """Return figures (N, F), each of variance 1 / F over the training heads."""
    return np.asarray(
        (values - train.mean(axis=0)) / (train.std(axis=0) * np.sqrt(train.shape[1])), np.float64
    )


def regress(
    views: list[Floats],
    label: NDArray[np.intp],
    out: NDArray[np.bool_],
    shape: tuple[Floats, float] | None = None,
) -> Floats:
    """Return probabilities (M, 4) of the held-out heads, mean over their views.

    shape: figures (N, F) that go beside the features, and how much they weigh.
    """
    parts: list[Floats] = []
    whole = np.concatenate([view[~out] for view in views])
    for view in views:
        part = scaled(view, whole)
        if shape is not None:
            part = np.hstack([part, shape[1] * figures(shape[0], shape[0][~out])])
        parts.append(part)
    weight, bias = regression(
        np.concatenate([part[~out] for part in parts]), np.tile(label[~out], len(parts))
    )
    return np.asarray(np.mean([softmax(part[out] @ weight + bias) for part in parts], axis=0), np.float64)


def descend(
    part: nn.Module,
    values: NDArray[np.float32],
    label: NDArray[np.intp],
    out: NDArray[np.bool_],
    how: tuple[int, float],
) -> Floats:
    """Return probabilities (M, 4) of the held-out heads by a part trained for (epochs, rate) on views (N, V, ...)."""
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
            loss = entropy(part(seen[order[at : at + 8], view[at : at + 8]]), target[order[at : at + 8]])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    part.eval()
    with torch.no_grad():
        outputs = [
            part(seen[torch.from_numpy(out)][:, view]).double().numpy() for view in range(values.shape[1])
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
    missed = False
    for alignment in arguments.alignments.split(","):
        for row in arguments.rows.split(","):
            if alignment == "unaligned" and row in {"frozen + shape", "shape", "background"}:
                continue
            start = time.process_time()
            judge = _judge(row, heads, alignment, arguments)
            prepared_s = time.process_time() - start
            for name in arguments.folds.split(","):
                start = time.process_time()
                missed |= _row((row, alignment, name), heads, judge, start - prepared_s)
    return int(missed)


def _row(
    names: tuple[str, str, str], heads: Heads, judge: Callable[[NDArray[np.bool_]], Floats], start: float
) -> bool:
    """Print one row; return whether it misses a bar."""
    row, alignment, name = names
    fold, label = heads.folds[name], heads.label
    said = np.empty((len(label), _CLASSES))
    for number in range(_FOLDS):
        said[fold == number] = judge(fold == number)
    right = said.argmax(axis=1) == label
    each = [right[fold == number].mean() for number in range(_FOLDS)]
    normal = auc(said[:, 0].astype(np.float32), label == 0)
    took_s = time.process_time() - start
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
    crops, label = heads.crops[alignment], heads.label
    both = np.stack([crops, crops[:, :, ::-1]], axis=1)
    epochs: int = arguments.epochs
    if row in {"shape", "background"}:
        alone = heads.shape if row == "shape" else heads.background
        return lambda out: softmax(_linear(figures(alone, alone[~out]), label, out))
    if row in {"resnet34", "basic"}:
        pixels = np.stack([_small(both[:, view]) for view in range(2)], axis=1)
        return lambda out: descend(_drawn(row), pixels, label, out, (epochs, 0.01))
    vgg13, _ = initialised("vgg13", 1.0, arguments.weights, 0)
    pools = [i for i, layer in enumerate(vgg13) if isinstance(layer, nn.MaxPool2d)]
    if row == "unfrozen":
        # All but the last convolution: its ReLU and pooling follow.
        seen = features(vgg13[: pools[-1] - 2], both, arguments.out / f"conv-{alignment}.npz")
        return lambda out: _unfrozen(vgg13[pools[-1] - 2 : pools[-1] + 1], seen, label, out, epochs)
    grid = features(vgg13[: pools[-1] + 1], both, arguments.out / f"grid-{alignment}.npz")
    views = [np.sqrt(grid[:, view].reshape(len(grid), -1).astype(np.float64)) for view in range(2)]
    if row == "frozen":
        return lambda out: regress(views, label, out)
    return lambda out: np.asarray(
        np.mean([regress(views, label, out, (heads.shape, weight)) for weight in _WEIGHTS], axis=0),
        np.float64,
    )


def _linear(values: Floats, label: NDArray[np.intp], out: NDArray[np.bool_]) -> Floats:
    weight, bias = regression(values[~out], label[~out], 0.003)
    return values[out] @ weight + bias


def _unfrozen(
    last: nn.Module, seen: NDArray[np.float32], label: NDArray[np.intp], out: NDArray[np.bool_], epochs: int
) -> Floats:
    """Go on from the regression on the features of a frozen trunk, its last convolution included."""
    last = copy.deepcopy(last)
    with torch.no_grad():
        grid = last(torch.from_numpy(seen.reshape(-1, *seen.shape[2:]))).flatten(1).double().numpy()
    grid = grid.reshape(len(seen), 2, -1)
    whole = grid[~out].reshape(-1, grid.shape[-1])
    weight, bias = regression(scaled(whole, whole), np.repeat(label[~out], 2))
    spread = float(np.sqrt(whole.var(axis=0).mean() * whole.shape[1]))
    linear = nn.Linear(whole.shape[1], _CLASSES)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weight.T / spread))
        linear.bias.copy_(torch.from_numpy(bias - whole.mean(axis=0) @ weight / spread))
    return descend(nn.Sequential(last, nn.Flatten(), linear), seen, label, out, (epochs, 0.0003))


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
