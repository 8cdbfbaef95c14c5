"""Where a scan puts its fields: a serpentine, fields at random, or an operator's hand.

Knows lengths and a seed, no pixels. Every path gives the same place for the same number, asked in any order.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ROW_FIELDS = 20
"""Fields in a row before the stage turns back."""
STRATUM = 2.0
"""A field at random has a stratum of so many widths by so many heights to itself."""
FRAMES_PER_S = 10.0
"""How often a camera looks while a hand moves the slide."""
EXPOSURE_S = 0.002
Point = NDArray[np.float64]
"""(2,): x, y in µm."""
_JUMP, _REVISIT, _LONG_PAUSE = 0.03, 0.13, 0.04
"""Shares of a hand's moves: too far to overlap; back to an earlier place (less the jumps); and of its pauses."""


@dataclass(frozen=True)
class Place:
    """Where one field was exposed."""

    centre_um: tuple[float, float]
    """(x, y) on the slide, at the middle of the exposure."""
    drift_um: tuple[float, float] = (0.0, 0.0)
    """How far the field moved over the slide while it was exposed."""


def serpentine_um(number: int, width_um: float, height_um: float, overlap: float) -> tuple[float, float]:
    """Return the centre (x, y) in µm of the field of this number, from 0.

    A field is `width_um` by `height_um`; neighbours share `overlap` (0 to 1) of it, in x and in y.
    """
    column, row = _serpentine(number)
    return column * width_um * (1 - overlap), row * height_um * (1 - overlap)


def random_um(number: int, width_um: float, height_um: float, seed: int) -> tuple[float, float]:
    """Return the centre (x, y) in µm of a field at random: anywhere in its stratum, strata in a serpentine.

    Every place of the slide is as likely to be shown as any other; neighbours may overlap by chance.
    """
    column, row = _serpentine(number)
    right, down = np.random.default_rng((seed, 12, number)).uniform(0, STRATUM, 2).tolist()
    return (column * STRATUM + right) * width_um, (row * STRATUM + down) * height_um


def lag_um(
    here_um: tuple[float, float], before_um: tuple[float, float], backlash_um: float
) -> tuple[float, float]:
    """Return how far off (x, y) a stage with so much play stops that comes from `before_um`.

    Each axis stays short by half its play; one that did not move counts as moved towards larger values.
    """
    right, down = (
        backlash_um / 2 * (1 if there > here else -1) for here, there in zip(here_um, before_um, strict=True)
    )
    return right, down


def by_hand(number: int, width_um: float, height_um: float, seed: int) -> Place:
    """Return where an operator's hand has put the field of this number; see `_Hand`."""
    return _hand(width_um, height_um, seed).place(number)


def _serpentine(number: int) -> tuple[int, int]:
    """Return (column, row) of a place in rows of `ROW_FIELDS`, every other row backwards."""
    row, place = divmod(number, ROW_FIELDS)
    return (place if row % 2 == 0 else ROW_FIELDS - 1 - place), row


class _Hand:
    """A slide moved by hand: moves of any length and direction, seen on the way, and pauses of one to many fields.

    Drawn as far as it was asked for; a field costs the same however far the path has gone.
    """

    def __init__(self, width_um: float, height_um: float, seed: int) -> None:
        self._size_um = np.array([width_um, height_um])
        self._rng = np.random.default_rng((seed, 10))
        self._heading = float(self._rng.uniform(-np.pi, np.pi))
        self._stops = [np.zeros(2)]
        self._places: list[Place] = []

    def place(self, number: int) -> Place:
        while len(self._places) <= number:
            self._pause()
            self._move()
        return self._places[number]

    def _pause(self) -> None:
        """Rest at the last stop; the hand trembles."""
        long = self._rng.uniform() < _LONG_PAUSE
        fields = int(self._rng.integers(20, 61)) if long else 1 + int(self._rng.geometric(0.3))
        for right, down in (
            self._stops[-1] + self._rng.normal(0, 0.03, (fields, 2)).clip(-0.1, 0.1)
        ).tolist():
            self._places.append(Place((right, down)))

    def _move(self) -> None:
        """Go to the next stop, and show some of the way."""
        kind = self._rng.uniform()
        here = self._stops[-1]
        if kind < _JUMP:
            way = self._rng.uniform(-np.pi, np.pi)
            there = here + self._rng.uniform(1.2, 3) * np.hypot(*self._size_um) * _direction(way)
            self._stops.append(there)
            return
        if kind < _REVISIT and len(self._stops) > 2:
            there = self._stops[-int(self._rng.integers(2, min(len(self._stops), 60) + 1))]
            there = there + self._rng.uniform(-0.2, 0.2, 2) * self._size_um
        else:
            self._heading += float(self._rng.normal(0, 0.35))
            direction = _direction(self._heading)
            whole = float((self._size_um / np.maximum(np.abs(direction), 1e-9)).min())
            there = here + self._rng.uniform(0.2, 0.7) * whole * direction
        self._show_way(here, there)
        self._stops.append(there)

    def _show_way(self, here: Point, there: Point) -> None:
        speed_um_s = math.exp(self._rng.uniform(math.log(50), math.log(1000)))
        fields = min(8, int(math.dist(here.tolist(), there.tolist()) * FRAMES_PER_S / speed_um_s))
        step = (there - here) / (fields + 1)
        drift = step * FRAMES_PER_S * EXPOSURE_S
        for i in range(fields):
            right, down = (here + step * (i + 1)).tolist()
            self._places.append(Place((right, down), (float(drift[0]), float(drift[1]))))


@lru_cache(maxsize=8)
def _hand(width_um: float, height_um: float, seed: int) -> _Hand:
    return _Hand(width_um, height_um, seed)


def _direction(way: float) -> Point:
    return np.array([np.cos(way), np.sin(way)])
