"""When the count has an answer: two one-sided mixture e-processes against the threshold.

A bet against "the share is at most p0" (and one against "it is more") grows as heads are counted; by Ville's
inequality a true hypothesis lets its bet reach 1/alpha with a probability of at most alpha, whenever one looks and
stops. H. Robbins, "Statistical methods related to the law of the iterated logarithm", Ann. Math. Stat. 41 (1970)
1397-1409; mixtures over Beta(1, 9) and Beta(1, 19) cut at p0. All counts are whole numbers, so the incomplete beta
function is a tail of the binomial distribution. Knows counts only. Heads are taken as independent; where they are
not, `design_effect.py` says by how much to divide them.
"""

from collections.abc import Callable
from math import ceil, floor, inf, log, log1p
from typing import Literal

import numpy as np

from zpscope.counting.binomial import log_chances, log_choose

Answer = Literal["undecided", "above", "below"]

_ABOVE, _BELOW = 9, 19
"""Second shape of the prior above and below the threshold; the first is 1."""
_HALVINGS = 50


def log_bet_above(k: int, n: int, p0: float) -> float:
    """Return the log of the e-value against "at most p0" after k bound of n heads."""
    tail = _log_sum(log_chances(n + _ABOVE, p0)[: k + 1])
    prior = _ABOVE * log1p(-p0)
    return _log_mixture(k, n, _ABOVE) + tail - prior - _log_likelihood(k, n, p0)


def log_bet_below(k: int, n: int, p0: float) -> float:
    """Return the log of the e-value against "more than p0" after k bound of n heads."""
    tail = _log_sum(log_chances(n + _BELOW, p0)[k + 1 :])
    prior = log(-np.expm1(_BELOW * log1p(-p0)))
    return _log_mixture(k, n, _BELOW) + tail - prior - _log_likelihood(k, n, p0)


def answer(k: int, n: int, threshold_permille: int, alpha: float, design_effect: float = 1.0) -> Answer:
    """Return on which side of the threshold the share is known to lie, wrong with probability `alpha` at most.

    k bound of n heads, counted up to the end of a field. `design_effect`, 1 or more, divides the counts, which
    are then rounded away from the answer.
    """
    _check(k, n, alpha)
    least, p0 = -log(alpha), threshold_permille / 1000
    heads = floor(n / design_effect)
    if log_bet_above(floor(k / design_effect), heads, p0) >= least:
        return "above"
    if log_bet_below(min(heads, ceil(k / design_effect)), heads, p0) >= least:
        return "below"
    return "undecided"


def anytime_interval(k: int, n: int, alpha: float = 0.05, design_effect: float = 1.0) -> tuple[float, float]:
    """Return bounds of the share, 0 to 1, that hold at every look with probability 1 - `alpha`.

    The shares p against which the mixture over Beta(1, 9) has not yet won 1/alpha.
    """
    _check(k, n, alpha)
    heads = floor(n / design_effect)
    if heads == 0:
        return 0.0, 1.0
    least, most = floor(k / design_effect), min(heads, ceil(k / design_effect))

    def refuted(p: float, bound: int) -> bool:
        return _log_mixture(bound, heads, _ABOVE) - _log_likelihood(bound, heads, p) >= -log(alpha)

    low = _edge(lambda p: refuted(p, least), 0.0, least / heads)
    high = 1 - _edge(lambda p: refuted(1 - p, most), 0.0, 1 - most / heads)
    return low, high


def heads_to_answer(
    k: int,
    n: int,
    threshold_permille: int,
    alpha: float,
    design_effect: float = 1.0,
    *,
    most: int = 100_000,
) -> int | None:
    """Return about how many more heads give an answer if the share stays as it is; None: more than about `most`."""

    def answered(heads: int) -> bool:
        return answer(round(k * heads / n), heads, threshold_permille, alpha, design_effect) != "undecided"

    if n == 0:
        return None
    if answered(n):
        return 0
    low, high = n, 2 * n
    while not answered(high):
        low, high = high, 2 * high
        if low > most:
            return None
    while high - low > max(1, n // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if answered(middle) else (middle, high)
    return high - n


def _log_mixture(k: int, n: int, shape: int) -> float:
    """Return the log of the chance of one order of k and n - k under Beta(1, shape)."""
    return log(shape) - log_choose(n + shape - 1, k) - log(n + shape)


def _log_likelihood(k: int, n: int, p: float) -> float:
    bound = k * log(p) if p > 0 else (-inf if k else 0.0)
    return bound + ((n - k) * log1p(-p) if p < 1 else (-inf if n > k else 0.0))


def _log_sum(logs: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    greatest = float(logs.max())
    return greatest + log(float(np.exp(logs - greatest).sum())) if greatest > -inf else -inf


def _edge(refuted: Callable[[float], bool], low: float, high: float) -> float:
    """Return the last share from `low` on, which is refuted or 0, before those that are not, up to `high`."""
    if not refuted(low):
        return low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return low


def _check(k: int, n: int, alpha: float) -> None:
    if not 0 <= k <= n:
        msg = f"k must be from 0 to n, but k is {k} and n is {n}"
        raise ValueError(msg)
    if not 0 < alpha < 1:
        msg = f"alpha must lie between 0 and 1, but is {alpha}"
        raise ValueError(msg)
