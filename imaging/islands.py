"""Where the placed fields lie: islands, each with coordinates of its own, that are joined as they are recognised.

Knows places only; which field lies where, and which islands are one, is for `slide_map.py` to find.
"""

import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.packed import Cells, Rows

STAGE_ISLAND = 0
"""Fields with a stage position all lie on this one."""

Point = tuple[float, float]


class Islands:
    """The placed fields, numbered in the order in which they came."""

    def __init__(self) -> None:
        self._fields = Rows([("x_um", "f8"), ("y_um", "f8"), ("island", "i4")])
        self._cells = Cells(64.0)
        self.islands: dict[int, int] = {}
        """How many fields lie on each."""
        self.unused = STAGE_ISLAND + 1
        """The number of the next island."""

    def __len__(self) -> int:
        return len(self._fields)

    @property
    def rows(self) -> NDArray[np.void]:
        """The fields (N,): `x_um`, `y_um`, on their `island`."""
        return self._fields.rows

    def centre(self, number: int) -> Point:
        """Return where a field's centre lies on its island."""
        row = self._fields.rows[number]
        return float(row["x_um"]), float(row["y_um"])

    def island(self, number: int) -> int:
        """Return the island that a field lies on."""
        return int(self._fields.rows["island"][number])

    def add(self, island: int, centre_um: Point) -> None:
        """Add a field."""
        self._cells.add(self._fields.append(*centre_um, island), island, *centre_um)
        self.islands[island] = self.islands.get(island, 0) + 1
        self.unused = max(self.unused, island + 1)

    def move(self, island: int, into: int, shift_um: Point) -> None:
        """Move all fields of an island onto another."""
        fields = self._fields.rows
        for number in np.flatnonzero(fields["island"] == island).tolist():
            x, y = self.centre(number)
            self._cells.remove(number, island, x, y)
            x, y = x + shift_um[0], y + shift_um[1]
            fields["x_um"][number], fields["y_um"][number], fields["island"][number] = x, y, into
            self._cells.add(number, into, x, y)
        self.islands[into] += self.islands.pop(island)

    def overlapping(self, island: int, centre_um: Point, size_um: Point, *, but: int) -> list[int]:
        """Return the fields of an island, but one, that share area with one there, those that share most first."""
        near = self._cells.around(island, *centre_um, max(size_um))
        near = near[near != but]
        places = np.stack([self._fields.rows["x_um"][near], self._fields.rows["y_um"][near]], -1)
        shared = np.prod(np.maximum(1 - np.abs(places - centre_um) / np.array(size_um), 0), axis=1)
        return [int(near[i]) for i in np.argsort(-shared, kind="stable").tolist() if shared[i] > 0]

    def rank(self, island: int) -> tuple[bool, int, int]:
        """Return what is greatest for the island that others join: the stage's, the largest, the first."""
        return island == STAGE_ISLAND, self.islands.get(island, 0), -island


def less(a: Point, b: Point) -> Point:
    """Return the way from b to a."""
    return a[0] - b[0], a[1] - b[1]


def scaled(a: Point, times: float) -> Point:
    """Return a way so many times as long."""
    return a[0] * times, a[1] * times


def far(a: Point, b: Point) -> float:
    """Return how far two places lie apart, in x or in y."""
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))
