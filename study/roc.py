"""How well a number tells two groups apart: the ROC curve, its area, and the best cut.

Low values speak for the first group (defective), high ones for the second (normal). The interval of the area:
E. DeLong, D. DeLong, D. Clarke-Pearson, Biometrics 44 (1988) 837-845. The best cut: W. Youden, Cancer 3 (1950) 32-35.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zpscope.counting.interval import Z_95

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Area:
    """The area under the ROC curve."""

    area: float
    se: float
    """DeLong's standard error; 0 if the groups are apart, which says nothing of how sure the area is."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval by DeLong; None where it has none, because no value of one group is among the other's."""
        if self.se == 0:
            return None
        return max(0.0, self.area - Z_95 * self.se), min(1.0, self.area + Z_95 * self.se)


@dataclass(frozen=True)
class Cut:
    """The best rule `value <= cut` for the first group; every cut from `low` to below `high` does the same."""

    youden: float
    low: float
    high: float

    @property
    def middle(self) -> float:
        """The middle of the gap: what one cut stands for all of them."""
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class Spread:
    """What resampling the patients does to the best cut."""

    interval: tuple[float, float]
    """95 % percentile interval of the cut."""
    optimism: float
    """So much better than on patients not used to choose it does a cut look, in Youden's J."""
    cuts: Values


def area(first: Values, second: Values) -> Area:
    """Return the chance that a value of the first group (m,) is below one of the second (n,); ties are half."""
    below = _below(first, second)
    rows, columns = below.mean(axis=1), below.mean(axis=0)
    if min(len(first), len(second)) < 2:
        return Area(float(below.mean()), 0.0)
    variance = rows.var(ddof=1) / len(first) + columns.var(ddof=1) / len(second)
    return Area(float(below.mean()), float(np.sqrt(variance)))


def curve(first: Values, second: Values) -> tuple[Values, Values]:
    """Return 1 - specificity and sensitivity (k,) at every cut, from none called to all."""
    cuts = np.unique(np.concatenate([first, second]))
    false = np.searchsorted(np.sort(second), cuts, side="right") / len(second)
    true = np.searchsorted(np.sort(first), cuts, side="right") / len(first)
    return np.concatenate([[0.0], false]), np.concatenate([[0.0], true])


def best_cuts(first: Values, second: Values) -> list[Cut]:
    """Return the cuts of the greatest sensitivity + specificity - 1, the lowest first."""
    cuts = np.unique(np.concatenate([first, second]))
    false, true = curve(first, second)
    youden = (true - false)[1:]
    ends = np.append(cuts[1:], cuts[-1])
    best = np.flatnonzero(youden >= youden.max() - 1e-12)
    return [Cut(float(youden[i]), float(cuts[i]), float(ends[i])) for i in best]


def spread_of_cut(first: Values, second: Values, seed: int, draws: int) -> Spread:
    """Return what `draws` bootstrap samples of each group, of a generator seeded so, make of the best cut."""
    drawn, others = _draws(seed, draws, len(first), len(second))
    values = np.unique(np.concatenate([first, second]))
    present = (drawn @ (first[:, None] == values) + others @ (second[:, None] == values)) > 0
    youden = drawn @ (first[:, None] <= values) / len(first) - others @ (second[:, None] <= values) / len(
        second
    )
    best = np.where(present, youden, -np.inf).argmax(axis=1)
    later = present & (np.arange(len(values)) > best[:, None])
    after = np.where(later.any(axis=1), later.argmax(axis=1), best)
    cuts = (values[best] + values[after]) / 2
    seen = youden[np.arange(draws), best]
    unseen = np.mean(first[:, None] <= cuts, axis=0) - np.mean(second[:, None] <= cuts, axis=0)
    low, high = np.quantile(cuts, [0.025, 0.975])
    optimism: Values = seen - unseen
    return Spread((float(low), float(high)), float(optimism.mean()), cuts)


def spread_of_area(first: Values, second: Values, seed: int, draws: int) -> tuple[float, float]:
    """Return the 95 % percentile interval of the area, by bootstrap of each group."""
    drawn, others = _draws(seed, draws, len(first), len(second))
    areas = ((drawn @ _below(first, second)) * others).sum(axis=1) / (len(first) * len(second))
    low, high = np.quantile(areas, [0.025, 0.975])
    return float(low), float(high)


def _below(first: Values, second: Values) -> Values:
    below: Values = (first[:, None] < second) + 0.5 * (first[:, None] == second)
    return below


def _draws(seed: int, draws: int, *sizes: int) -> list[NDArray[np.int64]]:
    """Return how often each of (n,) patients is drawn, (draws, n), for every size of group."""
    generator = np.random.default_rng(seed)
    return [generator.multinomial(size, np.full(size, 1 / size), draws) for size in sizes]
