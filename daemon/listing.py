"""Samples as they stand, read from the store: the machine's result as it was kept, and what people made of it since.

While the verdict is withheld, no side of the threshold is told, whatever was kept.
"""

from zpscope.daemon import wire
from zpscope.daemon.store import SampleRecord, Store
from zpscope.daemon.summary import summarise


def summary_of(store: Store, sample: SampleRecord) -> wire.SampleSummary:
    """Return a sample as it stands: the machine's result as it was kept, and what a review came to."""
    if sample.machine and sample.life not in ("planned", "scanning"):
        result = wire.summary_from_json(sample.machine)
    else:
        result = summarise(sample, [(slide, store.ledger(slide.id)) for slide in store.slides(sample.id)])
    signed = store.rows(
        "SELECT slide, version, at_ns, signer, meaning FROM signature WHERE sample = ? ORDER BY version, slide",
        sample.id,
    )
    stands = wire.with_review(
        result,
        sample.life,
        wire.reviewed_from_json(sample.reviewed) if sample.reviewed else None,
        [
            wire.Signature(slide=s, version=v, at_ns=at_ns, signer=by, meaning=why)
            for s, v, at_ns, by, why in signed
        ],
    )
    return wire.without_side(stands)


def summaries(store: Store) -> list[wire.SampleSummary]:
    """Return every sample of a store, oldest first."""
    return [summary_of(store, sample) for sample in store.samples()]
