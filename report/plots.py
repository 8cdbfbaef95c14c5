"""The plots of a report, as SVG that stands in a page by itself: no script, no font, nothing from elsewhere.

Pure: the evidence in, pictures out. Colours are told apart whatever the eye's colour vision.
"""

from collections.abc import Sequence
from math import ceil, log10

from zpscope.counting.sequential import anytime_interval
from zpscope.report.evidence import Evidence, Head
from zpscope.report.markup import Markup, tag

BOUND, UNBOUND = "#c2410c", "#0369a1"
_INK, _SOFT, _GRID = "#10181d", "#4a5a64", "#d5dce1"
_WIDTH, _HEIGHT = 460.0, 230.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 18.0, 12.0, 40.0
_LOOKS = 60
"""The running plot has at most so many points."""
_BINS = 20


class _Axes:
    """A box with two linear scales."""

    def __init__(self, x_most: float, y_most: float) -> None:
        self.x_most, self.y_most = x_most, y_most
        self._parts: list[Markup] = []

    def x(self, value: float) -> float:
        """Return where a value lies across."""
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * value / self.x_most

    def y(self, value: float) -> float:
        """Return where a value lies down."""
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / self.y_most

    def add(self, *parts: Markup) -> None:
        """Draw over what is drawn."""
        self._parts.extend(parts)

    def line(self, points: Sequence[tuple[float, float]], stroke: str, width: float = 1.6) -> None:
        """Draw a line through values."""
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        self.add(tag("polyline", points=path, fill="none", stroke=stroke, stroke_width=width))

    def svg(self, title: str, across: str, down: str) -> Markup:
        """Return the plot with its scales."""
        low, high = _HEIGHT - _BOTTOM, _TOP
        scales: list[Markup] = []
        for value in _steps(self.x_most):
            at = self.x(value)
            scales.append(tag("line", x1=at, x2=at, y1=low, y2=low + 4, stroke=_SOFT))
            scales.append(_text(f"{value:g}", at, low + 16, "middle"))
        for value in _steps(self.y_most):
            at = self.y(value)
            scales.append(tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=at, y2=at, stroke=_GRID))
            scales.append(_text(f"{value:g}", _LEFT - 6, at + 4, "end"))
        middle = (low + high) / 2
        return tag(
            "svg",
            tag("title", title),
            *scales,
            *self._parts,
            tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=low, y2=low, stroke=_INK),
            _text(across, (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, "middle"),
            _text(down, 12, middle, "middle", transform=f"rotate(-90 12 {middle:.1f})"),
            viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
            role="img",
            xmlns="http://www.w3.org/2000/svg",
        )


def running(evidence: Evidence, threshold_percent: float | None) -> Markup:
    """Return the percentage after every field, with the interval that holds at every look.

    `threshold_percent` is drawn if one may be held against it.
    """
    points: list[tuple[int, int]] = []
    k = n = 0
    for head, last in _with_last(evidence.counted):
        k, n = k + head.bound, n + 1
        if last:
            points.append((k, n))
    every = max(1, ceil(len(points) / _LOOKS))
    looks = points[::-every][::-1]
    rules, effect = evidence.summary.rules, evidence.summary.verdict.design_effect
    bands = [anytime_interval(k, n, rules["error_percent"] / 100, effect) for k, n in looks]
    start = next((i for i, (_, n) in enumerate(looks) if n >= 20), 0)
    most = max([10.0, *(100 * k / n for k, n in looks[start:]), *(100 * high for _, high in bands[-1:])])
    axes = _Axes(max(1, n), _round_up(min(100.0, 1.3 * most)))
    inside = [
        (n, min(axes.y_most, 100 * low), min(axes.y_most, 100 * high))
        for (_, n), (low, high) in zip(looks, bands, strict=True)
    ]
    outline = [(n, high) for n, _, high in inside] + [(n, low) for n, low, _ in reversed(inside)]
    path = " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in outline)
    axes.add(tag("polygon", points=path, fill=UNBOUND, fill_opacity="0.15"))
    axes.line([(n, min(axes.y_most, 100 * k / n)) for k, n in looks], UNBOUND)
    if threshold_percent is not None and threshold_percent < axes.y_most:
        at = axes.y(threshold_percent)
        axes.add(
            tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=at, y2=at, stroke=BOUND, stroke_dasharray="5 3"),
            _text(f"{threshold_percent:g} %", _WIDTH - _RIGHT - 4, at - 4, "end", fill=BOUND),
        )
    return axes.svg(
        f"Running percentage of ZP-binding heads: {k} of {n} at the end", "heads counted", "ZP-binding, %"
    )


def histogram(evidence: Evidence) -> Markup:
    """Return how many counted heads have which probability of binding."""
    bars = [0] * _BINS
    for head in evidence.counted:
        bars[min(_BINS - 1, int((head.p or 0.0) * _BINS))] += 1
    axes = _Axes(1.0, _round_up(max([4, *bars])))
    for i, count in enumerate(bars):
        left, top = axes.x(i / _BINS), axes.y(count)
        axes.add(
            tag(
                "rect",
                x=left + 1,
                y=top,
                width=axes.x(1 / _BINS) - axes.x(0) - 2,
                height=axes.y(0) - top,
                fill=BOUND if i >= _BINS / 2 else UNBOUND,
            )
        )
    return axes.svg("Histogram of the probability of ZP-binding", "P(ZP-binding)", "heads")


def _with_last(heads: Sequence[Head]) -> list[tuple[Head, bool]]:
    """Return each head with whether it is the last of its field."""
    after = [*heads[1:], *[None] * bool(heads)]
    return [(one, other is None or one.field != other.field) for one, other in zip(heads, after, strict=True)]


def _text(words: str, x: float, y: float, anchor: str, **more: str | float) -> Markup:
    look: dict[str, str | float] = {
        "font_size": 11.0,
        "font_family": "sans-serif",
        "fill": _SOFT,
        "text_anchor": anchor,
    }
    return tag("text", words, x=x, y=y, **(look | more))


def _round_up(value: float) -> float:
    step = 10 ** int(log10(value)) if value >= 1 else 0.1
    return next(step * times for times in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * times >= value * 0.999)


def _steps(most: float) -> list[float]:
    step = next(one for one in _sizes() if most / one <= 6)
    return [round(i * step, 6) for i in range(int(most / step + 1e-9) + 1)]


def _sizes() -> list[float]:
    return [factor * 10.0**power for power in range(-2, 7) for factor in (1, 2, 5)]
