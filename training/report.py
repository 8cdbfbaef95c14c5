"""One self-contained HTML page for a training run: what was asked, the curves, the judgements. No script, no link."""

from collections.abc import Sequence
from html import escape
from typing import Any

from zpscope.training.judge import kept
from zpscope.training.run import Run

_NOTICE = "For Research Use Only. Not for use in diagnostic procedures."
_SIDE = 320
_COLOURS = ("#1b6ca8", "#c2571a", "#3d7d3d")
_STYLE = """body{font:15px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2em .6em;text-align:left}
figure{display:inline-block;margin:1em 1em 0 0}svg{border:1px solid #ccc}"""

Curve = tuple[str, Sequence[tuple[float, float]]]
"""A name, and its points (x, y)."""


def write_report(run: Run) -> None:
    """Write `report.html` into the folder of a run that has a trained epoch."""
    epoch, rate, epochs = run.best()
    losses: list[Curve] = [
        ("train", [(one.number, one.loss) for one in epochs]),
        ("validation", [(one.number, one.validation_loss) for one in epochs]),
    ]
    shares: list[Curve] = [
        ("train", [(one.number, one.accuracy) for one in epochs]),
        ("validation", [(one.number, one.validation_accuracy) for one in epochs]),
    ]
    parts = [
        f"<h1>Training run {escape(run.folder.name)}</h1><p>{_NOTICE}</p>",
        f"<p>Kept: epoch {epoch.number} at rate {rate:g}, {epoch.validation_accuracy:.4f} right in the "
        "validation set, which chose it; only the test set is held out.</p>",
        _plot("loss", losses),
        _plot("accuracy", shares, low=0),
    ]
    for name, judged in kept(run).items():
        parts += (
            [_judged(f"{name} {i + 1}", one) for i, one in enumerate(judged)]
            if isinstance(judged, list)
            else [_judged(name, judged)]
        )
    rows = "".join(f"<tr><th>{escape(key)}<td>{escape(str(value))}" for key, value in vars(run.plan).items())
    parts.append(f"<h2>Plan</h2><table>{rows}</table>")
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(run.folder.name)}</title>'
    text = f"{page}<style>{_STYLE}</style>{''.join(parts)}</html>\n"
    fresh = run.folder / "report.html.new"
    fresh.write_text(text, "utf-8")
    fresh.replace(run.folder / "report.html")


def _judged(name: str, one: Any) -> str:  # noqa: ANN401  (a judgement as JSON)
    counts = one["confusion"]
    wrong = counts["bound"] - counts["bound_right"], counts["unbound"] - counts["unbound_right"]
    opened = f" (test set opened {one['opened']} time(s))" if one["opened"] else ""
    figures = "".join(
        f"<tr><th>{escape(key)}<td>{metric['value']:.4f}<td>{metric['low']:.4f} to {metric['high']:.4f}"
        f"<td>{escape(metric['counts'])}<td>{escape(metric['interval'])}"
        for key, metric in one["metrics"].items()
    )
    curve = [(each["probability"], each["bound"]) for each in one["curve"]]
    return (
        f"<h2>{escape(name)}{opened}</h2><table><tr><th><th>called bound<th>called unbound"
        f"<tr><th>bound<td>{counts['bound_right']}<td>{wrong[0]}"
        f"<tr><th>unbound<td>{wrong[1]}<td>{counts['unbound_right']}</table><table>{figures}</table>"
        f"<p>Temperature {one['temperature']:.3f}, calibration error {one['calibration_error']:.4f}.</p>"
        + _plot("ROC: true against false positive rate", [("", one["roc"])], low=0, right=1)
        + _plot("calibration: share bound against probability", [("", curve)], low=0, right=1)
    )


def _plot(title: str, curves: Sequence[Curve], low: float | None = None, right: float | None = None) -> str:
    """Return a picture of curves; the axes hold all points, or begin at `low` and end at (`right`, 1)."""
    points = [point for _, curve in curves for point in curve]
    x0, x1 = (0.0, right) if right else (min(x for x, _ in points), max(x for x, _ in points))
    y0, y1 = (low, 1.0) if low is not None else (0.0, max(y for _, y in points))
    across, up = (x1 - x0) or 1.0, (y1 - y0) or 1.0
    lines = "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
        + " ".join(f"{(x - x0) / across * _SIDE:.1f},{(1 - (y - y0) / up) * _SIDE:.1f}" for x, y in curve)
        + '"/>'
        for (_, curve), colour in zip(curves, _COLOURS, strict=False)
    )
    names = ", ".join(
        f'<span style="color:{c}">{n}</span>' for (n, _), c in zip(curves, _COLOURS, strict=False) if n
    )
    return (
        f'<figure><svg width="{_SIDE}" height="{_SIDE}">{lines}</svg><figcaption>{escape(title)} {names}<br>'
        f"x {x0:g} to {x1:g}, y {y0:g} to {y1:.3g}</figcaption></figure>"
    )
