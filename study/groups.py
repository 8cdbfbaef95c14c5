"""Do two groups differ? Mean and SEM, a test of normality, and the test that it leads to.

As in Leung et al. 2025: the unpaired two-tailed t-test, or Mann-Whitney where a group fails the normality test. The
paper does not name that test; here it is Shapiro-Wilk at 0.05.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Values = NDArray[np.float64]
_NORMAL = 0.05


@dataclass(frozen=True)
class Summary:
    """One group."""

    n: int
    mean: float
    sem: float | None
    """Standard error of the mean; None of one value."""
    sd: float | None
    median: float
    shapiro_p: float | None
    """None of fewer than 3 values, or of values that are all alike: no test."""


@dataclass(frozen=True)
class Difference:
    """Two groups, by every test that is usual; two-tailed."""

    student_p: float | None
    """None where the values of a group are all alike: no test."""
    welch_p: float | None
    mann_whitney_p: float
    chosen: Literal["Student's t", "Mann-Whitney"]

    @property
    def p(self) -> float:
        """Of the chosen test."""
        return (
            self.mann_whitney_p if self.student_p is None or self.chosen != "Student's t" else self.student_p
        )


def summary(values: Values) -> Summary:
    """Return what describes a group (n,) of at least one value."""
    n = len(values)
    sd = float(values.std(ddof=1)) if n > 1 else None
    tested = n >= 3 and np.ptp(values) > 0
    return Summary(
        n=n,
        mean=float(values.mean()),
        sem=None if sd is None else sd / n**0.5,
        sd=sd,
        median=float(np.median(values)),
        shapiro_p=float(stats.shapiro(values).pvalue) if tested else None,
    )


def difference(one: Values, other: Values) -> Difference:
    """Compare two groups (m,), (n,) of at least two values each, not all alike.

    Mann-Whitney is exact for up to 50 values a group: without overlap of the groups, ties within one do not matter.
    """
    apart = one.min() > other.max() or other.min() > one.max()
    ties = len(np.unique(np.concatenate([one, other]))) < len(one) + len(other)
    exact = max(len(one), len(other)) <= 50 and (apart or not ties)
    normal = [summary(values).shapiro_p for values in (one, other)]
    varied = min(np.ptp(one), np.ptp(other)) > 0
    return Difference(
        student_p=float(stats.ttest_ind(one, other).pvalue) if varied else None,
        welch_p=float(stats.ttest_ind(one, other, equal_var=False).pvalue) if varied else None,
        mann_whitney_p=float(
            stats.mannwhitneyu(one, other, method="exact" if exact else "asymptotic").pvalue
        ),
        chosen="Student's t" if all(p is not None and p >= _NORMAL for p in normal) else "Mann-Whitney",
    )


def rank_correlation(one: Values, other: Values) -> tuple[float, float] | None:
    """Return Spearman's rho and its P; None of fewer than 3 pairs, or where one side is all alike."""
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    found = stats.spearmanr(one, other)
    return float(found.statistic), float(found.pvalue)
