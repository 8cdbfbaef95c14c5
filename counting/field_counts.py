"""Heads and bound heads field by field: as many fields of each kind as there are, and never which.

Whole numbers, whatever the order in which fields came or changed, so that an account kept while scanning equals
one read from a store. Knows counts only.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from zpscope.counting.design_effect import FieldSums


class Cell(NamedTuple):
    """The heads of one field that count."""

    k: int
    """Bound."""
    n: int
    unsure_k: int = 0
    """Of k, those with a probability near one half."""
    unsure_n: int = 0
    """Of n, those."""


NO_HEADS = Cell(0, 0)


@dataclass
class FieldCounts:
    """How many fields there are of each cell."""

    cells: dict[Cell, int] = field(default_factory=dict[Cell, int])

    def add(self, cell: Cell, fields: int = 1) -> None:
        """Add fields of a cell; less than none takes them away."""
        if fields := self.cells.pop(cell, 0) + fields:
            self.cells[cell] = fields

    def add_all(self, other: "FieldCounts") -> None:
        """Add the fields of another count."""
        for cell, fields in other.cells.items():
            self.add(cell, fields)

    @property
    def fields(self) -> int:
        """Fields, those without a head too."""
        return sum(self.cells.values())

    @property
    def total(self) -> Cell:
        """The heads of all fields."""
        return Cell(*(sum(fields * cell[i] for cell, fields in self.cells.items()) for i in range(4)))

    @property
    def sums(self) -> FieldSums:
        """What the intra-field correlation is estimated from."""
        with_heads = sorted((cell.n, cell.k, fields) for cell, fields in self.cells.items() if cell.n)
        return FieldSums(
            fields=sum(fields for *_, fields in with_heads),
            n=sum(fields * n for n, _, fields in with_heads),
            k=sum(fields * k for _, k, fields in with_heads),
            n_squared=sum(fields * n * n for n, _, fields in with_heads),
            k_squared_per_n=sum(fields * k * k / n for n, k, fields in with_heads),
        )


def merged(counts: Iterable[FieldCounts]) -> FieldCounts:
    """Return the fields of several counts as one."""
    together = FieldCounts()
    for one in counts:
        together.add_all(one)
    return together
