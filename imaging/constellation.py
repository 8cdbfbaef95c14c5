"""Where on the slide a handful of heads was seen before: pairs of heads are as good as a fingerprint.

Fields are shifted against one another, never turned or scaled, so that two heads keep their vector; pairs are
looked up by it. Knows places only. A few tens of bytes a head.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.packed import Cells, Rows
from zpscope.imaging.unique import KnownHeads

_LONGEST_UM = 35.0
_NEIGHBOURS = 4
"""Pairs remembered per head."""
_NEAR_UM = 0.7
"""Places of one head in two fields, against one another, differ by less."""
_MOST = 3
"""Guesses that are worth a look."""


@dataclass(frozen=True)
class Guess:
    """Where a field may lie."""

    island: int
    shift_um: tuple[float, float]
    """From the field's own places to the island's."""
    heads: int
    """How many heads fit."""


class Constellation:
    """Pairs of known heads, by their vector."""

    def __init__(self) -> None:
        self._pairs = Rows([("x_um", "f4"), ("y_um", "f4"), ("first", "i4")])
        self._cells = Cells(2.0)

    def add(self, known: KnownHeads, head: int) -> None:
        """Remember the pairs that a new head makes with those around it, whatever field showed them."""
        around = known.around(head, _LONGEST_UM)
        vectors = known.positions_um(around) - known.positions_um(np.array([head]))
        far = np.linalg.norm(vectors, axis=1)
        for j in np.argsort(far, kind="stable")[:_NEIGHBOURS].tolist():
            if far[j] <= _LONGEST_UM:
                x, y = vectors[j].tolist()
                self._cells.add(self._pairs.append(x, y, head), 0, x, y)
                self._cells.add(self._pairs.append(-x, -y, int(around[j])), 0, -x, -y)

    def guesses(self, known: KnownHeads, positions_um: NDArray[np.float64]) -> list[Guess]:
        """Return where a field with heads at (N, 2), in its own µm, may lie; the likeliest first."""
        found = [
            self._like(known, positions_um[i], positions_um[j] - positions_um[i])
            for i in range(len(positions_um))
            for j in range(len(positions_um))
            if i != j and np.linalg.norm(positions_um[j] - positions_um[i]) <= _LONGEST_UM
        ]
        if not found:
            return []
        votes = np.concatenate(found)
        votes = votes[votes[:, 0] >= 0]
        guesses: list[Guess] = []
        while len(votes) and len(guesses) < _MOST:
            near = np.abs(votes[:, None, 1:] - votes[None, :, 1:]).max(2) < _NEAR_UM
            near &= votes[:, None, 0] == votes[None, :, 0]
            best = int(near.sum(1).argmax())
            shift = np.median(votes[near[best], 1:], axis=0)
            guesses.append(
                Guess(int(votes[best, 0]), (float(shift[0]), float(shift[1])), int(near[best].sum()))
            )
            votes = votes[~near[best]]
        return guesses

    def _like(
        self, known: KnownHeads, from_um: NDArray[np.float64], vector_um: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return votes (N, 3), island and shift, of the known pairs with this vector."""
        near = self._cells.around(0, float(vector_um[0]), float(vector_um[1]), _NEAR_UM)
        pairs = self._pairs.rows[near]
        off = np.maximum(np.abs(pairs["x_um"] - vector_um[0]), np.abs(pairs["y_um"] - vector_um[1]))
        heads = np.asarray(pairs["first"][off < _NEAR_UM], np.intp)
        islands = known.islands(heads).astype(np.float64)
        return np.column_stack([islands, known.positions_um(heads) - from_um])
