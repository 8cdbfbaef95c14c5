"""From accounts to what displays, programs and people read."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256

from zpscope.config.settings import Tally
from zpscope.counting.field_counts import merged
from zpscope.counting.misclassification import lang_reiczigel, rogan_gladen
from zpscope.counting.tally import interval_percent, percent, position
from zpscope.counting.verdict import bounds_percent, verdict
from zpscope.daemon import wire
from zpscope.daemon.ledger import Ledger
from zpscope.daemon.store import SampleRecord, SlideRecord
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.reference import name_of

_MAYBE_HEADS = ("overlap", "defocus", "dirty_background", "low_contrast")
"""Reasons of heads that are refused for how they look; the others are no heads, or counted elsewhere."""
_GAPS = 3
"""So many gaps are told with their times; the summary holds all."""


def count_of(ledgers: Sequence[Ledger], tally: Tally, model: wire.Model) -> wire.Count:
    """Return the account, the count, its interval and its position, of the slides of one sample."""
    skipped, lost, refused = Counter[str](), Counter[str](), Counter[str]()
    for one in ledgers:
        skipped.update(one.skipped)
        lost.update(one.lost)
        refused.update(one.rejected)
    heads = merged(one.counted for one in ledgers).total
    scored = sum(one.scored for one in ledgers)
    rules = (tally.threshold_permille, tally.minimum_heads, tally.minimum_fields)
    sure = (heads.k - heads.unsure_k, heads.n - heads.unsure_n)
    return wire.Count(
        captured=sum(one.captured for one in ledgers),
        scored=scored,
        skipped=dict(sorted(skipped.items())),
        lost=dict(sorted(lost.items())),
        in_flight=sum(one.in_flight for one in ledgers),
        found=sum(one.found for one in ledgers),
        rejected=dict(sorted(refused.items())),
        unplaced=sum(one.unplaced for one in ledgers),
        k=heads.k,
        n=heads.n,
        percent=percent(heads.k, heads.n),
        interval=interval_percent(heads.k, heads.n),
        position=position(heads.k, heads.n, scored, *rules),
        threshold_percent=tally.threshold_permille / 10,
        unidentified=heads.unsure_n,
        unidentified_bounds=bounds_percent(*sure, heads.unsure_n),
        rejected_bounds=bounds_percent(heads.k, heads.n, sum(refused[reason] for reason in _MAYBE_HEADS)),
        model=model,
    )


def summarise(
    sample: SampleRecord, slides: Sequence[tuple[SlideRecord, Ledger]], *, control: str = ""
) -> wire.SampleSummary:
    """Return a sample's record and the account of its slides as one value.

    By the rules that its first slide was begun with. `control`: why the controls forbid an answer, or empty.
    """
    records, ledgers = [slide for slide, _ in slides], [ledger for _, ledger in slides]
    tally = records[0].tally if records else Tally()
    model = wire.model_from_json(records[-1].model) if records else wire.NO_MODEL
    count = count_of(ledgers, tally, model)
    uncalibrated = next((one.uncalibrated for one in records if one.uncalibrated), "")
    rules = tally.model_dump()
    withheld = list(_withheld(sample, records, model, uncalibrated, control))
    ended = sample.life not in ("planned", "scanning")
    said = verdict([ledger.counted for ledger in ledgers], tally, withheld, ended=ended)
    summary = wire.extend(
        wire.SampleSummary,
        count,
        sample=sample.id,
        accession=sample.accession,
        kind=sample.kind,
        life=sample.life,
        state=records[-1].state if records else "planned",
        preparation=sample.preparation,
        stain=sample.stain,
        objective=sample.objective,
        um_per_px=sample.um_per_px,
        operator=sample.operator,
        slides=[_slide(*one) for one in slides],
        interval=count.interval if ended else said.anytime_percent,
        verdict=said,
        rules=rules,
        rules_version=rules_version(tally),
        research=_research(count),
        uncalibrated=uncalibrated,
        simulated=any(one.simulated for one in records),
        started_ns=records[0].started_ns if records else sample.planned_ns,
        stopped_ns=records[-1].stopped_ns if records else None,
        reconnects=sum(max(0, len(ledger.sessions) - 1) for ledger in ledgers),
        gaps=[gap for ledger in ledgers for gap in ledger.gaps],
    )
    return wire.without_percentage(summary) if uncalibrated else wire.without_side(summary)


def rules_version(tally: Tally) -> str:
    """Return what tells one set of counting rules from another: the first digits of their sha256."""
    return sha256(wire.to_json(tally.model_dump()).encode()).hexdigest()[:12]


def _withheld(
    sample: SampleRecord, slides: Sequence[SlideRecord], model: wire.Model, uncalibrated: str, control: str
) -> Iterator[str]:
    """Yield why nothing may be said of a sample, whatever it counts."""
    if sample.kind != "sample":
        yield "it is a control slide"
    if model.demonstration:
        yield "the model is a demonstration model: it knows nothing of real heads"
    if sample.preparation != "density_gradient":
        yield f"the threshold holds for density-gradient preparations, and this one is {_said(sample.preparation)}"
    if sample.stain != "diff_quik":
        yield f"the threshold holds for the stain Diff-Quik, and this one is {_said(sample.stain)}"
    if uncalibrated:
        yield f"the scale is not calibrated: {uncalibrated}"
    if len({(wire.model_from_json(one.model).sha256, one.preprocessing) for one in slides}) > 1:
        yield "its slides were scored by different models"
    if len({SlideColour.from_json(one.colour).reference for one in slides}) > 1:
        yield "the heads of its slides were found by different colour references"
    if control:
        yield control


def _said(fact: str) -> str:
    return fact.replace("_", " ")


def _slide(record: SlideRecord, ledger: Ledger) -> wire.SlideSummary:
    heads = ledger.counted.total
    colour = SlideColour.from_json(record.colour)
    return wire.SlideSummary(
        slide=record.id,
        number=record.number,
        state=record.state,
        scored=ledger.scored,
        k=heads.k,
        n=heads.n,
        percent=percent(heads.k, heads.n),
        model_sha256=wire.model_from_json(record.model).sha256,
        reference=name_of(colour.reference),
        colour_drift=colour.drift,
        empty_grey=colour.empty_grey,
    )


def _research(count: wire.Count) -> wire.Research | None:
    """Return what lies behind the raw percentage, if the card of the model says how good it is."""
    sensitivity, specificity = count.model.sensitivity, count.model.specificity
    if sensitivity is None or specificity is None or not count.n or sensitivity[0] + specificity[0] <= 1:
        return None
    raw = count.k / count.n
    true = rogan_gladen(raw, sensitivity[0], specificity[0])
    low, high = lang_reiczigel(raw, count.n, sensitivity, specificity)
    return wire.Research(
        percent=100 * min(true, 1.0) if true >= 0 else None, interval=(100 * low, 100 * max(low, high))
    )


LIGHT_REMEDY = "(grey levels of the empty slide): set the exposure, it shifts the count"


def light_text(model: wire.Model, empty_grey: float) -> str:
    """Return how a slide's light differs from that in which the model learned; empty if not, or if none is known."""
    learned = model.empty_grey
    if learned is None or not empty_grey or learned[0] <= empty_grey <= learned[1]:
        return ""
    return f"LIGHT {empty_grey:.0f}, MODEL {learned[0]:.0f} TO {learned[1]:.0f}"


def verdict_text(sample: wire.SampleSummary) -> str:
    """Return what may be said of a sample, as one line."""
    said, rules = sample.verdict, sample.rules
    reasons = "; ".join(said.reasons)
    if said.state == "invalid":
        return f"no answer: {reasons}"
    low, high = said.wilson_percent if said.final and sample.life != "scanning" else said.anytime_percent
    where = f"{sample.threshold_percent} % (interval {low:.1f} to {high:.1f} %)"
    match said.state:
        case "above":
            answer = f"ABOVE {where}"
        case "below":
            answer = f"AT OR BELOW {where}"
        case "indeterminate":
            return f"INDETERMINATE: {sample.n} heads do not tell which side of {where} it is on"
        case "collecting":
            more = "" if said.more_heads is None else f"; about {said.more_heads} more heads to an answer"
            return f"collecting: {reasons}{more}"
    error = f"wrong at most {rules['error_percent']:g} % of the time, if the model is right"
    return f"{answer}, final, {error}" if said.final else f"{answer}, PROVISIONAL, {error}; {reasons}"


def share_text(k: int, n: int, threshold_percent: float) -> str:
    """Return k of n in percent, never rounded on to or across the threshold; n is not 0."""
    permille = round(threshold_percent * 10)
    excess = 1000 * k - permille * n
    for digits in (1, 2, 3, 4):
        text = f"{100 * k / n:.{digits}f}"
        shown = float(text) - permille / 10
        if (excess > 0) == (shown > 1e-9) and (excess == 0) == (abs(shown) < 1e-9):
            return f"{text} %"
    return f"{100 * k / n:.6f} %"


def count_text(count: wire.Count) -> str:
    """Return the count and what became of every field, as lines for a terminal."""
    low, high = count.interval
    share = (
        "no percentage"
        if count.percent is None
        else f"{share_text(count.k, count.n, count.threshold_percent)}, 95 % interval {low:.1f} to {high:.1f} %"
    )
    where = {
        "not_calibrated": "; NOT CALIBRATED",
        "collecting": "; collecting: too few heads or fields for a position",
        "above": f"; above {count.threshold_percent} % (not a verdict)",
        "at_or_below": f"; at or below {count.threshold_percent} % (not a verdict)",
        None: "",
    }[count.position]
    lines = [
        f"ZP-binding {count.k} of {count.n} heads: {share}{where}",
        f"fields     {count.captured} captured = {count.scored} scored + {_reasons(count.skipped)} skipped "
        f"+ {_reasons(count.lost)} lost + {count.in_flight} in flight",
        f"objects    {count.found} found = {count.n} heads + {_reasons(count.rejected)} not counted",
        f"bounds     {_span(count.unidentified_bounds)} if none or all of {count.unidentified} unidentified heads were "
        f"bound, {_span(count.rejected_bounds)} if none or all of the refused ones were",
        f"model      {count.model.name} {count.model.version} ({count.model.sha256[:12]}), {count.model.runtime}",
    ]
    if isinstance(count, wire.SampleSummary):
        lines[1:1] = _sample_lines(count)
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
    if isinstance(count, wire.SampleSummary) and count.simulated:
        lines.insert(0, "SIMULATED: a program drew the fields; the count says nothing about any slide")
    if count.model.demonstration:
        lines.insert(0, "DEMONSTRATION model: trained on simulated heads, says nothing about real ones")
    return "\n".join([*lines, count.notice, ""])


def _sample_lines(sample: wire.SampleSummary) -> Iterator[str]:
    yield f"verdict    {verdict_text(sample)}"
    said = sample.verdict
    yield (
        f"interval   {_span(said.anytime_percent)} at any look, {_span(said.wilson_percent)} of a finished count; "
        f"design effect {said.design_effect:.2f}; rules {sample.rules_version}"
    )
    for slide in sample.slides:
        share = (
            "no percentage"
            if slide.percent is None
            else share_text(slide.k, slide.n, sample.threshold_percent)
        )
        yield f"slide {slide.number}    {slide.k} of {slide.n} heads, {share}, {slide.state}"
    if sample.slides and (light := light_text(sample.model, sample.slides[-1].empty_grey)):
        yield f"exposure   {light} {LIGHT_REMEDY}"
    if said.agreement is not None:
        yield f"replicates the slides would differ so much by chance {100 * said.agreement:.0f} times of 100"
    if sample.research is not None:
        share = "not estimable" if sample.research.percent is None else f"{sample.research.percent:.1f} %"
        yield (
            f"research   {share} ({_span(sample.research.interval)}) if the model is as good here as its card says; "
            "never to be held against the threshold"
        )
    if sample.reviewed is not None:
        one = sample.reviewed
        share = "no head" if one.percent is None else f"{one.percent:.1f} %"
        yield (
            f"reviewed   {one.k} of {one.n} heads: {share} ({_span(one.interval)}); {one.reclassified} reclassified, "
            f"{one.excluded} excluded by {', '.join(one.reviewers)}"
        )
    for signed in sample.signatures:
        what = f"slide {signed.slide}" if signed.slide else "sample"
        yield f"signed     {what} by {signed.signer}: {signed.meaning}"


def _span(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.1f} to {interval[1]:.1f} %"


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
