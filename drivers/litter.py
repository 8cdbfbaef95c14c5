"""What a smear holds besides sperm: granules, lumps, bacteria, precipitate, cells, bubbles, fibres, loose tails.

Everything is a mark: a stroke with round ends, a disc where both ends are one, with a density of either dye. Draws
nothing, and knows no head; `smear_layout.py` asks what lies on one. Tile by tile from a seed.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from zpscope.drivers.slide_layout import TILE_UM

REACH_UM = 8.0
"""Litter reaches at most so far beyond the tile it belongs to."""
WIDE_REACH_UM = 26.0
"""Epithelial cells, bubbles, fibres and loose tails reach at most so far."""
_EPITHELIAL_SHARE, _BUBBLE_SHARE, _FIBRE_SHARE = 0.005, 0.01, 0.01
"""Of the tiles, of which a field shows about four: one in fifty or in twenty-five fields."""
_LOOSE_TAILS = 0.09
"""On a tile: one for twenty sperm."""
_LUMPS = 0.08
"""On a usual tile: one for twenty sperm."""
_CELL_UM, _CELL_DENSITY = 5.0, 0.25
"""Wider and denser than this it is a cell's body or nucleus, nothing smaller and no film."""
_DENSE = 0.65
"""Paler than this, both dyes together, litter shows through a head's outline and hides nothing."""
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Litter:
    """The litter of one tile."""

    marks: NDArray[np.float64]
    """(M, 7): x0, y0, x1, y1, width in µm on the slide; density of thiazine and of eosin (natural logarithm)."""
    dense: NDArray[np.float64]
    """(B, 5): x0, y0, x1, y1, width of what hides what it lies on."""


@dataclass(frozen=True)
class Dirt:
    """How much of what one slide holds; 1 is usual."""

    debris: float
    bacteria: float


def dirt_of(seed: int) -> Dirt:
    """Return how dirty the slide of a seed is."""
    rng = np.random.default_rng((seed, 5))
    return Dirt(debris=float(rng.uniform(0.3, 1.6)), bacteria=float(rng.uniform(0.0, 1.5)))


@lru_cache(maxsize=256)
def litter_on_tile(seed: int, column: int, row: int) -> Litter:
    """Return what lies on one tile besides sperm."""
    rng = np.random.default_rng((seed, 3, column + (1 << 20), row + (1 << 20)))
    dirt = dirt_of(seed)
    groups = [
        _discs(
            rng,
            rng.uniform(0, TILE_UM, (int(rng.poisson(24 * dirt.debris)), 2)),
            (0.2, 0.6),
            (0.05, 0.16),
            0.1,
        ),
        _discs(
            rng,
            rng.uniform(0, TILE_UM, (int(rng.poisson(0.9 * dirt.debris)), 2)),
            (0.7, 1.7),
            (0.15, 0.5),
            0.2,
        ),
        *(_lump(rng) for _ in range(int(rng.poisson(_LUMPS * dirt.debris)))),
    ]
    groups += [
        _discs(rng, _clump(rng, 10, 1.3), (0.4, 2.0), (0.01, 0.05), 5.0)
        for _ in range(int(rng.poisson(0.2 * dirt.debris)))
    ]
    groups += [
        _discs(rng, _clump(rng, 1 + int(rng.poisson(6)), 1.2), (0.25, 0.8), (0.8, 1.4), 1.1)
        for _ in range(int(rng.poisson(0.12 * dirt.debris)))
    ]
    groups += [
        _rods(rng, _clump(rng, 1 + int(rng.poisson(4)), 0.9))
        for _ in range(int(rng.poisson(0.3 * dirt.bacteria)))
    ]
    if rng.uniform() < 0.06:
        groups.append(_leukocyte(rng))
    if rng.uniform() < 0.03:
        groups.append(_round_cell(rng))
    marks = np.concatenate(groups)
    marks[:, :4] += np.tile([column * TILE_UM, row * TILE_UM], 2)
    dense = marks[marks[:, 5:].sum(1) > _DENSE]
    return Litter(marks, dense[:, :5])


@lru_cache(maxsize=256)
def cells_on_tile(seed: int, column: int, row: int) -> NDArray[np.float64]:
    """Return the marks (C, 7) of the leukocytes, germ cells and epithelial nuclei of one tile."""
    marks = np.concatenate([litter_on_tile(seed, column, row).marks, wide_on_tile(seed, column, row)])
    return np.asarray(marks[(marks[:, 4] >= _CELL_UM) & (marks[:, 5:].sum(1) >= _CELL_DENSITY)])


def _clump(rng: np.random.Generator, count: int, spread_um: float) -> Points:
    """Return points (count, 2) around a place of the tile."""
    return np.asarray(rng.uniform(0, TILE_UM, 2) + rng.normal(0, spread_um, (count, 2)).clip(-3, 3))


def _discs(
    rng: np.random.Generator,
    at: Points,
    diameter_um: tuple[float, float],
    thiazine: tuple[float, float],
    eosin: float,
) -> NDArray[np.float64]:
    """Return marks; `eosin` is its density as a share of the thiazine's."""
    count = len(at)
    blue = rng.uniform(*thiazine, count)
    return np.column_stack([at, at, rng.uniform(*diameter_um, count), blue, blue * eosin])


def _rods(rng: np.random.Generator, at: Points) -> NDArray[np.float64]:
    """Return bacteria: short dark blue rods, those of a clump much alike in direction."""
    count = len(at)
    angle = rng.uniform(0, np.pi) + rng.normal(0, 0.5, count)
    along = np.column_stack([np.cos(angle), np.sin(angle)]) * rng.uniform(0.2, 0.5, (count, 1))
    ones = np.ones(count)
    return np.column_stack([at - along, at + along, 0.5 * ones, 1.3 * ones, 0.35 * ones])


def _leukocyte(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return pale cytoplasm and a nucleus of three purple lobes."""
    at = rng.uniform(0, TILE_UM, 2)
    lobes = at + rng.normal(0, 1.6, (3, 2)).clip(-2.4, 2.4)
    cell = [*at, *at, rng.uniform(10, 12), 0.14, 0.16]
    nucleus = np.column_stack([lobes, lobes, rng.uniform(3.4, 4.8, 3), np.full((3, 2), (1.0, 1.1))])
    bridges = np.column_stack([lobes[:2], lobes[1:], np.full((2, 3), (1.5, 1.0, 1.1))])
    return np.vstack([cell, nucleus, bridges])


def _lump(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a lump about as large as a head, dark and a little uneven: a shrunken nucleus, a swollen fragment."""
    at, way = rng.uniform(0, TILE_UM, 2), rng.uniform(0, np.pi)
    along = np.array([np.cos(way), np.sin(way)]) * rng.uniform(0.3, 1.0)
    width, blue = rng.uniform(1.8, 3.2), rng.uniform(0.45, 1.1)
    side = at + along * rng.uniform(0.5, 1.0) + rng.normal(0, 0.2, 2)
    return np.array(
        [
            [*(at - along), *(at + along), width, blue, blue * 1.1],
            [*side, *side, width * 0.6, blue * 1.25, blue * 1.3],
        ]
    )


@lru_cache(maxsize=256)
def wide_on_tile(seed: int, column: int, row: int) -> NDArray[np.float64]:
    """Return the marks (M, 7) of what lies on one tile and reaches far beyond it; all of it hides nothing."""
    rng = np.random.default_rng((seed, 15, column + (1 << 20), row + (1 << 20)))
    kinds = ((_epithelium, _EPITHELIAL_SHARE), (_bubble, _BUBBLE_SHARE), (_fibre, _FIBRE_SHARE))
    groups = [draw(rng) for draw, share in kinds if rng.uniform() < share]
    groups += [_loose_tail(rng) for _ in range(int(rng.poisson(_LOOSE_TAILS)))]
    marks = np.concatenate([np.empty((0, 7)), *groups])
    marks[:, :4] += np.tile([column * TILE_UM, row * TILE_UM], 2)
    return marks


def _strokes(
    course: Points, width: float | Points, blue: float | Points, pink: float | Points
) -> NDArray[np.float64]:
    """Return the marks along a course (M, 2): widths and densities are one for all, or one for each stroke."""
    rest = [np.broadcast_to(one, len(course) - 1) for one in (width, blue, pink)]
    return np.column_stack([course[:-1], course[1:], *rest])


def _bubble(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the dark rim of a bubble of air or oil."""
    turn = np.linspace(0, 2 * np.pi, 49)
    ring = rng.uniform(0, TILE_UM, 2) + np.stack([np.cos(turn), np.sin(turn)], 1) * rng.uniform(4, 18)
    return _strokes(ring, rng.uniform(0.5, 1.2), 0.3, 0.25)


def _fibre(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a fibre of lint: long, thin, bent, of one width."""
    course = _course(rng, 50, 0.05)
    return _strokes(course, rng.uniform(0.6, 1.5), rng.uniform(0.1, 0.4), rng.uniform(0.05, 0.2))


def _loose_tail(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a tail without a head, as pale as the others."""
    return _strokes(_course(rng, 45, 0.02), np.linspace(0.4, 0.24, 45), np.linspace(0.14, 0.09, 45), 0.0)


def _course(rng: np.random.Generator, steps: int, bend: float) -> Points:
    """Return a bending course (steps + 1, 2) of 1 µm steps; its middle lies on the tile."""
    heading = rng.uniform(-np.pi, np.pi) + np.cumsum(np.cumsum(rng.normal(0, bend / 2, steps)))
    course = np.cumsum(np.vstack([np.zeros(2), np.stack([np.cos(heading), np.sin(heading)], 1)]), 0)
    return np.asarray(course - course[len(course) // 2] + rng.uniform(0, TILE_UM, 2))


def _epithelium(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return an epithelial cell: wide and pale blue."""
    at = rng.uniform(0, TILE_UM, 2)
    corners = at + rng.uniform(-9, 9, (6, 2))
    body = np.column_stack(
        [corners, np.roll(corners, 1, 0), rng.uniform(14, 22, 6), np.full((6, 2), (0.09, 0.05))]
    )
    nucleus = [*at, *(at + 1.5), rng.uniform(5, 7), 0.35, 0.3]
    return np.vstack([body, nucleus])


def _round_cell(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a round germ cell: a dark round nucleus in a narrow rim of cytoplasm."""
    at = rng.uniform(0, TILE_UM, 2)
    diameter = rng.uniform(6, 11)
    inner = at + rng.normal(0, 0.3, 2).clip(-0.5, 0.5)
    return np.array([[*at, *at, diameter, 0.2, 0.12], [*inner, *inner, diameter * 0.75, 0.8, 0.9]])
