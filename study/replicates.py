"""Do two slides of a sample give the same percentage? For every sample of a CSV, and over all of them.

The limit and P of one sample are the exact ones of `counting.replicates`. Over all samples: the standard deviation
between slides of one sample, and whether it is more than counting alone explains (Pearson's chi-square).
"""

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import stats

from zpscope.counting.replicates import agreement, difference_limit_percent
from zpscope.study.accuracy import Share
from zpscope.study.table import read_table

_DISAGREE = 0.05
_MOST = 5000
"""Heads of one slide; the exact test needs memory for the square of it."""


@dataclass(frozen=True)
class Pair:
    """Two slides of one sample."""

    slides: tuple[str, str]
    difference_percent: float
    limit_percent: float
    """What counting alone stays within 95 times of 100, at the pooled share and the smaller number of heads."""
    p: float

    @property
    def agree(self) -> bool:
        """Whether counting alone explains the difference."""
        return self.p >= _DISAGREE


@dataclass(frozen=True)
class Replicates:
    """The slides of one sample."""

    sample: str
    slides: dict[str, Share]
    pooled: Share
    pairs: list[Pair]


@dataclass(frozen=True)
class Reproducibility:
    """All samples."""

    samples: list[Replicates]
    sd_percent: float
    """Within samples, between slides, in percentage points."""
    counting_sd_percent: float
    """What counting alone would make it."""
    p: float
    """Of the chi-square test that counting alone explains it."""


def read_replicates(path: Path) -> dict[str, dict[str, Share]]:
    """Return the slides of every sample of a CSV; raise CohortRefused with a line for every row that will not do."""
    table = read_table(path, ("sample", "slide", "k", "n"))
    names, slides = table.texts("sample"), table.texts("slide")
    bound, heads = table.counts("k", _MOST), table.counts("n", _MOST)
    samples: dict[str, dict[str, Share]] = {}
    for row, (name, slide, k, n) in enumerate(zip(names, slides, bound, heads, strict=True)):
        if n == 0 and table.rows[row]["n"]:
            table.reject(row, "n is 0, but a slide without heads has no percentage")
        elif k > n:
            table.reject(row, f"k is {k}, more than n, which is {n}")
        if slide in samples.setdefault(name, {}):
            table.reject(row, f"slide {slide} of sample {name} is there already")
        samples[name][slide] = Share(k, n)
    for name, found in samples.items():
        if name and len(found) < 2:
            table.reject(names.index(name), f"sample {name} has one slide only: replicates need two or more")
    table.check()
    return samples


def reproducibility(samples: dict[str, dict[str, Share]]) -> Reproducibility:
    """Compare the slides of every sample."""
    each = [_compare(name, slides) for name, slides in samples.items()]
    squares = expected = statistic = 0.0
    freedom = 0
    for one in each:
        shares = [slide.k / slide.n for slide in one.slides.values()]
        pooled = one.pooled.k / one.pooled.n
        spread = pooled * (1 - pooled)
        squares += float(np.var(shares, ddof=1)) * (len(shares) - 1)
        variances = [spread / slide.n for slide in one.slides.values()]
        expected += float(np.mean(variances)) * (len(shares) - 1)
        freedom += len(shares) - 1
        if spread > 0:
            statistic += sum((s - pooled) ** 2 / v for s, v in zip(shares, variances, strict=True))
    return Reproducibility(
        samples=each,
        sd_percent=100 * (squares / freedom) ** 0.5,
        counting_sd_percent=100 * (expected / freedom) ** 0.5,
        p=float(stats.chi2.sf(statistic, freedom)),
    )


def _compare(name: str, slides: dict[str, Share]) -> Replicates:
    pooled = Share(sum(one.k for one in slides.values()), sum(one.n for one in slides.values()))
    pairs = [
        Pair(
            slides=(first, second),
            difference_percent=abs(one.percent - other.percent),
            limit_percent=difference_limit_percent(pooled.percent, min(one.n, other.n)),
            p=agreement(one.k, one.n, other.k, other.n),
        )
        for (first, one), (second, other) in combinations(slides.items(), 2)
    ]
    return Replicates(name, slides, pooled, pairs)
