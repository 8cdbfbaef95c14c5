# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownParameterType=false
"""How far can any layer behind a frozen trunk get with the simulated binders of `train.py`?

Least squares with a penalty on the 4 x 4 grids of features behind the fourth and the fifth block of a VGG13, right of
all crops by 5-fold cross-validation, with 1,083 to learn from as in the paper. The features are the mean of a crop and
its mirror image, taken in several ways: as they are, their roots, each unit standardised, whitened, and by a Gaussian
kernel, which bends as drawn hidden layers do. A last layer that learns from one crop at a time will not get further.
Of each row the best penalty is picked by the very figures, which flatters. Seeds other than those of `train.py`.
Needs initial weights: `python -m benchmarks.train_ceiling WEIGHTS.safetensors --out DIR`; DIR keeps the features.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import nn

from benchmarks.kernels import about
from benchmarks.train import DIFFERENCE, drawn
from zpscope.drivers.separability import best_accuracy
from zpscope.training.features import features
from zpscope.training.initial_weights import initialised
from zpscope.training.simulated import gather

_CROPS = 1354
"""So many that four of five folds are the 1,083 that the paper trained with."""
_FIRST_SEED = 60_001
_FOLDS = 5
_PENALTIES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_BLOCKS = (4, 5)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def main() -> int:
    """Print one line for each way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    heads = gather(list(drawn(_FIRST_SEED, _CROPS)))
    crops, bound = heads.crops[:_CROPS], heads.bound[:_CROPS]
    network, origin = initialised("vgg13", 1.0, arguments.weights, 1)
    pools = [i for i, layer in enumerate(network) if isinstance(layer, nn.MaxPool2d)]
    both = np.stack([crops, crops[:, :, ::-1]], axis=1)
    made: list[NDArray[np.float32]] = []
    for block in _BLOCKS:
        trunk = nn.Sequential(*list(network)[: pools[block - 1] + 1], nn.AdaptiveAvgPool2d(4), nn.Flatten())
        made.append(features(trunk, both, arguments.out / f"block{block}.npz"))
    sys.stdout.write(f"{origin.words}; best possible {best_accuracy(DIFFERENCE):.4f}\n")
    for name, products in ways(made).items():
        right = cross_validated(products, bound)
        told = ", ".join(f"{one:.4f}" for one in right)
        sys.stdout.write(f"{name}: {right.max():.4f} (penalties {_PENALTIES}: {told})\n")
        sys.stdout.flush()
    return 0


def ways(made: list[NDArray[np.float32]]) -> dict[str, Callable[[Bools], Floats]]:
    """Return what gives the inner products (N, N) from the training crops (N,), of features (N, 2, D) of each block."""
    plain = [_inner(one) for one in made]
    roots = [_inner(np.sqrt(one)) for one in made]
    units = [_inner(_standardised(one)) for one in made]
    found: dict[str, Callable[[Bools], Floats]] = {}
    for i, block in enumerate(_BLOCKS):
        found[f"block {block}"] = partial(about, plain[i])
        found[f"block {block}, roots"] = partial(about, roots[i])
        found[f"block {block}, standardised"] = partial(about, units[i])

    def together(train: Bools) -> Floats:
        return np.asarray(np.mean([about(one, train) for one in roots], axis=0), np.float64)

    def bent(bend: Callable[[Floats, Bools, float], Floats], how: float) -> Callable[[Bools], Floats]:
        return lambda train: bend(together(train), train, how)

    found["both blocks, roots"] = together
    for width in (1.0, 8.0):
        found[f"both, Gaussian {width:g}"] = bent(_gaussian, width)
    for floor in (1e-2, 1e-3):
        found[f"both, whitened down to {floor:g}"] = bent(_whitened, floor)
    return found


def cross_validated(products: Callable[[Bools], Floats], bound: Bools) -> Floats:
    """Return the share (P,) of crops that are told rightly when they are held out, with each penalty."""
    wanted = np.where(bound, 1.0, -1.0)
    fold = np.random.default_rng(0).permutation(len(bound)) % _FOLDS
    right = np.zeros(len(_PENALTIES))
    for number in range(_FOLDS):
        out, train = fold == number, fold != number
        seen, level = products(train), wanted[train].mean()
        size, turn = np.linalg.eigh(seen[np.ix_(train, train)])
        low = turn.T @ (wanted[train] - level)
        for i, penalty in enumerate(_PENALTIES):
            said = seen[np.ix_(out, train)] @ (turn @ (low / (size.clip(0) + penalty))) + level
            right[i] += ((said > 0) == bound[out]).sum()
    return np.asarray(right / len(bound), np.float64)


def _inner(values: NDArray[np.float32]) -> Floats:
    """Return the inner products (N, N) of the mean of two views (N, 2, D)."""
    mean = values.mean(axis=1)
    mean = mean - mean.mean(axis=0)
    return np.asarray(mean @ mean.T, np.float64)


def _standardised(values: NDArray[np.float32]) -> NDArray[np.float32]:
    spread = values.mean(axis=1).std(axis=0)
    return np.asarray(values / (spread + 0.01), np.float32)


def _gaussian(products: Floats, train: Bools, width: float) -> Floats:
    size = products.diagonal()
    apart = size[:, None] + size - 2 * products
    return about(np.exp(-apart / (width * np.median(apart))), train)


def _whitened(products: Floats, train: Bools, floor: float) -> Floats:
    """Give every direction of the training crops the same variance, but those below a floor."""
    size, turn = np.linalg.eigh(products[np.ix_(train, train)])
    seen = size > 1e-6 * size.max()
    low = products[:, train] @ (turn[:, seen] / np.sqrt(size[seen]))
    low /= np.sqrt(size[seen] / train.sum() + floor)
    return about(low @ low.T, train)


if __name__ == "__main__":
    sys.exit(main())
