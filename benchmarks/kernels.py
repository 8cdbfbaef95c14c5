"""Inner products of heads: what a regression needs to know of features of which there are more than heads."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def inner(views: Floats) -> Floats:
    """Return the inner products (N * V, N * V) of features (N, V, D)."""
    flat = views.reshape(-1, views.shape[-1])
    flat = flat - flat.mean(axis=0)
    return np.asarray(flat @ flat.T, np.float64)


def gaussian(values: Floats, out: NDArray[np.bool_]) -> Floats:
    """Return how near (N, N) heads lie by figures (N, F), from 0 to 1: 1/e at the median distance of training heads."""
    scaled = (values - values[~out].mean(axis=0)) / values[~out].std(axis=0)
    apart = ((scaled[:, None] - scaled[None]) ** 2).sum(axis=2)
    return np.asarray(np.exp(-apart / np.median(apart[np.ix_(~out, ~out)])), np.float64)


def about(products: Floats, train: NDArray[np.bool_]) -> Floats:
    """Return inner products (M, M) about the mean of the training rows, whose mean variance becomes 1."""
    mean = products[:, train].mean(axis=1)
    moved = products - mean[:, None] - mean[None] + mean[train].mean()
    return np.asarray(moved / moved.diagonal()[train].mean(), np.float64)


def axes(products: Floats, train: NDArray[np.bool_]) -> Floats:
    """Return, as columns (n, R), the sums of the n training rows that are unit vectors and span them all."""
    size, turn = np.linalg.eigh(products[np.ix_(train, train)])
    seen = size > 1e-9 * size.max()
    return np.asarray(turn[:, seen] / np.sqrt(size[seen]), np.float64)
