"""Which sperm of a usual smear can be graded: those of which nearly all of the head is to be seen, on a clean ground.

A head that another one only touches is graded, as people do; one that another covers in part, or that lies at a
cell, is not. A loose head is: Leung et al. (2025) cut heads off at the neck and refuse for debris and dirty
background alone, so that their 4.9 % holds for counts in which nobody asked for a tail. WHO asks for one. The sperm
are those of the clean slide of the same seed, and a few more that touch one of them. Draws nothing.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from zpscope.drivers.head_forms import as_double, vary
from zpscope.drivers.litter import cells_on_tile, litter_on_tile
from zpscope.drivers.slide_layout import TILE_UM, Sperm, sperm_on_tile

_TOUCHED_SHARE = 0.06
"""Share of the heads that another one touches."""
_DOUBLE_SHARE = 0.1
"""Share of the touched heads that are one half of a double head."""
_INNER_UM = 9.0
"""Only heads so far inside a tile are touched, so that nothing on another tile is."""
_COVERED_SHARE = 0.05
"""Of a head's area; of one that is covered by more, nobody can tell the outline."""
_GROUND_UM = 0.5
"""A head with a cell within so much of its outline has no clean background."""
_REACH_UM = 9.0
"""Nothing farther from a head's centre covers it."""
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
    sperm += [_double_or(forms, one, _beside(rng, one)) for one in touched]
    tiles = [(column + right, row + down) for right in (-1, 0, 1) for down in (-1, 0, 1)]
    dense = np.concatenate([litter_on_tile(seed, *tile).dense for tile in tiles])
    cells = np.concatenate([cells_on_tile(seed, *tile)[:, :5] for tile in tiles])
    return tuple(_graded(one, covered_share(one, sperm, dense), cells) for one in sperm)


def _graded(one: Sperm, covered: float, cells: NDArray[np.float64]) -> Sperm:
    """Return a sperm that knows whether it can be graded, among cells (C, 5)."""
    around = replace(one, length_um=one.length_um + 2 * _GROUND_UM, width_um=one.width_um + 2 * _GROUND_UM)
    clean = covered_share(around, [], cells) == 0
    return replace(one, covered=covered, gradable=clean and covered <= _COVERED_SHARE)


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
    )


def _double_or(rng: np.random.Generator, one: Sperm, beside: Sperm) -> Sperm:
    """Return the second head of a double one, for a few of the pairs, or else what lies beside it."""
    return as_double(one, beside) if rng.uniform() < _DOUBLE_SHARE else beside


def covered_share(one: Sperm, sperm: list[Sperm], dense: NDArray[np.float64]) -> float:
    """Return the share of a head's area, 0 to 1, on which other heads or dense litter (B, 5) lie."""
    turn = np.radians(one.angle_deg)
    along, across = _DISC[:, 0] * one.length_um / 2, _DISC[:, 1] * one.width_um / 2
    xs = one.x_um + along * np.cos(turn) - across * np.sin(turn)
    ys = one.y_um + along * np.sin(turn) + across * np.cos(turn)
    covered = np.zeros(len(_DISC), np.bool_)
    for other in sperm:
        dx, dy = xs - other.x_um, ys - other.y_um
        if other.id == one.id or np.hypot(one.x_um - other.x_um, one.y_um - other.y_um) > _REACH_UM:
            continue
        cos, sin = np.cos(np.radians(other.angle_deg)), np.sin(np.radians(other.angle_deg))
        half = other.length_um / 2, other.width_um / 2
        covered |= ((dx * cos + dy * sin) / half[0]) ** 2 + ((dy * cos - dx * sin) / half[1]) ** 2 < 1
    near = np.abs(dense[:, :2] - (one.x_um, one.y_um)).max(1) <= _REACH_UM + dense[:, 4] / 2
    for x0, y0, x1, y1, width in dense[near].tolist():
        length2 = max((x1 - x0) ** 2 + (y1 - y0) ** 2, 1e-12)
        share = np.clip(((xs - x0) * (x1 - x0) + (ys - y0) * (y1 - y0)) / length2, 0, 1)
        covered |= np.hypot(xs - x0 - share * (x1 - x0), ys - y0 - share * (y1 - y0)) < width / 2
    return float(covered.mean())


def _disc() -> NDArray[np.float64]:
    """Return points (P, 2) spread evenly over the disc of radius 1."""
    axis = (np.arange(20) - 9.5) / 10
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    return np.asarray(points[np.hypot(points[:, 0], points[:, 1]) < 1])


_DISC = _disc()
