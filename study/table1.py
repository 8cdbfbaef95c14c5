"""What follows from Table 1 of Leung et al. 2025: every figure, computed from its 30 rows.

Reads a CSV with the columns of the printed table, odd values included, and reports these as remarks. The paper gives
no number of heads per patient; where one is needed it is the average of its clinical cohort, 33,000 / 117 = 282.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from zpscope.counting.interval import wilson
from zpscope.study.accuracy import Accuracy, Share, accuracy, mcnemar
from zpscope.study.cohort import ENDS, PATIENT, PERCENT, RATE, Cohort, cohort_of
from zpscope.study.groups import Difference, Summary, difference, rank_correlation, summary
from zpscope.study.logistic import Logistic, logistic
from zpscope.study.roc import Area, Cut, area, best_cuts, spread_of_area
from zpscope.study.table import Table, read_table

THRESHOLD_PERCENT = 4.9
THRESHOLD_PERMILLE = 49
HEADS = 282
HEADS_TRIED = (200, HEADS, 400, 1000, 2000)
SEED, DRAWS = 1, 10_000
MORPHOLOGY = "raw_morphology_pct"
_RAW = ("raw_progressive_motility_pct", "raw_nonprogressive_motility_pct")
_CONCENTRATION = "raw_sperm_concentration"
_PROCESSED = ("dgc_progressive_motility_pct", "dgc_nonprogressive_motility_pct")
_SEMEN = (*_RAW, _CONCENTRATION, MORPHOLOGY, *_PROCESSED, "dgc_sperm_concentration")
_PRINTED_SENSITIVITY, _PRINTED_SPECIFICITY = Share(27, 30), Share(50, 56)
_PRINTED = (_PRINTED_SENSITIVITY, _PRINTED_SPECIFICITY, Share(120, 123), Share(143, 149))
"""The whole numbers behind the paper's sensitivity 90.0 % and specificity 89.3 % of 86 men, and behind 97.6 % and
96.0 % of the classifier: the only ones of these sizes that round to what is printed."""


@dataclass(frozen=True)
class Table1:
    """Everything; percentages unless the name says otherwise."""

    rules: dict[str, Accuracy]
    areas: dict[str, tuple[Area, float]]
    """By column: the area, and Mann-Whitney's P."""
    morphology_area_bootstrap: tuple[float, float]
    cuts: list[Cut]
    morphology_youden: float
    mcnemar: tuple[int, int, float]
    """Patients for whom only the percentage is right, only morphology; exact P."""
    groups: dict[str, Summary]
    difference: Difference
    regression: Logistic
    correlations: dict[str, tuple[float, float]]
    """Spearman's rho and P of percentage and fertilization rate: all, high, low."""
    chance_if_as_printed: float
    """Of 30 right of 30, if the rule had the paper's sensitivity and specificity."""
    counting_sd: float
    """Of the low group's mean at 282 heads, percentage points."""
    homogeneity_p: float
    """Chi-square: the low group's patients differ by counting alone."""
    low_pooled: Share
    straddling: dict[int, list[str]]
    """By number of heads: patients whose Wilson interval contains the threshold."""
    repeated: dict[int, float]
    """By number of heads: chance that all 30 come to the same side again."""
    nearest: tuple[str, tuple[float, float]]
    """The patient just above the threshold, and the interval at 282 heads."""
    printed: list[Share]
    odd: list[str]
    """Values of the table that cannot be, or do not go with its text."""


def read_table1(path: Path) -> Table1:
    """Return what follows from a CSV of Table 1; raise CohortRefused with a line for every row that will not do."""
    table = read_table(path, (PATIENT, PERCENT, RATE, *_SEMEN))
    cohort = cohort_of(table)
    semen = {
        name: np.array(table.numbers(name, 0, 1e4 if name.endswith("concentration") else 100))
        for name in _SEMEN
    }
    for row, group in enumerate(cohort.groups):
        if group == "intermediate":
            table.reject(row, f"{RATE} is {table.rows[row][RATE]}: Table 1 has no intermediate group")
    for group in ENDS:
        if cohort.groups.count(group) < 3:
            table.problems.append(
                f"{path}: fewer than 3 patients of {group} fertilization: Table 1 has 14 and 16"
            )
    table.check()
    return table1(cohort, semen, odd_values(table))


def table1(cohort: Cohort, semen: dict[str, NDArray[np.float64]], odd: list[str]) -> Table1:
    """Compute everything; `semen` holds one value a patient (n,) by column."""
    low, high = cohort.of("low"), cohort.of("high")
    percent, rate, morphology = cohort.percent, cohort.rate, semen[MORPHOLOGY]
    called = percent <= THRESHOLD_PERCENT
    by_morphology = morphology < 4
    groups = {"high": summary(percent[high]), "low": summary(percent[low])}
    low_counts = [round(HEADS * one / 100) for one in percent[low]]
    mean = groups["low"].mean / 100
    above = np.where(called, np.inf, percent)
    nearest = int(above.argmin())
    columns = {PERCENT: percent} | semen
    return Table1(
        rules={
            f"ZP <= {THRESHOLD_PERCENT} %": accuracy(called, low),
            "WHO morphology < 4 %": accuracy(by_morphology, low),
            "morphology <= 4 %": accuracy(morphology <= 4, low),
            "semen analysis: IVF yes": accuracy(np.zeros_like(low), low),
        },
        areas={
            name: (area(values[low], values[high]), difference(values[low], values[high]).mann_whitney_p)
            for name, values in columns.items()
        },
        morphology_area_bootstrap=spread_of_area(morphology[low], morphology[high], SEED, DRAWS),
        cuts=best_cuts(percent[low], percent[high]),
        morphology_youden=best_cuts(morphology[low], morphology[high])[0].youden,
        mcnemar=mcnemar(called == low, by_morphology == low),
        groups=groups,
        difference=difference(percent[high], percent[low]),
        regression=logistic(percent, high),
        correlations={
            name: found
            for name, chosen in (("all", low | high), ("high", high), ("low", low))
            if (found := rank_correlation(percent[chosen], rate[chosen]))
        },
        chance_if_as_printed=float(0.9 ** low.sum() * 0.893 ** high.sum()),
        counting_sd=100 * (mean * (1 - mean) / HEADS) ** 0.5,
        homogeneity_p=_homogeneity(low_counts),
        low_pooled=Share(sum(low_counts), HEADS * len(low_counts)),
        straddling={heads: _straddling(cohort, heads) for heads in (HEADS, 1000)},
        repeated={heads: _repeated(percent, called, heads) for heads in HEADS_TRIED},
        nearest=(cohort.patients[nearest], _interval(percent[nearest], HEADS)),
        printed=list(_PRINTED),
        odd=odd,
    )


def odd_values(table: Table) -> list[str]:
    """Return what in the rows cannot be, or contradicts the paper's "all patients presented normal semen analysis"."""
    raw = [_RAW[0], _RAW[1], _CONCENTRATION, MORPHOLOGY]
    rows = [(cells, {name: float(cells[name] or 0) for name in _SEMEN}) for cells in _readable(table)]
    odd: list[str] = []
    for i, (cells, one) in enumerate(rows):
        name = f"patient {cells[PATIENT]}"
        for kind, columns in (("raw", _RAW), ("processed", _PROCESSED)):
            total = sum(one[column] for column in columns)
            if total > 100:
                odd.append(f"{name}: {kind} progressive and nonprogressive motility add up to {total:g} %")
            elif kind == "raw" and total <= 40:
                odd.append(f"{name}: raw total motility {total:g} %, not above the 40 % that the paper gives")
        if one[_CONCENTRATION] <= 15:
            odd.append(
                f"{name}: raw concentration {one[_CONCENTRATION]:g}, not above the 15 M/ml of the paper"
            )
        for other, values in rows[:i]:
            if all(values[column] == one[column] for column in raw):
                odd.append(f"{name}: the same raw semen values as patient {other[PATIENT]}")
    below = [cells[PATIENT] for cells, one in rows if one[MORPHOLOGY] < 4]
    if below:
        odd.append(f"patients {', '.join(below)}: morphology below 4 %")
    return odd


def _readable(table: Table) -> Iterable[dict[str, str]]:
    return table.rows if not table.problems else ()


def _homogeneity(counts: list[int]) -> float:
    if not any(counts):
        return 1.0
    return float(stats.chi2_contingency([counts, [HEADS - k for k in counts]]).pvalue)


def _interval(percent: float, heads: int) -> tuple[float, float]:
    low, high = wilson(round(heads * percent / 100), heads)
    return 100 * low, 100 * high


def _straddling(cohort: Cohort, heads: int) -> list[str]:
    spans = [_interval(one, heads) for one in cohort.percent]
    return [
        name
        for name, (low, high) in zip(cohort.patients, spans, strict=True)
        if low <= THRESHOLD_PERCENT <= high
    ]


def _repeated(percent: NDArray[np.float64], called: NDArray[np.bool_], heads: int) -> float:
    most = THRESHOLD_PERMILLE * heads // 1000
    below = stats.binom.cdf(most, heads, percent / 100)
    return float(np.prod(np.where(called, below, 1 - below)))
