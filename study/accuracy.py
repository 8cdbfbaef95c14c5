"""How often a rule is right, with exact intervals; and which of two rules is right more often.

C. Clopper, E. Pearson, Biometrika 26 (1934) 404-413; Q. McNemar, Psychometrika 12 (1947) 153-157, exact.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from zpscope.counting.interval import wilson


@dataclass(frozen=True)
class Share:
    """k of n."""

    k: int
    n: int

    @property
    def percent(self) -> float:
        """100 k/n."""
        return 100 * self.k / self.n

    @property
    def clopper_pearson(self) -> tuple[float, float]:
        """Exact 95 % interval, percent."""
        low, high = clopper_pearson(self.k, self.n)
        return 100 * low, 100 * high

    @property
    def wilson(self) -> tuple[float, float]:
        """Wilson 95 % interval, percent."""
        low, high = wilson(self.k, self.n)
        return 100 * low, 100 * high


@dataclass(frozen=True)
class Accuracy:
    """A rule that calls patients defective, against who was."""

    sensitivity: Share
    specificity: Share

    @property
    def right(self) -> Share:
        """Patients for whom the rule is right."""
        one, other = self.sensitivity, self.specificity
        return Share(one.k + other.k, one.n + other.n)

    @property
    def youden(self) -> float:
        """Sensitivity + specificity - 1."""
        return (self.sensitivity.percent + self.specificity.percent) / 100 - 1


def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact bounds of the share k/n, 0 to 1."""
    tail = (1 - confidence) / 2
    low = float(stats.beta.ppf(tail, k, n - k + 1)) if k else 0.0
    high = float(stats.beta.ppf(1 - tail, k + 1, n - k)) if k < n else 1.0
    return low, high


def accuracy(called: NDArray[np.bool_], defective: NDArray[np.bool_]) -> Accuracy:
    """Return how often calling patients (n,) defective was right."""
    hits, misses = int(np.sum(called & defective)), int(np.sum(called & ~defective))
    sick, well = int(np.sum(defective)), int(np.sum(~defective))
    return Accuracy(Share(hits, sick), Share(well - misses, well))


def mcnemar(right: NDArray[np.bool_], other: NDArray[np.bool_]) -> tuple[int, int, float]:
    """Return for how many patients (n,) only the one rule is right, only the other, and the exact P."""
    only, opposite = int(np.sum(right & ~other)), int(np.sum(other & ~right))
    if only + opposite == 0:
        return 0, 0, 1.0
    return only, opposite, float(stats.binomtest(only, only + opposite).pvalue)
