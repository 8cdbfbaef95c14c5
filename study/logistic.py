"""Logistic regression on one number: by maximum likelihood, or by Firth's where the groups do not overlap.

Where a cut parts the groups without error, the likelihood has no maximum: the slope runs off. Firth's penalty, half
the log of the determinant of the information, keeps it finite. D. Firth, Biometrika 80 (1993) 27-38; G. Heinze,
M. Schemper, Statistics in Medicine 21 (2002) 2409-2419, whose penalized likelihood ratio gives P and interval.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

Values = NDArray[np.float64]
Method = Literal["maximum likelihood", "Firth"]


@dataclass(frozen=True)
class Logistic:
    """log odds of `outcome` = intercept + slope * value."""

    method: Method
    intercept: float
    slope: float
    interval: tuple[float, float]
    """95 % profile likelihood interval of the slope."""
    p: float
    """Of the likelihood ratio test against a slope of 0."""


def separated(x: Values, outcome: NDArray[np.bool_]) -> bool:
    """Return whether a cut parts the outcomes, so that maximum likelihood has no finite slope."""
    one, other = x[outcome], x[~outcome]
    return bool(one.min() >= other.max() or other.min() >= one.max())


def logistic(x: Values, outcome: NDArray[np.bool_], method: Method | None = None) -> Logistic:
    """Return the regression of the outcome (n,) on x (n,); the method is chosen by whether x separates.

    Raises ValueError if all outcomes, or all of x, are alike.
    """
    if outcome.all() or not outcome.any() or np.ptp(x) == 0:
        msg = "a regression needs both outcomes and more than one value"
        raise ValueError(msg)
    chosen: Method = method or ("Firth" if separated(x, outcome) else "maximum likelihood")
    middle, unit = float(x.mean()), float(x.std())
    fit = _Fit((x - middle) / unit, outcome, penalized=chosen == "Firth")
    intercept, slope = fit.best()
    top = fit.likelihood(intercept, slope)
    gain = 2 * (top - fit.profile(0.0))
    drop = float(stats.chi2.ppf(0.95, 1)) / 2

    def beyond(other: float) -> float:
        return top - fit.profile(other) - drop

    low, high = (_edge(beyond, slope, step) for step in (-1.0, 1.0))
    return Logistic(
        method=chosen,
        intercept=intercept - slope * middle / unit,
        slope=slope / unit,
        interval=(low / unit, high / unit),
        p=float(stats.chi2.sf(max(0.0, gain), 1)),
    )


class _Fit:
    """The (penalized) likelihood of an intercept and a slope."""

    def __init__(self, x: Values, outcome: NDArray[np.bool_], *, penalized: bool) -> None:
        self._x, self._outcome, self._penalized = x, outcome, penalized

    def likelihood(self, intercept: float, slope: float) -> float:
        """Return its log."""
        odds = intercept + slope * self._x
        value = -float(np.logaddexp(0, np.where(self._outcome, -odds, odds)).sum())
        if not self._penalized:
            return value
        weight = special.expit(odds) * special.expit(-odds)
        total, first, second = weight.sum(), (weight * self._x).sum(), (weight * self._x**2).sum()
        determinant = float(total * second - first**2)
        return value + log(determinant) / 2 if determinant > 0 else -np.inf

    def best(self) -> tuple[float, float]:
        """Return the intercept and the slope of the greatest likelihood."""
        found = optimize.minimize_scalar(
            lambda slope: -self.profile(float(slope)), bracket=(0.0, 1.0), tol=1e-10
        )
        slope = float(found.x)
        return self._intercept(slope), slope

    def profile(self, slope: float) -> float:
        """Return the log of the greatest likelihood with this slope."""
        return self.likelihood(self._intercept(slope), slope)

    def _intercept(self, slope: float) -> float:
        share = float(self._outcome.mean())
        start = log(share / (1 - share))
        found = optimize.minimize_scalar(
            lambda at: -self.likelihood(float(at), slope), bracket=(start - 1, start + 1), tol=1e-10
        )
        return float(found.x)


def _edge(beyond: Callable[[float], float], slope: float, step: float) -> float:
    reach = step
    while beyond(slope + reach) < 0:
        reach *= 2
    return float(optimize.brentq(beyond, slope, slope + reach, xtol=1e-9))
