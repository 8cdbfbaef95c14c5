"""The tables of a report: what, and how much. Pure words over the evidence."""

import time
from statistics import median, quantiles

from zpscope.daemon.summary import away_text, light_text
from zpscope.display.words import reasons
from zpscope.report.answer import Answer
from zpscope.report.evidence import Evidence
from zpscope.report.markup import Child, Markup, join, tag

Rows = list[tuple[str, Child]]


def sample_rows(evidence: Evidence) -> Rows:
    """Return what the sample is."""
    sample = evidence.summary
    scales = ", ".join(f"{one:g}" for one in evidence.um_per_px) or "no field"
    return [
        ("accession (pseudonymous)", sample.accession),
        ("kind", words(sample.kind)),
        ("preparation", words(sample.preparation)),
        ("stain", words(sample.stain)),
        ("objective", sample.objective),
        ("operator", sample.operator),
        ("begun", utc(sample.started_ns)),
        ("ended", utc(sample.stopped_ns)),
        ("µm per pixel", scales + f"; NOT CALIBRATED: {sample.uncalibrated}" * bool(sample.uncalibrated)),
    ]


def account_rows(evidence: Evidence) -> Rows:
    """Return what became of every field and object."""
    sample = evidence.summary
    rows: Rows = [
        (
            "fields",
            f"{sample.captured} captured = {sample.scored} scored + {_sum(sample.skipped)} skipped + "
            f"{_sum(sample.lost)} lost + {sample.in_flight} in flight",
        ),
        ("objects", f"{sample.found} found = {sample.n} heads counted + {_sum(sample.rejected)} not counted"),
    ]
    rows += [(f"not counted: {words(reason)}", count) for reason, count in _most_first(sample.rejected)]
    low, high = sample.rejected_bounds
    rows.append(
        ("% if none, or all, of the heads refused for their looks were bound", f"{low:.1f} to {high:.1f}")
    )
    low, high = sample.unidentified_bounds
    rows.append(
        (
            f"% if none, or all, of the {sample.unidentified} unidentified heads were bound",
            f"{low:.1f} to {high:.1f}",
        )
    )
    if sample.unplaced:
        rows.append(("unplaced", f"{sample.unplaced} scored fields fit nowhere: their heads are left out"))
    if sample.reconnects:
        rows.append(("camera", away_text(sample)))
    return rows


def people_rows(evidence: Evidence, answer: Answer) -> Rows:
    """Return the reviewed result, which stands beside the machine's, and the signatures."""
    reviewed, rows = evidence.summary.reviewed, Rows()
    if reviewed:
        low, high = reviewed.interval
        share = "no heads" if reviewed.percent is None else f"{reviewed.percent:.1f} %"
        rows.append(
            (
                "reviewed result",
                f"{reviewed.k} of {reviewed.n}, {share}, Wilson 95 % {low:.1f} to {high:.1f} %",
            )
        )
        if answer.decided and reviewed.position:
            rows.append(("against the threshold", words(reviewed.position)))
        rows.append(("changed", f"{reviewed.reclassified} reclassified, {reviewed.excluded} excluded"))
        rows.append(("reviewers", ", ".join(reviewed.reviewers)))
        rows.append(
            ("the sequential guarantee", "is of the machine's count only: a reviewer chooses what to look at")
        )
    for one in evidence.summary.signatures:
        of = f"slide {one.slide}" if one.slide else "sample"
        rows.append(
            (f"signed, {of}, version {one.version}", f"{one.signer}, {utc(one.at_ns)}: {one.meaning}")
        )
    return rows


def quality_rows(evidence: Evidence) -> Rows:
    """Return what is measured, and its middle half."""
    sample, heads = evidence.summary, evidence.counted
    scored = [field for field in evidence.fields if not field.skip]
    per_field = dict.fromkeys(scored, 0)
    for head in heads:
        per_field[head.field] += 1
    rows: Rows = [
        ("fields skipped", reasons(sample.skipped) or "none"),
        ("heads counted per scored field", _middle([float(n) for n in per_field.values()])),
        ("area of counted heads, µm²", _middle([head.area_um2 for head in heads])),
    ]
    sharpness = [head.sharpness for head in heads if head.sharpness is not None]
    if sharpness:
        rows.append(("sharpness of counted heads", _middle(sharpness)))
    rows.append(("heads that the model is unsure of", f"{sample.unidentified} of {sample.n}"))
    drifts = ", ".join(f"{slide.colour_drift:.1f}" for slide in sample.slides)
    rows.append(("change of the stain from each slide's first fields to its last, L*a*b* units", drifts))
    lights = ", ".join(
        light_text(sample.model, slide.empty_grey) or f"{slide.empty_grey:.0f}" for slide in sample.slides
    )
    rows.append(("grey level of the empty slide", lights))
    return rows


def _middle(values: list[float]) -> str:
    if len(values) < 2:
        return ", ".join(f"{value:.3g}" for value in values) or "none"
    low, _, high = quantiles(values, n=4, method="inclusive")
    return f"median {median(values):.3g}, middle half {low:.3g} to {high:.3g}"


def provenance_rows(evidence: Evidence) -> Rows:
    """Return what made the result, to the last hash."""
    sample, model = evidence.summary, evidence.summary.model
    rules = ", ".join(
        f"{name} {value:g}" for name, value in sample.rules.items() if name != "threshold_permille"
    )
    research = sample.research
    rows: Rows = [
        ("model", f"{model.name} {model.version}"),
        ("sha256 of the model bundle", tag("code", model.sha256)),
        ("runtime", model.runtime),
        ("sha256 of how crops are made", _hashes(evidence.preprocessing)),
        ("sha256 of the settings", _hashes(evidence.settings_sha256)),
        ("zpscope", ", ".join(evidence.software)),
        (f"counting rules {sample.rules_version}", rules),
        (
            "what this is not",
            "a comprehensive evaluation of fertility; not validated for the choice of IVF or ICSI",
        ),
    ]
    if research:
        low, high = research.interval
        true = "not estimable" if research.percent is None else f"{research.percent:.1f} %"
        rows.append(
            (
                "research: the true percentage, if the model is as good here as its card says",
                f"{true} (Lang-Reiczigel {low:.1f} to {high:.1f} %); it decides nothing",
            )
        )
    return rows


def _hashes(digests: tuple[str, ...]) -> Markup:
    return join(*(tag("code", f"{one} ") for one in digests))


def utc(ns: int | None) -> str:
    """Return a time in words."""
    return "not yet" if ns is None else time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(ns // 10**9))


def _sum(counts: dict[str, int]) -> int:
    return sum(counts.values())


def _most_first(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(((name, n) for name, n in counts.items() if n), key=lambda item: (-item[1], item[0]))


def words(reason: str) -> str:
    """Return a name as words."""
    return reason.replace("_", " ")
