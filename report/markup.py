"""HTML and SVG out of values, never out of text: whatever is not markup already is escaped.

Knows tags and attributes; knows nothing of what they show.
"""

from html import escape


class Markup(str):
    """Text that is HTML or SVG already; only this file makes it from other text."""

    __slots__ = ()


Child = Markup | str | int


def tag(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """Return an element; `class_` is the attribute `class`, `stroke_width` is `stroke-width`, None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def empty(name: str, /, **attributes: str | float | None) -> Markup:
    """Return an element that has no content and no end in HTML: img, meta."""
    return Markup(tag(name, **attributes).removesuffix(f"</{name}>"))


def join(*children: Child) -> Markup:
    """Return children side by side."""
    return Markup("".join(one if isinstance(one, Markup) else escape(str(one)) for one in children))


def style_sheet(css: str) -> Markup:
    """Return a style element; CSS that would end it is refused."""
    if "</" in css:
        msg = "a style sheet must not hold </"
        raise ValueError(msg)
    return Markup(f"<style>{css}</style>")


def _text(value: str | float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
