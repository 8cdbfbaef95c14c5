"""Every head of the slide once, by its best view.

A head is told by where it lies on the slide and by its size. Knows places, sizes and sharpness; no pixels, no
classifier. The cost of a field does not grow with the number of heads seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.packed import Cells, Rows

SAME_HEAD_UM = 1.5
"""Two sightings closer than this are one head: half a head's width (WHO: 2.5 to 3.5 µm), so that neither two
heads lying side by side nor a head outlined a little differently in two fields is mistaken."""
_SURELY_UM = 0.75
"""So close, they are one head however it was outlined."""
_SIZE_RATIO = 1.6
"""Farther apart, one head's areas in two fields differ by less than so."""
_SHARPER = 1.1
"""A view must be so much sharper to take the place of an earlier one."""


@dataclass(frozen=True)
class View:
    """One sighting of a head."""

    field: int
    """Number of the placed field."""
    index: int
    """Of the head in the field."""


@dataclass(frozen=True)
class Recognised:
    """What the heads of a field are to those seen before."""

    known: NDArray[np.intp]
    """(N,): index of the known head, -1 for one never seen."""
    better: NDArray[np.bool_]
    """(N,): it was never seen, or never as well."""


class KnownHeads:
    """The heads seen so far, each by its best view, island by island."""

    def __init__(self) -> None:
        self._heads = Rows(
            [
                ("x_um", "f8"),
                ("y_um", "f8"),
                ("island", "i4"),
                ("field", "i4"),
                ("index", "i4"),
                ("area_um2", "f4"),
                ("sharpness", "f4"),
            ]
        )
        self._cells = Cells(16.0)

    def __len__(self) -> int:
        return len(self._heads)

    def positions_um(self, heads: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the places (N, 2) of known heads."""
        rows = self._heads.rows[heads]
        return np.stack([rows["x_um"], rows["y_um"]], -1)

    def islands(self, heads: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the island (N,) of known heads."""
        return np.asarray(self._heads.rows["island"][heads], np.intp)

    def around(self, head: int, reach_um: float) -> NDArray[np.intp]:
        """Return the other known heads of a head's island that may lie within so many µm of it."""
        row = self._heads.rows[head]
        near = self._cells.around(int(row["island"]), float(row["x_um"]), float(row["y_um"]), reach_um)
        return np.asarray(near[near != head], np.intp)

    def view(self, head: int) -> View:
        """Return the best view of a known head."""
        row = self._heads.rows[head]
        return View(int(row["field"]), int(row["index"]))

    def recognise(
        self,
        island: int,
        views_um: Sequence[NDArray[np.float64]],
        area_um2: NDArray[np.float64],
        sharpness: NDArray[np.float64],
    ) -> Recognised:
        """Return which of the heads of one field are known; no two of them are the same.

        views_um: places (N, 2) on the island, once for each opinion on where the field lies.
        """
        known = np.full(len(area_um2), -1, np.intp)
        pairs = sorted(
            (apart_um, i, head)
            for positions_um in views_um
            for i, (at, area) in enumerate(zip(positions_um, area_um2, strict=True))
            for head, apart_um in self._alike(island, at, float(area))
        )
        taken: set[int] = set()
        for _, i, head in pairs:
            if known[i] < 0 and head not in taken:
                known[i] = head
                taken.add(head)
        before = np.where(known >= 0, self._heads.rows["sharpness"][known] if len(self) else 0, 0)
        return Recognised(known, (known < 0) | (sharpness > _SHARPER * before))

    def put(
        self,
        known: int,
        island: int,
        at_um: tuple[float, float],
        view: View,
        area_um2: float,
        sharpness: float,
    ) -> int:
        """Remember a head's best view, of a known one in place of the one before; return its index."""
        row = (*at_um, island, view.field, view.index, area_um2, sharpness)
        if known < 0:
            known = self._heads.append(*row)
        else:
            self._forget(known)
            self._heads.rows[known] = row
        self._cells.add(known, island, *at_um)
        return known

    def join(self, island: int, into: int, shift_um: tuple[float, float]) -> list[int]:
        """Move an island's heads onto another's, by a shift, and return the known heads that were there before.

        Of two that turn out to be one, the sharper stays.
        """
        heads = self._heads.rows
        moved = np.flatnonzero(heads["island"] == island)
        places = self.positions_um(moved) + shift_um
        found = self.recognise(into, [places], heads["area_um2"][moved], heads["sharpness"][moved])
        gone: list[int] = []
        for head, (x_um, y_um), twin, better in zip(
            moved.tolist(), places.tolist(), found.known.tolist(), found.better.tolist(), strict=True
        ):
            self._forget(head)
            if twin >= 0 and not better:
                heads["island"][head] = NOWHERE
                gone.append(head)
                continue
            if twin >= 0:
                self._forget(twin)
                heads["island"][twin] = NOWHERE
                gone.append(twin)
            heads["x_um"][head], heads["y_um"][head], heads["island"][head] = x_um, y_um, into
            self._cells.add(head, into, x_um, y_um)
        return gone

    def _forget(self, head: int) -> None:
        row = self._heads.rows[head]
        self._cells.remove(head, int(row["island"]), float(row["x_um"]), float(row["y_um"]))

    def _alike(self, island: int, at_um: NDArray[np.float64], area_um2: float) -> list[tuple[int, float]]:
        near = self._cells.around(island, float(at_um[0]), float(at_um[1]), SAME_HEAD_UM)
        apart_um = np.linalg.norm(self.positions_um(near) - at_um, axis=1)
        areas = self._heads.rows["area_um2"][near]
        ratio = np.maximum(areas / area_um2, area_um2 / areas)
        same = (apart_um < _SURELY_UM) | ((apart_um < SAME_HEAD_UM) & (ratio < _SIZE_RATIO))
        return [(int(head), float(apart)) for head, apart in zip(near[same], apart_um[same], strict=True)]


NOWHERE = -1
"""The island of a head that turned out to be another one."""
