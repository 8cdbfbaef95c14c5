"""Which sperm lie where on a simulated slide: endless, reproducible, tile by tile from a seed.

Draws nothing. Binders and non-binders differ in the ways that `looks` declares, and in no other.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

TILE_UM = 40.0
_ROOM_UM = 7.0
"""Heads lie at least so far apart, centre to centre: none touches another."""
_PER_TILE = 1.8
"""Mean number of sperm on a tile; about 6 in a field of 88 x 71 µm."""


HeadForm = Literal["normal", "tapered", "pyriform", "amorphous", "round", "macro", "micro"]
"""Form of a head; says nothing about binding."""


@dataclass(frozen=True)
class Appearance:
    """Mean and standard deviation of what a class of heads looks like. Invented, and said to be so."""

    acrosome_share: tuple[float, float]
    """Of the head's length."""
    waist: tuple[float, float]
    """Irregularity: depth of a dent in the outline, as a share of the head's half width."""
    post_acrosomal_density: tuple[float, float]
    """Optical density of the post-acrosomal region, relative to the stain's."""


BINDER = Appearance((0.52, 0.04), (0.02, 0.02), (1.05, 0.06))
NON_BINDER = Appearance((0.33, 0.06), (0.16, 0.05), (0.80, 0.08))
SHARE_LIMITS, WAIST_LIMITS, DENSITY_LIMITS = (0.1, 0.7), (0.0, 0.4), (0.5, 1.3)
"""What is drawn beyond is set to the limit."""


def looks(difference: float) -> tuple[Appearance, Appearance]:
    """Return what binders and non-binders look like when their means lie `difference` times as far apart."""
    return _towards(BINDER, NON_BINDER, difference), _towards(NON_BINDER, BINDER, difference)


def _towards(one: Appearance, other: Appearance, difference: float) -> Appearance:
    def moved(here: tuple[float, float], there: tuple[float, float]) -> tuple[float, float]:
        return here[0] + (there[0] - here[0]) / 2 * (1 - difference), here[1]

    return Appearance(
        moved(one.acrosome_share, other.acrosome_share),
        moved(one.waist, other.waist),
        moved(one.post_acrosomal_density, other.post_acrosomal_density),
    )


@dataclass(frozen=True)
class Sperm:
    """One sperm on the slide."""

    id: int
    """The same in every field that shows it."""
    x_um: float
    y_um: float
    angle_deg: float
    """Direction from the head's centre to its anterior tip, y down."""
    length_um: float
    width_um: float
    bound: bool
    """Drawn as able to bind the zona pellucida."""
    acrosome_share: float
    waist: float
    waist_at: float
    """Where the dent is, along the head from -1 (posterior) to 1, its sign of side in the sign of `waist`."""
    density: float
    tail_um: NDArray[np.float64]
    """(M, 2): the tail's course on the slide, from the neck; (0, 2) for a loose head."""
    form: HeadForm = "normal"
    vacuoles: tuple[tuple[float, float, float], ...] = ()
    """Paler spots: place along and across the head, each -1 to 1, and diameter in µm."""
    covered: float = 0.0
    """Share of the head that other heads or dense litter lie on."""
    gradable: bool = True
    """Nearly nothing lies on the head, and no cell at it: see `smear_layout`."""


@lru_cache(maxsize=512)
def sperm_on_tile(
    seed: int, binding_percent: float, column: int, row: int, difference: float = 1.0
) -> tuple[Sperm, ...]:
    """Return the sperm whose heads lie on one tile of the slide."""
    rng = np.random.default_rng((seed, column + (1 << 20), row + (1 << 20)))
    placed: list[tuple[float, float]] = []
    for _ in range(int(rng.poisson(_PER_TILE))):
        x, y = rng.uniform(_ROOM_UM / 2, TILE_UM - _ROOM_UM / 2, 2).tolist()
        if all(np.hypot(x - other_x, y - other_y) >= _ROOM_UM for other_x, other_y in placed):
            placed.append((x, y))
    origin = np.array([column, row]) * TILE_UM
    number = ((column + (1 << 20)) << 28) | ((row + (1 << 20)) << 6)
    return tuple(
        _sperm(rng, number + i, origin + position, binding_percent, difference)
        for i, position in enumerate(placed)
    )


def _sperm(
    rng: np.random.Generator,
    number: int,
    position_um: NDArray[np.float64],
    binding_percent: float,
    difference: float,
) -> Sperm:
    bound = bool(rng.uniform(0, 100) < binding_percent)
    look = looks(difference)[0 if bound else 1]
    angle_deg = float(rng.uniform(-180, 180))
    length_um = float(np.clip(rng.normal(4.6, 0.3), 3.9, 5.4))
    width_um = float(np.clip(rng.normal(3.0, 0.2), 2.5, 3.5))
    return Sperm(
        id=number,
        x_um=float(position_um[0]),
        y_um=float(position_um[1]),
        angle_deg=angle_deg,
        length_um=length_um,
        width_um=width_um,
        bound=bound,
        acrosome_share=float(np.clip(rng.normal(*look.acrosome_share), *SHARE_LIMITS)),
        waist=float(np.clip(rng.normal(*look.waist), *WAIST_LIMITS) * rng.choice((-1, 1))),
        waist_at=float(rng.uniform(-0.4, 0.4)),
        density=float(np.clip(rng.normal(*look.post_acrosomal_density), *DENSITY_LIMITS)),
        tail_um=_tail(rng, position_um, angle_deg, length_um),
    )


def _tail(
    rng: np.random.Generator, position_um: NDArray[np.float64], angle_deg: float, length_um: float
) -> NDArray[np.float64]:
    """Return a smoothly bending course of about 45 µm, leaving the head at its posterior end."""
    steps = 46
    turn = np.cumsum(np.cumsum(rng.normal(0, 0.012, steps)))
    heading = np.radians(angle_deg + 180) + turn
    course = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), 0)
    back = np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))]) * length_um * 0.45
    return np.asarray(position_um - back + course)
