"""Rows of numbers that grow, and where on the slide each lies: tens of bytes a row, the same cost at any length."""

from array import array
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Rows:
    """A structured array that grows at its end."""

    def __init__(self, dtype: list[tuple[str, str]]) -> None:
        self._room = np.zeros(64, dtype)
        self._used = 0

    @property
    def rows(self) -> NDArray[Any]:
        """The rows so far; writing to them changes them."""
        return self._room[: self._used]

    def append(self, *values: object) -> int:
        """Add a row and return its index."""
        if self._used == len(self._room):
            self._room = np.concatenate([self._room, np.zeros_like(self._room)])
        self._room[self._used] = values
        self._used += 1
        return self._used - 1

    def __len__(self) -> int:
        return self._used


class Cells:
    """Indices of points, by the square cell of a plane that they lie in; planes are told apart by a number."""

    def __init__(self, size_um: float) -> None:
        self._size_um = size_um
        self._cells: dict[tuple[int, int, int], array[int]] = {}

    def add(self, index: int, plane: int, x_um: float, y_um: float) -> None:
        """Remember a point."""
        self._cells.setdefault(self._cell(plane, x_um, y_um), array("i")).append(index)

    def remove(self, index: int, plane: int, x_um: float, y_um: float) -> None:
        """Forget a point; it must be there."""
        self._cells[self._cell(plane, x_um, y_um)].remove(index)

    def around(self, plane: int, x_um: float, y_um: float, reach_um: float) -> NDArray[np.intp]:
        """Return the indices of all points within a square of half width `reach_um`, and of some farther ones."""
        low, high = (self._cell(plane, x_um + r, y_um + r) for r in (-reach_um, reach_um))
        found = [
            np.frombuffer(points, np.int32)
            for column in range(low[1], high[1] + 1)
            for row in range(low[2], high[2] + 1)
            if (points := self._cells.get((plane, column, row)))
        ]
        return np.concatenate(found).astype(np.intp) if found else np.empty(0, np.intp)

    def _cell(self, plane: int, x_um: float, y_um: float) -> tuple[int, int, int]:
        return plane, floor(x_um / self._size_um), floor(y_um / self._size_um)
