"""Do two slides of one sample agree? By the exact binomial distribution, for any numbers of heads.

WHO laboratory manual: two replicates are accepted if their difference is within what sampling alone explains 95
times of 100. Knows counts only.
"""

from collections.abc import Sequence
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from zpscope.counting.binomial import chances


def difference_limit_percent(average_percent: float, n: int, confidence: float = 0.95) -> float:
    """Return the greatest difference, in percentage points, of two replicates of n heads that agree.

    The least d with P(|k1 - k2| <= d) of at least `confidence`, for two samples of n heads at the average.
    """
    apart = _difference(n, n, average_percent / 100)
    middle = n
    for d in range(n + 1):
        if apart[middle - d : middle + d + 1].sum() >= confidence - 1e-12:
            return 100 * d / n
    return 100.0


def agreement(k1: int, n1: int, k2: int, n2: int) -> float:
    """Return the probability of a difference as great as that of k1/n1 and k2/n2 if both slides are alike.

    At the pooled share; a probability below 0.05 says that the replicates disagree. Raises ValueError for counts
    that cannot be.
    """
    for k, n in ((k1, n1), (k2, n2)):
        if not 0 <= k <= n or n == 0:
            msg = f"k must be from 0 to n, and n more than 0, but k is {k} and n is {n}"
            raise ValueError(msg)
    pooled = (k1 + k2) / (n1 + n2)
    seen = abs(k1 * n2 - k2 * n1)  # times n1 n2: whole numbers
    if seen == 0:
        return 1.0
    first, second = chances(n1, pooled), chances(n2, pooled)
    up_to = np.concatenate([[0.0], np.cumsum(second)])  # of the second slide: fewer than 0, 1 ...
    from_on = np.concatenate([np.cumsum(second[::-1])[::-1], [0.0]])
    bound = np.arange(n1 + 1) * n2
    fewer = np.clip((bound - seen) // n1 + 1, 0, n2 + 1)
    more = np.clip(-((-bound - seen) // n1), 0, n2 + 1)
    return float(min(1.0, (first * (up_to[fewer] + from_on[more])).sum()))


def least_agreement(slides: Sequence[tuple[int, int]]) -> float | None:
    """Return the probability of a difference as great as the greatest between any two slides (k, n), if all are alike.

    Times the number of pairs that are compared (Bonferroni), 1 at most, so that a third slide makes no false alarm
    likelier. None for fewer than two slides.
    """
    pairs = [agreement(*one, *other) for one, other in combinations(slides, 2)]
    return min(1.0, len(pairs) * min(pairs)) if pairs else None


def disagree(likeness: float | None, confidence_percent: float) -> bool:
    """Return whether slides differ by more than chance, of which `least_agreement` gives the probability."""
    return likeness is not None and likeness < 1 - confidence_percent / 100


@cache
def _difference(n1: int, n2: int, share: float) -> NDArray[np.float64]:
    """Return the distribution (n1 + n2 + 1,) of k1 - k2, from -n2 to n1."""
    return np.convolve(chances(n1, share), chances(n2, share)[::-1])
