"""Figures of a study. The only file that knows Matplotlib; draws on no screen and asks no network."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure as Figure
from matplotlib.typing import RcKeyType

from zpscope.config.notice import NOTICE
from zpscope.study.cohort import Group
from zpscope.study.replicates import Reproducibility
from zpscope.study.roc import Spread, Values, area, curve

_BLUE, _GREY, _RED = "#2b5c8a", "#8a8f98", "#b3402e"
_SIZE_INCH = (4.6, 4.2)
_STYLE: dict[RcKeyType, object] = {
    "svg.hashsalt": "zpscope",
    "svg.fonttype": "path",
}


def roc(low: Values, high: Values) -> Figure:
    """Return the ROC curve of telling low fertilization from high by the percentage."""
    figure = Figure(_SIZE_INCH, layout="constrained")
    axes = figure.add_subplot()
    false, true = curve(low, high)
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8, linestyle="--")
    axes.plot(false, true, color=_BLUE, linewidth=1.8, drawstyle="steps-post", clip_on=False)
    axes.set(
        xlabel="1 - specificity",
        ylabel="sensitivity (positive: low fertilization)",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
        title=f"ROC, area {area(low, high).area:.3f}",
    )
    return figure


def groups(by_group: Mapping[Group, Values]) -> Figure:
    """Return the percentages of every patient by group, with mean and SEM."""
    figure = Figure(_SIZE_INCH, layout="constrained")
    axes = figure.add_subplot()
    for place, values in enumerate(by_group.values()):
        order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
        beside = place + 0.24 * ((order * 0.618) % 1 - 0.5)
        axes.scatter(beside, values, s=16, color=_BLUE, alpha=0.75, linewidths=0)
        sem = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0
        axes.errorbar(place + 0.3, values.mean(), sem, color=_RED, marker="_", markersize=12, capsize=3)
    axes.set(
        ylabel="ZP-binding, %",
        xticks=range(len(by_group)),
        xticklabels=[f"{name}\nn = {len(values)}" for name, values in by_group.items()],
        xlabel="fertilization",
        xlim=(-0.5, len(by_group) - 0.3),
        title="Patients, mean and SEM",
    )
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    return figure


def cuts(spread: Spread, published: float) -> Figure:
    """Return the histogram of bootstrap cuts."""
    figure = Figure(_SIZE_INCH, layout="constrained")
    axes = figure.add_subplot()
    axes.hist(spread.cuts, bins=40, color=_BLUE)
    for end in spread.interval:
        axes.axvline(end, color=_GREY, linestyle="--", linewidth=1)
    axes.axvline(published, color=_RED, linewidth=1.2, label=f"published {published:g} %")
    axes.legend(frameon=False)
    axes.set(xlabel="best cut, % (dashed: 95 %)", ylabel="bootstrap samples", title="Youden cut, resampled")
    return figure


def replicates(found: Reproducibility) -> Figure:
    """Return the slides of every sample with their Wilson intervals."""
    figure = Figure((max(_SIZE_INCH[0], 0.6 * len(found.samples) + 1), _SIZE_INCH[1]), layout="constrained")
    axes = figure.add_subplot()
    for place, one in enumerate(found.samples):
        agree = all(pair.agree for pair in one.pairs)
        for number, slide in enumerate(one.slides.values()):
            x = place + 0.22 * (number - (len(one.slides) - 1) / 2)
            low, high = slide.wilson
            axes.errorbar(
                x,
                slide.percent,
                [[slide.percent - low], [high - slide.percent]],
                color=_BLUE if agree else _RED,
                marker="o",
                markersize=4,
                capsize=2,
                linewidth=1,
            )
    axes.set(
        ylabel="ZP-binding, % (Wilson 95 %)",
        xticks=range(len(found.samples)),
        xticklabels=[one.sample for one in found.samples],
        title="Slides of each sample (red: they disagree)",
    )
    axes.set_ylim(bottom=0)
    return figure


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as PNG and as SVG, the same bytes for the same figure, and return the paths."""
    figure.supxlabel(NOTICE, fontsize=6, color=_GREY)
    paths = [stem.with_suffix(ending) for ending in (".png", ".svg")]
    with rc_context(_STYLE):
        figure.savefig(paths[0], dpi=200, metadata={"Software": None})
        figure.savefig(paths[1], metadata={"Date": None, "Creator": None})
    return paths
