"""The answers of `zpscope study`: a CSV in; values, lines to read and figures out. Needs the extra `study`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from zpscope.config.errors import CohortRefused
from zpscope.study import plots, words
from zpscope.study.accuracy import accuracy
from zpscope.study.cohort import ENDS, GROUPS, Cohort, Group, read_cohort
from zpscope.study.groups import difference, rank_correlation, summary
from zpscope.study.logistic import logistic
from zpscope.study.replicates import read_replicates, reproducibility
from zpscope.study.roc import Values, area, best_cuts, spread_of_cut
from zpscope.study.table1 import DRAWS, HEADS, THRESHOLD_PERCENT, read_table1


@dataclass(frozen=True)
class Answer:
    """What a question came to."""

    values: Mapping[str, object]
    """For programs: dataclasses, numbers, words."""
    lines: list[tuple[str, str]]
    """For people: what, and how much."""
    figures: dict[str, plots.Figure]
    """By name."""


def _table1(path: Path, seed: int, draws: int) -> Answer:
    del seed, draws
    found = read_table1(path)
    lines = [
        *((f"rule {name}", words.rule(one)) for name, one in found.rules.items()),
        *(
            (f"AUC {name}", f"{words.roc_area(one)}; Mann-Whitney {words.p(p)}")
            for name, (one, p) in found.areas.items()
        ),
        (
            "AUC morphology, bootstrap",
            f"95 % {words.span(found.morphology_area_bootstrap, 2)} ({DRAWS} draws of patients)",
        ),
        *(("Youden, ZP", words.cut(one)) for one in found.cuts),
        ("Youden, morphology", f"J = {found.morphology_youden:.2f} at most"),
        (
            "McNemar, ZP against WHO morphology",
            f"{found.mcnemar[0]} against {found.mcnemar[1]} discordant, exact {words.p(found.mcnemar[2])}",
        ),
        *((f"{name} fertilization, ZP", words.group(one)) for name, one in found.groups.items()),
        ("high against low", words.test(found.difference)),
        ("regression", words.regression(found.regression)),
        *(
            (f"ZP against fertilization rate, {name}", words.correlation(one))
            for name, one in found.correlations.items()
        ),
        (
            "30 right of 30",
            f"chance {found.chance_if_as_printed:.3f} if the rule were as right as the paper's 90.0 % and 89.3 %",
        ),
        (
            "counting noise",
            f"SD {found.counting_sd:.2f} points at {found.groups['low'].mean:.1f} % and {HEADS} heads; "
            f"does the low group vary by more? chi-square {words.p(found.homogeneity_p)}",
        ),
        ("low group pooled", words.share(found.low_pooled)),
        *(
            (f"interval contains {THRESHOLD_PERCENT} % at {heads} heads", f"patients {', '.join(names)}")
            for heads, names in found.straddling.items()
        ),
        *(
            (f"all on the same side again at {heads} heads", f"chance {chance:.2f}")
            for heads, chance in found.repeated.items()
        ),
        (f"patient {found.nearest[0]} at {HEADS} heads", f"Wilson {words.span(found.nearest[1])} %"),
        *((f"published {one.k}/{one.n}", words.share(one)) for one in found.printed),
        *(("odd value", one) for one in found.odd),
        (
            "not to be quoted",
            "30 of 30: these patients are extremes, chosen without the intermediate group",
        ),
    ]
    cohort = read_cohort(path)
    return Answer(
        {"table1": found},
        lines,
        {"roc": plots.roc(*_values(cohort)), "groups": plots.groups(_by_group(cohort))},
    )


def _threshold(path: Path, seed: int, draws: int) -> Answer:
    cohort = read_cohort(path)
    low, high = _values(cohort)
    defective = cohort.of("low")[~cohort.of("intermediate")]
    percent = cohort.percent[~cohort.of("intermediate")]
    roc = area(low, high)
    cuts = best_cuts(low, high)
    at_best = accuracy(percent <= cuts[0].middle, defective)
    published = accuracy(percent <= THRESHOLD_PERCENT, defective)
    spread = spread_of_cut(low, high, seed, draws)
    model = logistic(percent, ~defective)
    lines = [
        ("patients", f"{len(low)} of low, {len(high)} of high fertilization; positive = low (defective)"),
        ("AUC", words.roc_area(roc)),
        ("regression", words.regression(model)),
        *(("Youden", words.cut(one)) for one in cuts),
        (
            "bootstrap of the cut",
            f"95 % {words.span(spread.interval, 2)} ({draws} draws of patients, seed {seed})",
        ),
        ("optimism", f"J is {spread.optimism:.3f} less on patients that did not choose the cut (bootstrap)"),
        ("at this cut", words.rule(at_best)),
        (f"at the published {THRESHOLD_PERCENT} %", words.rule(published)),
    ]
    values = {
        "area": roc,
        "regression": model,
        "cuts": cuts,
        "spread": {"interval": spread.interval, "optimism": spread.optimism, "seed": seed, "draws": draws},
        "at_best_cut": at_best,
        "at_published_cut": published,
    }
    return Answer(values, lines, {"roc": plots.roc(low, high), "cuts": plots.cuts(spread, THRESHOLD_PERCENT)})


def _groups(path: Path, seed: int, draws: int) -> Answer:
    del seed, draws
    cohort = read_cohort(path)
    by_group = _by_group(cohort)
    summaries = {name: summary(values) for name, values in by_group.items()}
    compared = difference(*_values(cohort))
    correlations = {"all": rank_correlation(cohort.percent, cohort.rate)} | {
        name: rank_correlation(cohort.percent[cohort.of(name)], cohort.rate[cohort.of(name)])
        for name in by_group
    }
    lines = [
        *((f"{name} fertilization", words.group(one)) for name, one in summaries.items()),
        ("high against low", words.test(compared)),
        *((f"Spearman, {name}", words.correlation(one)) for name, one in correlations.items()),
    ]
    values = {"groups": summaries, "difference": compared, "correlations": correlations}
    return Answer(values, lines, {"groups": plots.groups(by_group)})


def _replicates(path: Path, seed: int, draws: int) -> Answer:
    del seed, draws
    found = reproducibility(read_replicates(path))
    lines = [
        *(
            (
                f"sample {one.sample}, {' and '.join(pair.slides)}",
                words.pair(one, pair),
            )
            for one in found.samples
            for pair in one.pairs
        ),
        (
            "between slides of a sample",
            f"SD {found.sd_percent:.2f} points; counting alone {found.counting_sd_percent:.2f}; "
            f"chi-square {words.p(found.p)}",
        ),
    ]
    return Answer({"replicates": found}, lines, {"replicates": plots.replicates(found)})


ANSWERS: dict[str, Callable[[Path, int, int], Answer]] = {
    "table1": _table1,
    "threshold": _threshold,
    "groups": _groups,
    "replicates": _replicates,
}


def _by_group(cohort: Cohort) -> dict[Group, Values]:
    return {name: cohort.percent[cohort.of(name)] for name in GROUPS if cohort.of(name).any()}


def _values(cohort: Cohort) -> Iterator[Values]:
    if cohort.percent.min() == cohort.percent.max():
        msg = "every patient has the same percentage: there is nothing to compare"
        raise CohortRefused(msg)
    for name in ENDS:
        values = cohort.percent[cohort.of(name)]
        if len(values) < 3:
            msg = f"{len(values)} patients of {name} fertilization: a comparison needs 3 or more"
            raise CohortRefused(msg)
        yield values
