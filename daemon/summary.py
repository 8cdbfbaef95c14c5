"""From a sample's record and account to what displays and programs read."""

from zpscope.config.settings import Tally

from zpscope.counting.tally import interval_percent, percent, position
from zpscope.daemon.ledger import Ledger
from zpscope.daemon.store import SampleRecord
from zpscope.daemon.wire import SampleSummary, model_from_json


def summarise(record: SampleRecord, ledger: Ledger, tally: Tally) -> SampleSummary:
    """Return the sample's ledger, count, interval and position as one value."""

    return SampleSummary(
        sample=record.id,
        accession=record.accession,
        state=record.state,
        started_ns=record.started_ns,
        stopped_ns=record.stopped_ns,
        captured=ledger.captured,
        scored=ledger.scored,
        skipped=dict(sorted(ledger.skipped.items())),
        lost=ledger.lost,
        in_flight=ledger.in_flight,
        found=ledger.found,
        rejected=dict(sorted(ledger.rejected.items())),
        k=ledger.k,
        n=ledger.n,
        percent=percent(ledger.k, ledger.n),
        interval=interval_percent(ledger.k, ledger.n),
        position=position(
            ledger.k,
            ledger.n,
            ledger.scored,
            tally.threshold_permille,
            tally.minimum_heads,
            tally.minimum_fields,
        ),
        threshold_percent=tally.threshold_permille / 10,
        model=model_from_json(record.model),
    )
