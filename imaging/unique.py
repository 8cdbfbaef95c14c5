"""Which heads were counted before, in an earlier field that overlaps this one.

Knows positions on the slide and nothing else. The cost of a field does not grow with the number of heads seen.
"""

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

SAME_HEAD_UM = 1.5
"""Two sightings closer than this are one head: half a head's width (WHO: 2.5 to 3.5 µm), so that neither two
heads lying side by side nor a head outlined a little differently in two fields is mistaken."""


class CountedHeads:
    """Slide positions of the heads counted so far, in a grid of cells of one `SAME_HEAD_UM`."""

    def __init__(self, positions_um: Iterable[tuple[float, float]] = ()) -> None:
        self._cells: dict[tuple[int, int], list[tuple[float, float]]] = {}
        for x_um, y_um in positions_um:
            self._add(x_um, y_um)

    def take(self, positions_um: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of the positions (N, 2) in µm, of one field, were counted before; add the others.

        Heads of the same field are never taken for one another.
        """
        again = np.array([self._near(x, y) for x, y in positions_um], dtype=np.bool_)
        for x_um, y_um in positions_um[~again]:
            self._add(float(x_um), float(y_um))
        return again

    def _add(self, x_um: float, y_um: float) -> None:
        self._cells.setdefault(_cell(x_um, y_um), []).append((x_um, y_um))

    def _near(self, x_um: float, y_um: float) -> bool:
        return any(math.hypot(x - x_um, y - y_um) < SAME_HEAD_UM for x, y in self._around(x_um, y_um))

    def _around(self, x_um: float, y_um: float) -> Iterator[tuple[float, float]]:
        column, row = _cell(x_um, y_um)
        for i in (column - 1, column, column + 1):
            for j in (row - 1, row, row + 1):
                yield from self._cells.get((i, j), ())


def _cell(x_um: float, y_um: float) -> tuple[int, int]:
    return math.floor(x_um / SAME_HEAD_UM), math.floor(y_um / SAME_HEAD_UM)
