"""What became of every frame of a sample, and the count. Pure arithmetic; knows no socket and no file.

The law, exact at every moment: captured = scored + skipped + lost + in_flight. `captured` and the losses at the
driver come from the camera process, everything else from what was committed; nothing is derived from the law
itself but `in_flight`, which must be zero once the camera says that it retains nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from zpscope.counting.field_counts import NO_HEADS, Cell, FieldCounts, merged


@dataclass
class SessionAccount:
    """The frames of one life of the camera process."""

    captured: int = 0
    lost: dict[str, int] = field(default_factory=dict[str, int])
    """By stage: `driver`, `camera`, `transport`, `age`."""
    committed: int = 0
    """Scored or skipped."""
    span_ns: tuple[int, int] | None = None
    """When the first and the last of these were captured."""

    @property
    def in_flight(self) -> int:
        """Frames captured whose fate is open."""
        return self.captured - self.committed - sum(self.lost.values())

    def commit(self, captured_ns: int) -> None:
        """Count a committed frame, in the order of capture."""
        self.committed += 1
        self.span_ns = (self.span_ns[0] if self.span_ns else captured_ns, captured_ns)


UNMAPPED = -1
"""The island of fields committed before there were any: they count."""
SUPERSEDED = "superseded"
"""Reason of a head that was counted, until a later field showed it better."""
UNPLACED = "unplaced"
"""Reason of heads on an island that is not known to join the others."""


@dataclass(frozen=True)
class FieldCount:
    """What one committed field adds."""

    skip: str
    """Reason if the whole field was skipped, else empty."""
    reasons: tuple[str, ...]
    """Per object found: empty if it was classified."""
    heads: Cell = NO_HEADS
    """Heads classified that count."""
    island: int = UNMAPPED
    """Where it lies."""
    joins: tuple[tuple[int, int], ...] = ()
    """Islands that it shows to be one: which, and with which."""


@dataclass
class Ledger:
    """The running account of one sample."""

    sessions: dict[str, SessionAccount] = field(default_factory=dict[str, SessionAccount])
    """In the order in which they began; all but the last are over."""
    scored: int = 0
    skipped: Counter[str] = field(default_factory=Counter[str])
    found: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])
    """Objects that count on no island, by reason."""
    islands: dict[int, FieldCounts] = field(default_factory=dict[int, FieldCounts])
    """Fields that are placed against one another."""
    apart: Literal["left_out", "counted"] = "left_out"
    """See `config.settings.Place`."""
    joined: dict[int, int] = field(default_factory=dict[int, int])
    """Islands that turned out to be part of others, and of which."""

    @property
    def main_island(self) -> int:
        """The island that counts: the stage's, else that of most fields, else the first; its heads have no say."""
        mapped = [one for one in self.islands if one != UNMAPPED]
        return max(mapped, key=lambda one: (one == 0, self.islands[one].fields, -one), default=UNMAPPED)

    @property
    def counted(self) -> FieldCounts:
        """The scored fields whose heads count."""
        kept = (UNMAPPED, self.main_island)
        return merged(one for i, one in self.islands.items() if self.apart == "counted" or i in kept)

    @property
    def n(self) -> int:
        """Heads classified that count."""
        return self.counted.total.n

    @property
    def k(self) -> int:
        """Of these, ZP-binding."""
        return self.counted.total.k

    @property
    def unplaced(self) -> int:
        """Scored fields whose heads are left out, because nobody knows where they lie."""
        return self.scored - self.counted.fields

    @property
    def rejected(self) -> Counter[str]:
        """Objects that do not count, by reason."""
        left_out = merged(self.islands.values()).total.n - self.n
        return self.refused + Counter({UNPLACED: left_out})

    @property
    def captured(self) -> int:
        """Frames captured, over all sessions."""
        return sum(account.captured for account in self.sessions.values())

    @property
    def lost(self) -> dict[str, int]:
        """Frames lost by stage, over all sessions."""
        total = Counter[str]()
        for account in self.sessions.values():
            total.update(account.lost)
        return {stage: count for stage, count in sorted(total.items()) if count}

    @property
    def in_flight(self) -> int:
        """Frames captured whose fate is open, over all sessions."""
        return sum(account.in_flight for account in self.sessions.values())

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """From the last frame of a session to the first of the next, in ns."""
        spans = [account.span_ns for account in self.sessions.values() if account.span_ns]
        return [(one[1], other[0]) for one, other in pairwise(spans)]

    @property
    def last(self) -> str | None:
        """The session that began last."""
        return next(reversed(self.sessions), None)

    def over(self, session: str) -> bool:
        """Return whether another session has begun after this one, so that its account is closed."""
        return session in self.sessions and session != self.last

    def begin(self, session: str, settled: int | None) -> bool:
        """Open the account of a session and close the one before; return whether it is new.

        Of that one, the first `settled` frames are committed or were lost at the driver, and the others are captured
        again in this one. None: nothing is captured again, and what it has in flight is lost at stage `camera`.
        """
        if session in self.sessions:
            return False
        last = self.last
        account = self.sessions[session] = SessionAccount()
        if last is not None and settled is None:
            self.close(last, "camera")
        elif last is not None and settled is not None:
            before = self.sessions[last]
            lost = settled - before.committed
            account.captured, before.captured = before.captured - settled, settled
            account.lost["driver"] = before.lost.get("driver", 0) - lost
            before.lost["driver"] = lost
        return True

    def captured_before(self, session: str) -> int:
        """Frames captured in the other sessions, which are all over."""
        return sum(account.captured for one, account in self.sessions.items() if one != session)

    def hear(self, session: str, captured: int, lost: Mapping[str, int]) -> bool:
        """Take the camera's own figures, which only grow; return whether they changed anything."""
        if self.over(session):
            return False
        account = self.sessions.setdefault(session, SessionAccount())
        before = (account.captured, dict(account.lost))
        account.captured = max(account.captured, captured)
        self._book(account, lost)
        return before != (account.captured, account.lost)

    def lose(self, session: str, lost: Mapping[str, int]) -> bool:
        """Book losses of a session seen on this side, as totals by stage; return whether any is new."""
        account = self.sessions.setdefault(session, SessionAccount())
        before = dict(account.lost)
        self._book(account, lost)
        return before != account.lost

    def close(self, session: str, stage: str) -> bool:
        """Book what is still in flight in a session that is over as lost at `stage`; return whether any was."""
        account = self.sessions[session]
        missing = account.in_flight
        if missing > 0:
            account.lost[stage] = account.lost.get(stage, 0) + missing
        return missing > 0

    def commit(
        self,
        session: str,
        count: FieldCount,
        captured_ns: int,
        earlier: Iterable[tuple[int, Cell, Cell]] = (),
    ) -> None:
        """Add one committed field.

        It shows heads better that `earlier` fields counted: of each of these the island on which it was placed, and
        its heads before and after.
        """
        self.sessions.setdefault(session, SessionAccount()).commit(captured_ns)
        if count.skip:
            self.skipped[count.skip] += 1
            return
        self.scored += 1
        self.found += len(count.reasons)
        self.refused.update(reason for reason in count.reasons if reason)
        for island, into in count.joins:
            self.join(island, into)
        self.add(count.island, count.heads)
        for island, before, after in earlier:
            self.refused[SUPERSEDED] += before.n - after.n
            self.add(island, before, -1)
            self.add(island, after)

    def add(self, island: int, cell: Cell, fields: int = 1) -> None:
        """Add fields with their heads to an island, or to that which it is a part of."""
        self.islands.setdefault(self._whole(island), FieldCounts()).add(cell, fields)

    def join(self, island: int, into: int) -> None:
        """Make two islands one."""
        one, into = self.islands.pop(island, FieldCounts()), self._whole(into)
        self.islands.setdefault(into, FieldCounts()).add_all(one)
        self.joined[island] = into

    def _whole(self, island: int) -> int:
        while island in self.joined:
            island = self.joined[island]
        return island

    @staticmethod
    def _book(account: SessionAccount, lost: Mapping[str, int]) -> None:
        for stage, count in lost.items():
            if count > account.lost.get(stage, 0):
                account.lost[stage] = count
