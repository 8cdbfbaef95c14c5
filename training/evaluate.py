"""How well probabilities tell bound from unbound heads, each figure with the interval that belongs to it.

Bound is the positive class throughout. Knows no network and no picture.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, lgamma, log, log1p, sqrt

import numpy as np
from numpy.typing import NDArray

from zpscope.counting.interval import Z_95
from zpscope.engines.card import Metric

THRESHOLD = 0.5
"""Above this probability a head counts as bound (the paper's larger of two outputs)."""


@dataclass(frozen=True)
class Confusion:
    """Counts of heads."""

    bound_right: int
    bound: int
    unbound_right: int
    unbound: int


def confusion(probability: NDArray[np.float32], bound: NDArray[np.bool_]) -> Confusion:
    """Count heads called right, of probabilities (N,) and truth (N,)."""
    called = probability > THRESHOLD
    return Confusion(
        bound_right=int((called & bound).sum()),
        bound=int(bound.sum()),
        unbound_right=int((~called & ~bound).sum()),
        unbound=int((~bound).sum()),
    )


def metrics(probability: NDArray[np.float32], bound: NDArray[np.bool_]) -> dict[str, Metric]:
    """Return the figures of probabilities (N,) against truth (N,); precision only if any is called bound.

    Raises:
        ValueError: One class is empty; nothing can be said about it.
    """
    counts = confusion(probability, bound)
    if not counts.bound or not counts.unbound:
        msg = f"{counts.bound} bound and {counts.unbound} unbound heads: both classes must have some"
        raise ValueError(msg)
    right, heads = counts.bound_right + counts.unbound_right, counts.bound + counts.unbound
    called = counts.bound_right + counts.unbound - counts.unbound_right
    precision = _share(counts.bound_right, called, "heads called bound are bound") if called else None
    return {
        "sensitivity": _share(counts.bound_right, counts.bound, "bound heads called bound"),
        "specificity": _share(counts.unbound_right, counts.unbound, "unbound heads called unbound"),
        "accuracy": _share(right, heads, "heads called right"),
        "auc": _auc_metric(probability, bound),
    } | ({"precision": precision} if precision else {})


def roc(probability: NDArray[np.float32], bound: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Return the ROC curve: shares of unbound and of bound heads (N,) above each threshold, from (0, 0) to (1, 1)."""
    order = np.argsort(-probability, kind="stable")
    last = np.append(np.flatnonzero(np.diff(probability[order])), len(order) - 1)
    hits, faults = np.cumsum(bound[order])[last], np.cumsum(~bound[order])[last]
    return [(0.0, 0.0), *zip((faults / (~bound).sum()).tolist(), (hits / bound.sum()).tolist(), strict=True)]


def clopper_pearson(k: int, n: int) -> tuple[float, float]:
    """Return the exact 95 % bounds of the share k/n (Clopper & Pearson, Biometrika 26 (1934) 404-413)."""
    low = 0.0 if k == 0 else _root(lambda p: _at_least(k, n, p) - 0.025, 0.0, k / n)
    high = 1.0 if k == n else _root(lambda p: 0.025 - _at_least(n - k, n, 1 - p), k / n, 1.0)
    return low, high


def auc(probability: NDArray[np.float32] | NDArray[np.float64], bound: NDArray[np.bool_]) -> float:
    """Return P(a bound head scores above an unbound one), ties half (Mann & Whitney)."""
    above, others = probability[bound], np.sort(probability[~bound])
    below = np.searchsorted(others, above, "left") + np.searchsorted(others, above, "right")
    return float(below.sum() / (2 * len(above) * len(others)))


def auc_interval(area: float, bound: int, unbound: int) -> tuple[float, float]:
    """Return 95 % bounds of an AUC, which stay honest where it is 1.

    Newcombe's method 5 (Stat. Med. 25 (2006) 559-573): the standard error is taken at the bound, not at the
    estimate, so that a perfect separation of few heads does not pretend to be certain.
    """
    similar = (bound + unbound) / 2 - 1

    def distance(at: float) -> float:
        spread = 1 + similar * (1 - at) / (2 - at) + similar * at / (1 + at)
        return Z_95 * sqrt(at * (1 - at) * spread / (bound * unbound))

    low = 0.0 if area == 0 else _root(lambda at: distance(at) - (area - at), 0.0, area)
    high = 1.0 if area == 1 else _root(lambda at: (at - area) - distance(at), area, 1.0)
    return low, high


def _share(k: int, n: int, what: str) -> Metric:
    low, high = clopper_pearson(k, n)
    return Metric(
        value=k / n, low=low, high=high, interval="Clopper-Pearson 95 %", counts=f"{k} of {n} {what}"
    )


def _auc_metric(probability: NDArray[np.float32], bound: NDArray[np.bool_]) -> Metric:
    area, positives = auc(probability, bound), int(bound.sum())
    low, high = auc_interval(area, positives, len(bound) - positives)
    counts = f"{positives} bound, {len(bound) - positives} unbound heads"
    return Metric(value=area, low=low, high=high, interval="Newcombe 2006, method 5, 95 %", counts=counts)


def _at_least(k: int, n: int, p: float) -> float:
    """Return P(X >= k) of a binomial X, 0 < k."""
    if p in {0.0, 1.0}:
        return p
    chances = (
        exp(lgamma(n + 1) - lgamma(x + 1) - lgamma(n - x + 1) + x * log(p) + (n - x) * log1p(-p))
        for x in range(k, n + 1)
    )
    return sum(chances)


def _root(rises: Callable[[float], float], negative: float, positive: float) -> float:
    """Return where a function that is <= 0 at `negative` and >= 0 at `positive` crosses zero, by halving."""
    for _ in range(60):
        middle = (negative + positive) / 2
        if rises(middle) > 0:
            positive = middle
        else:
            negative = middle
    return (negative + positive) / 2
