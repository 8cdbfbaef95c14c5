"""What a negative-control slide says: how often heads that cannot bind are called bound. Knows counts only.

The exact upper limit of C. J. Clopper, E. S. Pearson, Biometrika 26 (1934) 404-413, and the limits of a p-chart
(W. A. Shewhart, 1931).
"""

from collections.abc import Sequence
from math import sqrt

from zpscope.counting.binomial import chances

_HALVINGS = 50


def upper_limit(k: int, n: int, confidence: float = 0.95) -> float:
    """Return the share, 0 to 1, that the true one exceeds at most 1 - `confidence` of the time; k of n were seen."""
    if not 0 <= k <= n:
        msg = f"k must be from 0 to n, but k is {k} and n is {n}"
        raise ValueError(msg)
    low, high = (k / n if n else 1.0), 1.0
    if k == n:
        return 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if chances(n, middle)[: k + 1].sum() > 1 - confidence else (low, middle)
    return high


def chart_limit(controls: Sequence[tuple[int, int]], n: int) -> float:
    """Return the share, 0 to 1, above which a control of n heads is out of line with earlier ones (k, n): 3 sigma."""
    heads = sum(of for _, of in controls)
    if heads == 0 or n == 0:
        return 1.0
    share = sum(k for k, _ in controls) / heads
    return min(1.0, share + 3 * sqrt(share * (1 - share) / n))
