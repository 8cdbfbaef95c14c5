"""What a reviewer made of the heads that the machine counted: a second result, beside the machine's.

Nothing of the machine's is changed: reviews are rows of their own, and the latest one of a head holds. Knows the
store.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from zpscope.config.errors import CommandRefused
from zpscope.counting.tally import interval_percent, percent, position
from zpscope.daemon import wire
from zpscope.daemon.store import SampleRecord, Store

HeadClass = Literal["bound", "unbound", "excluded"]


@dataclass(frozen=True)
class CountedHead:
    """A head that the machine counted."""

    field: int
    head: int
    slide: int
    p: float
    machine: HeadClass
    now: HeadClass
    """After the latest review."""
    reviewed: bool

    @property
    def name(self) -> str:
        """What a reviewer calls it by."""
        return f"{self.field}.{self.head}"


def counted_heads(store: Store, sample: SampleRecord) -> Iterator[CountedHead]:
    """Yield every head of a sample that counts, in the order of the scan."""
    for slide in store.slides(sample.id):
        ledger = store.ledger(slide.id)
        into = dict(
            store.rows(
                "SELECT joined.island, into_island FROM joined JOIN placed ON placed.field = joined.field "
                "WHERE slide = ?",
                slide.id,
            )
        )
        for field, number, island, p, bound, new in store.rows(
            "SELECT head.field, head.number, island, p, bound, (SELECT new FROM review WHERE review.field = head.field "
            "AND review.head = head.number ORDER BY review.number DESC LIMIT 1) FROM head "
            "JOIN field ON field.id = head.field LEFT JOIN placed ON placed.field = field.id "
            "WHERE field.slide = ? AND reason = '' ORDER BY field.id, head.number",
            slide.id,
        ):
            while island in into:
                island = into[island]
            if island in (None, ledger.main_island) or ledger.apart == "counted":
                machine: HeadClass = "bound" if bound else "unbound"
                yield CountedHead(field, number, slide.number, p, machine, new or machine, new is not None)


def head_named(heads: list[CountedHead], name: str) -> CountedHead:
    """Return the head with this name; raise CommandRefused if it does not count."""
    for head in heads:
        if head.name == name:
            return head
    msg = f"no head {name} counts in this sample: `zpscope sample review SAMPLE` lists those that do"
    raise CommandRefused(msg)


def reviewed_result(store: Store, sample: SampleRecord) -> wire.ReviewedResult:
    """Return the count after all reviews so far."""
    heads, slides = list(counted_heads(store, sample)), store.slides(sample.id)
    tally = slides[0].tally
    kept = [head for head in heads if head.now != "excluded"]
    k, n = sum(head.now == "bound" for head in kept), len(kept)
    scored = sum(store.ledger(slide.id).scored for slide in slides)
    where = position(k, n, scored, tally.threshold_permille, tally.minimum_heads, tally.minimum_fields)
    uncalibrated = any(slide.uncalibrated for slide in slides)
    return wire.ReviewedResult(
        k=k,
        n=n,
        percent=None if uncalibrated else percent(k, n),
        interval=(0.0, 100.0) if uncalibrated else interval_percent(k, n),
        position="not_calibrated" if uncalibrated else where,
        reclassified=sum(head.now != head.machine for head in kept),
        excluded=len(heads) - len(kept),
        reviewers=[
            actor
            for (actor,) in store.rows(
                "SELECT DISTINCT actor FROM review WHERE sample = ? ORDER BY actor", sample.id
            )
        ],
    )
