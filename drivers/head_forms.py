"""How the sperm of a smear differ besides binding: abnormal heads, vacuoles, coiled and bent tails, double heads.

Drawn apart from what tells binders from non-binders, and alike for both, but for one thing: a head without an
acrosome is never a binder. Draws nothing.
"""

from dataclasses import replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from zpscope.drivers.slide_layout import HeadForm, Sperm

_FORMS: tuple[tuple[HeadForm, float, float, float], ...] = (
    ("tapered", 0.02, 1.31, 0.74),
    ("pyriform", 0.02, 1.1, 1.0),
    ("amorphous", 0.02, 1.0, 1.0),
    ("round", 0.01, 0.83, 1.2),
    ("macro", 0.01, 1.3, 1.3),
    ("micro", 0.01, 0.75, 0.75),
)
"""Form, share of the heads, factors of length and width."""
_VACUOLES = 0.4
"""Mean number in a head."""
_COILED, _BENT = 0.03, 0.05
"""Shares of the tails."""
_LOOSE = 0.03
"""Share of the heads that lost their tail."""
_BARE = 0.05
"""Share of the non-binders that have no acrosome."""


def vary(rng: np.random.Generator, one: Sperm) -> Sperm:
    """Return a sperm with a form, vacuoles and a tail of its own."""
    drawn = rng.uniform()
    ends = accumulate(share for _, share, _, _ in _FORMS)
    form, longer, wider = next(
        (
            (form, longer, wider)
            for (form, _, longer, wider), end in zip(_FORMS, ends, strict=True)
            if drawn < end
        ),
        ("normal", 1.0, 1.0),
    )
    spots = rng.uniform((-0.6, -0.45, 0.25), (0.7, 0.45, 0.6), (int(rng.poisson(_VACUOLES)), 3))
    tail_um = _tail(rng, one.tail_um)
    loose, bare = (rng.uniform(size=2) < (_LOOSE, _BARE)).tolist()
    return replace(
        one,
        form=form,
        length_um=one.length_um * longer,
        width_um=one.width_um * wider,
        vacuoles=tuple((float(x), float(y), float(wide)) for x, y, wide in spots),
        tail_um=tail_um[:0] if loose else tail_um,
        acrosome_share=0.02 if bare and not one.bound else one.acrosome_share,
    )


def as_double(first: Sperm, second: Sperm) -> Sperm:
    """Return the second head of a sperm that has two: beside the first, and on its tail."""
    turn = np.radians(first.angle_deg)
    side = np.array([-np.sin(turn), np.cos(turn)]) * 0.8 * first.width_um
    return replace(
        second,
        x_um=first.x_um + float(side[0]),
        y_um=first.y_um + float(side[1]),
        angle_deg=(first.angle_deg - 20 + 180) % 360 - 180,
        tail_um=first.tail_um,
    )


def _tail(rng: np.random.Generator, course_um: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a tail's course (M, 2): as it was, coiled up behind the midpiece, or bent there."""
    kind = rng.uniform()
    if kind > _COILED + _BENT:
        return course_um
    steps = np.diff(course_um[5:], axis=0)
    turn = (
        np.linspace(0, 5 * np.pi, len(steps))
        if kind < _COILED
        else np.full(len(steps), rng.uniform(1.6, 2.6))
    )
    shrink = np.linspace(1.0, 0.5, len(steps)) if kind < _COILED else np.ones(len(steps))
    cos, sin = np.cos(turn) * shrink, np.sin(turn) * shrink
    turned = np.column_stack([steps[:, 0] * cos - steps[:, 1] * sin, steps[:, 0] * sin + steps[:, 1] * cos])
    return np.asarray(np.vstack([course_um[:6], course_um[5] + np.cumsum(turned, axis=0)]))
