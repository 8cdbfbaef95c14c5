"""The words and digits of a study's figures: how a share, an interval and a P are printed."""

from zpscope.study.accuracy import Accuracy, Share
from zpscope.study.groups import Difference, Summary
from zpscope.study.logistic import Logistic
from zpscope.study.replicates import Pair, Replicates
from zpscope.study.roc import Area, Cut


def span(interval: tuple[float, float], digits: int = 1) -> str:
    """Return an interval; whole ends stand without a decimal point, as in print."""
    return " to ".join(_digits(one, digits) for one in interval)


def share(one: Share) -> str:
    """Return k/n, its percentage, and both intervals."""
    return (
        f"{one.k}/{one.n} = {one.percent:.1f} % "
        f"(Clopper-Pearson {span(one.clopper_pearson)}, Wilson {span(one.wilson)})"
    )


def rule(one: Accuracy) -> str:
    """Return sensitivity, specificity and accuracy, positive = defective."""
    right = one.right
    return (
        f"sensitivity {share(one.sensitivity)}; specificity {share(one.specificity)}; "
        f"right {right.k}/{right.n} = {right.percent:.1f} % (Clopper-Pearson {span(right.clopper_pearson)})"
    )


def p(value: float | None) -> str:
    """Return a P with two significant digits; None: there was nothing to test."""
    if value is None:
        return "not tested"
    return f"P = {value:.2g}" if value >= 1e-4 else f"P = {value:.1e}"


def roc_area(one: Area) -> str:
    """Return the area and its interval, or why it has none."""
    if one.interval is None:
        return f"{one.area:.3f}; no DeLong interval, for the groups do not overlap (its variance is 0)"
    return f"{one.area:.3f} (DeLong 95 % {span(one.interval, 3)})"


def cut(one: Cut) -> str:
    """Return every cut that is as good."""
    return (
        f"J = {one.youden:.2f} for any cut from {one.low:g} to below {one.high:g} (middle {one.middle:.4g})"
    )


def regression(one: Logistic) -> str:
    """Return the method and the slope."""
    why = "the groups do not overlap" if one.method == "Firth" else "the groups overlap"
    return (
        f"{one.method} ({why}): log odds of high fertilization = {one.intercept:.3f} + {one.slope:.3f} per point; "
        f"slope 95 % {span(one.interval, 3)} (profile likelihood), {p(one.p)}"
    )


def group(one: Summary) -> str:
    """Return mean +- SEM and what else describes a group."""
    if one.sem is None or one.sd is None:
        return f"{one.mean:.2f} (n = 1)"
    normal = "too few or alike for a test" if one.shapiro_p is None else f"Shapiro {p(one.shapiro_p)}"
    return f"{one.mean:.2f} +- {one.sem:.2f} SEM (n = {one.n}, SD {one.sd:.2f}, median {one.median:.4g}, {normal})"


def test(one: Difference) -> str:
    """Return the P of the chosen test, and of the others."""
    return (
        f"{one.chosen}, two-tailed: {p(one.p)} (Student {p(one.student_p)}, Welch {p(one.welch_p)}, "
        f"Mann-Whitney {p(one.mann_whitney_p)})"
    )


def correlation(one: tuple[float, float] | None) -> str:
    """Return Spearman's rho and its P."""
    return "too few or alike" if one is None else f"rho = {one[0]:.2f}, {p(one[1])}"


def pair(sample: Replicates, one: Pair) -> str:
    """Return two slides, how far they are apart, and how far they may be."""
    slides = " and ".join(f"{sample.slides[name].k}/{sample.slides[name].n}" for name in one.slides)
    return (
        f"{slides}: difference {one.difference_percent:.1f}, limit {one.limit_percent:.1f} points, "
        f"exact {p(one.p)}: {'they agree' if one.agree else 'THEY DISAGREE'}; pooled {sample.pooled.percent:.1f} %"
    )


def _digits(value: float, digits: int) -> str:
    return f"{value:.0f}" if value in (0, 100) else f"{value:.{digits}f}"
