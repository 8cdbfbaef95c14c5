# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownParameterType=false
"""How far can one layer behind a frozen trunk get with the simulated binders of `train.py`?

Logistic regression with an L2 penalty on the 4 x 4 grid of features behind the third, fourth and fifth block of a
VGG13, right of all crops by 5-fold cross-validation: a last layer that learns from fewer and less will not get
further. The best of five penalties is picked by the very figures, which flatters. Seeds other than those of `train.py`.
Needs initial weights: `python -m benchmarks.train_ceiling WEIGHTS.safetensors --out DIR`; DIR keeps the features.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import nn

from benchmarks.train import DIFFERENCE, drawn
from zpscope.drivers.separability import best_accuracy
from zpscope.training.features import features
from zpscope.training.initial_weights import initialised
from zpscope.training.simulated import gather

_CROPS = 1354
"""So many that four of five folds are the 1,083 that the paper trained with."""
_FIRST_SEED = 50_001
_FOLDS = 5
_PENALTIES = (0.3, 0.1, 0.03, 0.01, 0.003)
_BLOCKS = (3, 4, 5)
_ROUNDS = 25

Floats = NDArray[np.float64]


def main() -> int:
    """Print one line for each block."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    slides = gather(list(drawn(_FIRST_SEED, _CROPS)))
    crops, bound = slides.crops[:_CROPS], slides.bound[:_CROPS]
    network, origin = initialised("vgg13", 1.0, arguments.weights, 1)
    pools = [i for i, layer in enumerate(network) if isinstance(layer, nn.MaxPool2d)]
    fold = np.random.default_rng(0).permutation(_CROPS) % _FOLDS
    sys.stdout.write(f"{origin.words}; best possible {best_accuracy(DIFFERENCE):.4f}\n")
    for block in _BLOCKS:
        trunk = nn.Sequential(*list(network)[: pools[block - 1] + 1], nn.AdaptiveAvgPool2d(4), nn.Flatten())
        made = features(trunk, crops, arguments.out / f"block{block}.npz").astype(np.float64)
        right = np.sum([_right(made, bound, fold == k) for k in range(_FOLDS)], axis=0) / _CROPS
        told = ", ".join(f"{one:.4f}" for one in right)
        sys.stdout.write(f"block {block}: {right.max():.4f} (penalties {_PENALTIES}: {told})\n")
        sys.stdout.flush()
    return 0


def _right(values: Floats, bound: NDArray[np.bool_], out: NDArray[np.bool_]) -> Floats:
    """Return how many of the held-out crops are told rightly, with each penalty, from features (N, D)."""
    about = values - values[~out].mean(axis=0)
    about /= np.sqrt(about[~out].var(axis=0).sum())
    inner = about @ about[~out].T  # the penalty does not change when axes are turned: N axes hold all N crops
    size, turn = np.linalg.eigh(inner[~out])
    seen = size > 1e-9
    low = np.column_stack([inner @ (turn[:, seen] / np.sqrt(size[seen])), np.ones(len(values))])
    told = [
        (low[out] @ _regression(low[~out], bound[~out], penalty) > 0) == bound[out] for penalty in _PENALTIES
    ]
    return np.array([one.sum() for one in told], np.float64)


def _regression(values: Floats, bound: NDArray[np.bool_], penalty: float) -> Floats:
    """Return the weights (D,) of a logistic regression by Newton's method; the last one, of a 1, is free."""
    weights = np.zeros(values.shape[1])
    held = np.full(len(weights), penalty)
    held[-1] = 1e-9
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(values @ weights, -30, 30)))
        slope = values.T @ (chance - bound) + held * weights
        bend = (values * (chance * (1 - chance) + 1e-9)[:, None]).T @ values + np.diag(held)
        weights -= np.linalg.solve(bend, slope)
    return weights


if __name__ == "__main__":
    sys.exit(main())
