"""From accounts to what displays, programs and people read."""

import time

from zpscope.config.settings import Tally
from zpscope.counting.tally import interval_percent, percent, position
from zpscope.daemon import wire
from zpscope.daemon.ledger import Ledger
from zpscope.daemon.store import SampleRecord

_GAPS = 3
"""So many gaps are told with their times; the summary holds all."""


def count_of(ledger: Ledger, tally: Tally, model: wire.Model) -> wire.Count:
    """Return the account, the count, its interval and its position."""
    rules = (tally.threshold_permille, tally.minimum_heads, tally.minimum_fields)
    return wire.Count(
        captured=ledger.captured,
        scored=ledger.scored,
        skipped=dict(sorted(ledger.skipped.items())),
        lost=ledger.lost,
        in_flight=ledger.in_flight,
        found=ledger.found,
        rejected=dict(sorted(ledger.rejected.items())),
        unplaced=ledger.unplaced,
        k=ledger.k,
        n=ledger.n,
        percent=percent(ledger.k, ledger.n),
        interval=interval_percent(ledger.k, ledger.n),
        position=position(ledger.k, ledger.n, ledger.scored, *rules),
        threshold_percent=tally.threshold_permille / 10,
        model=model,
    )


def summarise(record: SampleRecord, ledger: Ledger, tally: Tally) -> wire.SampleSummary:
    """Return a sample's record and account as one value."""
    count = count_of(ledger, tally, wire.model_from_json(record.model))
    if record.uncalibrated:
        count = wire.without_position(count)
    return wire.extend(
        wire.SampleSummary,
        count,
        uncalibrated=record.uncalibrated,
        sample=record.id,
        accession=record.accession,
        state=record.state,
        started_ns=record.started_ns,
        stopped_ns=record.stopped_ns,
        reconnects=max(0, len(ledger.sessions) - 1),
        gaps=ledger.gaps,
    )


def count_text(count: wire.Count) -> str:
    """Return the count and what became of every field, as lines for a terminal."""
    low, high = count.interval
    share = (
        "no head yet"
        if count.percent is None
        else f"{count.percent:.1f} %, 95 % interval {low:.1f} to {high:.1f} %"
    )
    where = {
        "not_calibrated": "NOT CALIBRATED, so no position",
        "collecting": "collecting: too few heads or fields for a position",
        "above": f"above {count.threshold_percent} % (not a verdict)",
        "at_or_below": f"at or below {count.threshold_percent} % (not a verdict)",
    }[count.position]
    lines = [
        f"ZP-binding {count.k} of {count.n} heads: {share}; {where}",
        f"fields     {count.captured} captured = {count.scored} scored + {_reasons(count.skipped)} skipped "
        f"+ {_reasons(count.lost)} lost + {count.in_flight} in flight",
        f"objects    {count.found} found = {count.n} heads + {_reasons(count.rejected)} not counted",
        f"model      {count.model.name} {count.model.version} ({count.model.sha256[:12]}), {count.model.runtime}",
    ]
    if isinstance(count, wire.SampleSummary) and count.uncalibrated:
        lines.append(f"scale      NOT CALIBRATED: {count.uncalibrated}")
    if isinstance(count, wire.SampleSummary) and count.reconnects:
        lines.append(f"camera     {away_text(count)}")
    if count.unplaced:
        part = 100 * count.unplaced / count.scored
        lines.append(
            f"place      {count.unplaced} of {count.scored} scored fields ({part:.1f} %) fit nowhere on the slide: "
            "their heads are left out, for they may be counted already"
        )
    if count.lost:
        lines.insert(0, "INCOMPLETE: fields were lost; the count is not of the whole scan")
    elif isinstance(count, wire.SampleSummary) and count.state == "incomplete":
        lines.insert(
            0, "INCOMPLETE: the camera process was gone at the end; what it captured last is not known"
        )
    if count.model.demonstration:
        lines.insert(0, "DEMONSTRATION model: trained on simulated heads, says nothing about real ones")
    return "\n".join([*lines, count.notice, ""])


def away_text(sample: wire.SampleSummary) -> str:
    """Return how often the camera was away, and for how long, in words."""
    times = [
        f"{time.strftime('%H:%M:%S', time.gmtime(start_ns // 10**9))} to "
        f"{time.strftime('%H:%M:%S', time.gmtime(end_ns // 10**9))} UTC"
        for start_ns, end_ns in sample.gaps
    ]
    away_s = sum(end_ns - start_ns for start_ns, end_ns in sample.gaps) / 1e9
    shown = ", ".join(["..."] * (len(times) > _GAPS) + times[-_GAPS:])
    often = "once" if sample.reconnects == 1 else f"{sample.reconnects} times"
    return f"started afresh {often}; no frame for {away_s:.1f} s" + f" ({shown})" * bool(times)


def _reasons(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    return f"{total} ({', '.join(f'{name} {n}' for name, n in counts.items())})" if total else "0"
