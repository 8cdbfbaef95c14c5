"""Which sperm of a usual smear can be graded: those that nothing lies on, and that touch no other.

The sperm are those of the clean slide of the same seed, and a few more that touch one of them. Draws nothing.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from zpscope.drivers.head_forms import as_double, vary
from zpscope.drivers.litter import Litter, litter_on_tile
from zpscope.drivers.slide_layout import TILE_UM, Sperm, sperm_on_tile

_TOUCHED_SHARE = 0.06
"""Share of the heads that another one touches."""
_DOUBLE_SHARE = 0.1
"""Share of the touched heads that are one half of a double head."""
_INNER_UM = 9.0
"""Only heads so far inside a tile are touched, so that nothing on another tile is."""
_HALF_HEAD_UM = 2.7
_CLEAR_UM = 0.1
"""Between a head and what does not touch it."""
_SECOND_ID = 32
"""Added to a head's id for the one that touches it; a tile has fewer heads than that."""


@lru_cache(maxsize=256)
def smear_on_tile(
    seed: int, binding_percent: float, column: int, row: int, difference: float = 1.0
) -> tuple[Sperm, ...]:
    """Return the sperm of one tile, `gradable` or not."""
    rng = np.random.default_rng((seed, 6, column + (1 << 20), row + (1 << 20)))
    forms = np.random.default_rng((seed, 14, column + (1 << 20), row + (1 << 20)))
    sperm = [vary(forms, one) for one in sperm_on_tile(seed, binding_percent, column, row, difference)]
    touched = [one for one in sperm if _is_touched(rng, one)]
    touching = [_double_or(forms, one, _beside(rng, one)) for one in touched]
    litter = _litter_around(seed, column, row)
    graded = [replace(one, gradable=_is_free(one, [*sperm, *touching], litter)) for one in sperm]
    return (*graded, *touching)


def _is_touched(rng: np.random.Generator, one: Sperm) -> bool:
    inside = all(_INNER_UM <= value % TILE_UM <= TILE_UM - _INNER_UM for value in (one.x_um, one.y_um))
    return bool(rng.uniform() < _TOUCHED_SHARE) and inside


def _beside(rng: np.random.Generator, one: Sperm) -> Sperm:
    """Return a second sperm whose head touches or crosses the first."""
    way = rng.uniform(-np.pi, np.pi)
    shift = np.array([np.cos(way), np.sin(way)]) * rng.uniform(2.2, 3.4)
    turn_deg = float(rng.uniform(-180, 180))
    cos, sin = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    centre = np.array([one.x_um, one.y_um])
    tail = (one.tail_um - centre) @ np.array([[cos, sin], [-sin, cos]]) + centre + shift
    return replace(
        one,
        id=one.id + _SECOND_ID,
        x_um=one.x_um + float(shift[0]),
        y_um=one.y_um + float(shift[1]),
        angle_deg=(one.angle_deg + turn_deg + 180) % 360 - 180,
        tail_um=np.asarray(tail),
        gradable=False,
    )


def _double_or(rng: np.random.Generator, one: Sperm, beside: Sperm) -> Sperm:
    """Return the second head of a double one, for a few of the pairs, or else what lies beside it."""
    return as_double(one, beside) if rng.uniform() < _DOUBLE_SHARE else beside


def _litter_around(seed: int, column: int, row: int) -> list[Litter]:
    return [litter_on_tile(seed, column + right, row + down) for right in (-1, 0, 1) for down in (-1, 0, 1)]


def _is_free(one: Sperm, sperm: list[Sperm], litter: list[Litter]) -> bool:
    others = [other for other in sperm if other.id != one.id]
    if any(np.hypot(one.x_um - other.x_um, one.y_um - other.y_um) < 2 * _HALF_HEAD_UM for other in others):
        return False
    blocks = np.concatenate([each.blocks_um for each in litter])
    dx, dy = blocks[:, 0] - one.x_um, blocks[:, 1] - one.y_um
    turn = np.arctan2(dy, dx) - np.radians(one.angle_deg)
    half_um = 1 / np.hypot(np.cos(turn) / (one.length_um / 2), np.sin(turn) / (one.width_um / 2))
    return bool((np.hypot(dx, dy) > half_um + blocks[:, 2] + _CLEAR_UM).all())
