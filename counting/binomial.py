"""The binomial distribution, in logs: what the exact rules are made of. Knows numbers only."""

from math import lgamma, log

import numpy as np
from numpy.typing import NDArray


def log_choose(n: int, k: int) -> float:
    """Return the log of the number of ways to take k of n."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def log_chances(n: int, share: float) -> NDArray[np.float64]:
    """Return the log of the chance of 0 to n successes (n + 1,); `share` strictly between 0 and 1."""
    k = np.arange(n + 1)
    steps = np.concatenate([[0.0], np.log(n - k[:-1]) - np.log(k[1:])])
    return np.asarray(np.cumsum(steps) + k * log(share) + (n - k) * np.log1p(-share), np.float64)


def chances(n: int, share: float) -> NDArray[np.float64]:
    """Return the chance of 0 to n successes (n + 1,); `share` from 0 to 1."""
    if share in (0, 1):
        return np.asarray(np.arange(n + 1) == share * n, np.float64)
    return np.exp(log_chances(n, share))
