"""The slide as far as it was seen: where each field lies, and every head once.

A field is placed by its stage position, corrected by what its neighbours show; without a stage by what it shows
alone. A field that fits nowhere begins an island with coordinates of its own; islands are joined when a field is
recognised on two of them. The map is the same whether it grew in one go or was restored from what was committed:
`restore` repeats what `place` decided. Knows thumbnails and heads' places; no store, no classifier.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.constellation import Constellation
from zpscope.imaging.islands import STAGE_ISLAND, Islands, Point, far, less, scaled
from zpscope.imaging.placement import Counted, Join, Placement, Sight
from zpscope.imaging.register import Match, Pattern, register
from zpscope.imaging.thumbnail import darkness_of
from zpscope.imaging.unique import NOWHERE, KnownHeads, View

_STILL_UM = 1.0
_STILL_STAIN = 0.97
_SHARPER = 1.15
"""A field that shows the same again is looked at if its detail is so much finer."""
_LEAD_ALONE = 16.0
"""In nats; fields that show different places reached 12.3 (`benchmarks/place_real.py unrelated`)."""
_EVIDENCE_NEAR = 12.0
"""Enough where a field must be nearly there anyway; elsewhere within 6 µm of a wrong place, 6 is much."""
_SAME_STAIN = 0.8
_DRIFT_UM = 1.5
"""Fields of one island are placed against one another better than so."""
_SAME_PLACE_UM = 1.0
_NEIGHBOURS = 3
"""Neighbours that a field is compared with, those that share most with it."""
_NEIGHBOURS_OF_A_GUESS = 1
"""On another island, if the field's place on its own is known: most guesses are wrong."""
_RECENT = 2
_KEPT_PATTERNS = 24
_TRIED, _TRIED_LOST, _TRIED_STILL = 2, 12, 8
"""Fields of other islands that a field is compared with: usually, if it fits nowhere, and while it is shown on."""


@dataclass(frozen=True)
class _Fit:
    island: int
    centre_um: Point
    evidence: float


@dataclass(frozen=True)
class _Alike:
    """Two placed fields of different islands that show a part of the same place."""

    first: int
    second: int
    offset_um: Point
    """From the centre of the second to that of the first."""


@dataclass(frozen=True)
class Look:
    """A first look at a field."""

    sight: Sight
    pattern: Pattern
    last: Match | None
    """Against the last placed field."""
    still: bool
    """It shows again what the last placed field showed, and nothing new."""


class SlideMap:
    """The fields and heads of one slide."""

    def __init__(self, thumbnail_of: Callable[[int], bytes], stage_error_um: float) -> None:
        """thumbnail_of: returns a placed field's thumbnail by its number. stage_error_um: of the stage, at most."""
        self._thumbnail_of = thumbnail_of
        self._error_um = stage_error_um
        self._fields = Islands()
        self._known = KnownHeads()
        self._pairs = Constellation()
        self._patterns: OrderedDict[int, Pattern] = OrderedDict()
        self._last: Placement | None = None
        self._sought = 0
        """How many fields `search` has tried."""
        self._alike: list[_Alike] = []

    @property
    def heads(self) -> KnownHeads:
        """Every head once."""
        return self._known

    @property
    def fields(self) -> NDArray[np.void]:
        """Where the fields lie (N,), in the order in which they were placed: `x_um`, `y_um`, on their `island`."""
        return self._fields.rows

    @property
    def centres_um(self) -> NDArray[np.float64]:
        """Where the fields lie (N, 2), each in the coordinates of its island."""
        return np.stack([self.fields["x_um"], self.fields["y_um"]], -1)

    def look(self, sight: Sight) -> Look:
        """Compare a field with the last one; changes nothing."""
        pattern = Pattern(darkness_of(sight.thumbnail))
        last = self._last
        if last is None:
            return Look(sight, pattern, None, still=False)
        before = self._pattern(last.number)
        moved_um: Point = (0.0, 0.0)
        if sight.stage_um is None or last.stage_um is None:
            match = register(before, pattern, least_lead=_LEAD_ALONE)
        else:
            moved_um = less(sight.stage_um, last.stage_um)
            match = register(
                before, pattern, scaled(moved_um, 1 / sight.um_per_px), 2 * self._error_um / sight.um_per_px
            )
        still = (
            match is not None
            and stands_alone(match)
            and match.stain >= _STILL_STAIN
            and max(map(abs, match.offset_px)) * sight.um_per_px <= _STILL_UM
            and max(map(abs, moved_um)) <= 2 * self._error_um + _STILL_UM
            and sight.detail <= _SHARPER * last.detail
        )
        return Look(sight, pattern, match, still)

    def place(
        self,
        look: Look,
        index: NDArray[np.intp],
        offsets_um: NDArray[np.float64],
        area_um2: NDArray[np.float64],
        sharpness: NDArray[np.float64],
    ) -> Placement:
        """Add a field and its heads.

        index (N,): the heads in the field that may count. offsets_um (N, 2): from the field's centre.
        """
        sight = look.sight
        joins, gone = self._recognised()
        fits = self._fits(look, offsets_um)
        island, centre_um = self._settled(fits, sight.stage_um)
        more_joins, more_gone = self._joined(island, centre_um, fits)
        joins, gone = joins + more_joins, gone + more_gone
        views = [centre_um, *(fit.centre_um for fit in fits if fit.island == island)]
        places = [offsets_um + view for view in _distinct(views)]
        seen = self._known.recognise(island, places, area_um2, sharpness)
        gone += [self._known.view(head) for head in seen.known[seen.better].tolist() if head >= 0]
        fresh = len(self._known)
        heads: list[Counted] = []
        for i in np.flatnonzero(seen.better).tolist():
            known = int(seen.known[i])
            if known < 0:
                known, fresh = fresh, fresh + 1
            at_um = (float(places[0][i, 0]), float(places[0][i, 1]))
            heads.append(Counted(int(index[i]), known, at_um, float(area_um2[i]), float(sharpness[i])))
        placement = Placement(
            number=len(self._fields),
            island=island,
            centre_um=centre_um,
            detail=sight.detail,
            stage_um=sight.stage_um,
            joins=tuple(joins),
            heads=tuple(heads),
            gone=tuple(gone),
        )
        self._take(placement)
        self._keep(placement.number, look.pattern)
        return placement

    def search(self, look: Look) -> None:
        """Seek the last placed field on other islands while it is shown again; the next placement tells what came."""
        last = self._last
        if last is None or last.stage_um is not None:
            return
        island = self._fields.island(last.number)
        self._sought += _TRIED_STILL
        pattern = self._pattern(last.number)
        for number, match in self._tried(pattern, island, _TRIED_STILL, self._sought):
            offset_um = scaled(match.offset_px, look.sight.um_per_px)
            self._alike.append(_Alike(last.number, number, offset_um))

    def restore(self, placement: Placement) -> None:
        """Take a field as it was placed before; `gone` is not needed."""
        for join in placement.joins:
            self._join(join)
        self._take(placement)

    def remember(self, at_um: Point, area_um2: float) -> None:
        """Know a head that was counted before there were placed fields; no view is better."""
        self._known.put(-1, STAGE_ISLAND, at_um, View(-1, -1), area_um2, float("inf"))

    def _take(self, placement: Placement) -> None:
        self._last = placement
        self._fields.add(placement.island, placement.centre_um)
        fresh = len(self._known)
        for head in placement.heads:
            view = View(placement.number, head.index)
            known = -1 if head.known == len(self._known) else head.known
            self._known.put(known, placement.island, head.at_um, view, head.area_um2, head.sharpness)
        for known in range(fresh, len(self._known)):
            self._pairs.add(self._known, known)

    def _fits(self, look: Look, offsets_um: NDArray[np.float64]) -> list[_Fit]:
        """Return where the field lies, by each placed field that shows a part of it."""
        sight, last = look.sight, self._last
        if last is None:
            return []
        if sight.stage_um is not None:
            return self._near(look, STAGE_ISLAND, sight.stage_um, 2 * self._error_um)
        fits: list[_Fit] = []
        for number in range(len(self._fields) - 1, max(-1, len(self._fields) - 1 - _RECENT), -1):
            match = look.last if number == last.number else self._alone(number, look.pattern)
            if match is not None and stands_alone(match):
                fits = [self._fit(number, match, sight)]
                fits += self._near(look, fits[0].island, fits[0].centre_um, _DRIFT_UM, but=number)
                break
        for guess in self._pairs.guesses(self._known, offsets_um):
            if any(fit.island == guess.island for fit in fits) or guess.island not in self._fields.islands:
                continue
            most = _NEIGHBOURS_OF_A_GUESS if fits else _NEIGHBOURS
            fits += self._near(look, guess.island, guess.shift_um, _DRIFT_UM, most=most)
        here = fits[0].island if fits else NOWHERE
        most, turn = _TRIED if fits else _TRIED_LOST, _TRIED * len(self._fields)
        tried = self._tried(look.pattern, here, most, turn)
        return fits + [self._fit(number, match, sight) for number, match in tried]

    def _tried(self, pattern: Pattern, island: int, most: int, turn: int) -> list[tuple[int, Match]]:
        """Return the matches of a field that lies on an island with some fields of others: every turn with others."""
        others = np.flatnonzero(self._fields.rows["island"] != island)
        chosen = np.roll(others[::-1], -turn)[:most].tolist()
        matches = [(number, self._alone(number, pattern)) for number in chosen]
        return [(number, match) for number, match in matches if match is not None and stands_alone(match)]

    def _recognised(self) -> tuple[list[Join], list[View]]:
        """Join what `search` has found to be one."""
        joins: list[Join] = []
        gone: list[View] = []
        for alike in self._alike:
            one, other = (self._fields.island(number) for number in (alike.first, alike.second))
            if one == other:
                continue
            x, y = self._fields.centre(alike.second)
            there = x + alike.offset_um[0], y + alike.offset_um[1]
            shift = less(self._fields.centre(alike.first), there)
            join = Join(other, one, shift)
            if self._fields.rank(other) > self._fields.rank(one):
                join = Join(one, other, scaled(shift, -1))
            joins.append(join)
            gone += self._join(join)
        self._alike = []
        return joins, gone

    def _near(
        self,
        look: Look,
        island: int,
        centre_um: Point,
        within_um: float,
        *,
        but: int = -1,
        most: int = _NEIGHBOURS,
    ) -> list[_Fit]:
        """Return where neighbours put a field that lies about `centre_um`, on their island."""
        sight, fits, last = look.sight, list[_Fit](), self._last
        by_stage = sight.stage_um is not None and last is not None and last.stage_um is not None
        compared = last.number if last is not None and by_stage else -1
        for number in self._fields.overlapping(island, centre_um, sight.size_um, but=but)[:most]:
            match = look.last
            if number != compared:
                way = scaled(less(centre_um, self._fields.centre(number)), 1 / sight.um_per_px)
                match = register(self._pattern(number), look.pattern, way, within_um / sight.um_per_px)
            if match is not None and match.evidence >= _EVIDENCE_NEAR and match.stain >= _SAME_STAIN:
                fits.append(self._fit(number, match, sight))
        return fits

    def _fit(self, number: int, match: Match, sight: Sight) -> _Fit:
        x, y = self._fields.centre(number)
        off = scaled(match.offset_px, sight.um_per_px)
        return _Fit(self._fields.island(number), (x + off[0], y + off[1]), match.evidence)

    def _settled(self, fits: list[_Fit], stage_um: Point | None) -> tuple[int, Point]:
        """Return island and centre of a field that fits so."""
        if not fits:
            return (self._fields.unused, (0.0, 0.0)) if stage_um is None else (STAGE_ISLAND, stage_um)
        island = max((fit.island for fit in fits), key=self._fields.rank)
        here = [fit for fit in fits if fit.island == island]
        best = max(here, key=lambda fit: fit.evidence)
        close = [fit for fit in here if far(fit.centre_um, best.centre_um) <= _SAME_PLACE_UM]
        weights = np.array([fit.evidence for fit in close])
        centre = np.average([fit.centre_um for fit in close], axis=0, weights=weights)
        if stage_um is not None:
            bound = 2 * self._error_um  # the field that all others hang on may be as wrong itself
            centre = np.clip(centre, np.array(stage_um) - bound, np.array(stage_um) + bound)
        return island, (float(centre[0]), float(centre[1]))

    def _joined(self, island: int, centre_um: Point, fits: list[_Fit]) -> tuple[list[Join], list[View]]:
        joins: list[Join] = []
        gone: list[View] = []
        for other in sorted({fit.island for fit in fits} - {island}):
            best = max((fit for fit in fits if fit.island == other), key=lambda fit: fit.evidence)
            joins.append(Join(other, island, less(centre_um, best.centre_um)))
            gone += self._join(joins[-1])
        return joins, gone

    def _join(self, join: Join) -> list[View]:
        self._fields.move(join.island, join.into, join.shift_um)
        return [self._known.view(head) for head in self._known.join(join.island, join.into, join.shift_um)]

    def _alone(self, number: int, pattern: Pattern) -> Match | None:
        """Return how a field lies on a placed one, if at all, knowing nothing else."""
        return register(self._pattern(number), pattern, least_lead=_LEAD_ALONE)

    def _pattern(self, number: int) -> Pattern:
        kept = self._patterns.get(number)
        if kept is None:
            kept = Pattern(darkness_of(self._thumbnail_of(number)))
        self._keep(number, kept)
        return kept

    def _keep(self, number: int, pattern: Pattern) -> None:
        self._patterns[number] = pattern
        self._patterns.move_to_end(number)
        if len(self._patterns) > _KEPT_PATTERNS:
            self._patterns.popitem(last=False)


def stands_alone(match: Match) -> bool:
    """Return whether a match is sure enough without knowing anything else."""
    return match.lead >= _LEAD_ALONE and match.stain >= _SAME_STAIN


def _distinct(points: list[Point]) -> list[Point]:
    kept: list[Point] = []
    for point in points:
        if all(far(point, other) > _SAME_PLACE_UM / 2 for other in kept):
            kept.append(point)
    return kept
