"""The report as one HTML page that needs nothing else: no script, no network, no font, no file beside it.

Pure: the evidence in, a page out, the same bytes for the same evidence. The PDF is this page, printed.
"""

import time
from base64 import b64encode
from importlib.resources import files

import cv2
import numpy as np

from zpscope.config.notice import NOTICE
from zpscope.daemon.summary import away_text
from zpscope.display.words import percent, reasons
from zpscope.report import plots
from zpscope.report.answer import Answer, answer_of
from zpscope.report.evidence import Evidence, Head
from zpscope.report.markup import Child, Markup, empty, join, style_sheet, tag
from zpscope.report.quality import quality_rows

_SHOWN = 240
"""At most so many heads of each class are in the gallery."""
_CROP_PX = 64
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 88)


def page(evidence: Evidence) -> str:
    """Return the report."""
    sample = evidence.summary
    answer = answer_of(sample)
    title = f"ZP-binding report {sample.accession}"
    body = tag(
        "body",
        tag(
            "header",
            tag("h1", title),
            tag("p", NOTICE, class_="notice"),
            tag("p", f"Status: {answer.status}. Sample {sample.sample}, {sample.state}.", class_="soft"),
        ),
        tag("main", *_main(evidence, answer)),
        tag("footer", tag("p", NOTICE, class_="notice")),
    )
    head = tag(
        "head",
        empty("meta", charset="utf-8"),
        empty("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        style_sheet(files("zpscope.report").joinpath("page.css").read_text("utf-8")),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _main(evidence: Evidence, answer: Answer) -> list[Markup]:
    return [
        *_banners(evidence),
        _answer(evidence, answer),
        *_section("Sample", _table(_sample_rows(evidence))),
        *_section("Account of the fields and of what was found", _table(_account_rows(evidence))),
        *_section(
            "The scan",
            tag(
                "div",
                _figure(
                    plots.running(evidence, answer.threshold_percent),
                    "Percentage after each field; the band is the 95 % interval that holds at every look.",
                ),
                " ",
                _figure(
                    plots.histogram(evidence),
                    "Probability of the counted heads; orange: called bound.",
                ),
                class_="pair",
            ),
        ),
        *_coverage(evidence),
        *_section("Quality", _table(quality_rows(evidence))),
        *_section("How it was made", _table(_provenance_rows(evidence))),
        *_gallery(evidence),
    ]


def _banners(evidence: Evidence) -> list[Markup]:
    sample = evidence.summary
    said: list[str] = []
    if sample.model.demonstration:
        said.append(
            "DEMONSTRATION MODEL, trained on simulated heads: no figure here says anything about a real sample."
        )
    if sample.state in ("scanning", "closing"):
        said.append("The scan is not over: every figure may still change.")
    lost = sum(sample.lost.values())
    if lost:
        said.append(f"INCOMPLETE: {lost} field{'s' * (lost != 1)} lost ({reasons(sample.lost)}).")
    elif sample.state == "incomplete":
        said.append("INCOMPLETE: the camera process was gone at the end; what it captured last is not known.")
    return [tag("p", words, class_="banner") for words in said]


def _answer(evidence: Evidence, answer: Answer) -> Markup:
    sample = evidence.summary
    low, high = sample.interval
    share = percent(sample) if answer.threshold_percent is not None else _plain_percent(evidence)
    count: list[Child] = [f"{sample.k} of {sample.n} heads ZP-binding"]
    if sample.n:
        count.append(f"; Wilson 95 % interval {low:.1f} to {high:.1f} %")
    return tag(
        "section",
        tag("strong", answer.headline),
        tag("p", share, class_="figure"),
        tag("p", *count),
        tag("ul", *(tag("li", reason) for reason in answer.reasons)),
        class_=f"answer {answer.state}",
    )


def _plain_percent(evidence: Evidence) -> str:
    share = evidence.summary.percent
    return "no heads" if share is None else f"{share:.1f} %"


def _sample_rows(evidence: Evidence) -> list[tuple[str, Child]]:
    sample = evidence.summary
    scales = ", ".join(f"{one:g}" for one in evidence.um_per_px) or "no field"
    return [
        ("accession (pseudonymous)", sample.accession),
        ("begun", _utc(sample.started_ns)),
        ("ended", _utc(sample.stopped_ns)),
        ("µm per pixel", scales + f"; NOT CALIBRATED: {sample.uncalibrated}" * bool(sample.uncalibrated)),
    ]


def _account_rows(evidence: Evidence) -> list[tuple[str, Child]]:
    sample = evidence.summary
    rows: list[tuple[str, Child]] = [
        (
            "fields",
            f"{sample.captured} captured = {sample.scored} scored + {_sum(sample.skipped)} skipped + "
            f"{_sum(sample.lost)} lost + {sample.in_flight} in flight",
        ),
        ("objects", f"{sample.found} found = {sample.n} heads counted + {_sum(sample.rejected)} not counted"),
    ]
    rows += [(f"not counted: {_words(reason)}", count) for reason, count in _most_first(sample.rejected)]
    if sample.unplaced:
        rows.append(("unplaced", f"{sample.unplaced} scored fields fit nowhere: their heads are left out"))
    if sample.reconnects:
        rows.append(("camera", away_text(sample)))
    return rows


def _provenance_rows(evidence: Evidence) -> list[tuple[str, Child]]:
    model = evidence.summary.model
    return [
        ("model", f"{model.name} {model.version}"),
        ("sha256 of the model bundle", tag("code", model.sha256)),
        ("runtime", model.runtime),
        ("sha256 of how crops are made", tag("code", evidence.preprocessing)),
        ("sha256 of the settings", tag("code", evidence.settings_sha256)),
        ("zpscope", evidence.software),
        ("interval of the count", "Wilson 95 %, of k and n as they stand"),
        (
            "what this is not",
            "a comprehensive evaluation of fertility; not validated for the choice of IVF or ICSI",
        ),
    ]


def _coverage(evidence: Evidence) -> list[Markup]:
    figures = [
        _figure(
            empty(
                "img",
                src=f"data:image/png;base64,{b64encode(seen.picture).decode()}",
                alt=f"the scanned part of slide {seen.slide} with its counted heads",
                class_="map",
            ),
            f"Slide {seen.slide}: {seen.area_mm2:.3g} mm² counted, {100 * seen.seen_twice:.0f} % of it seen more than once; "
            f"1 pixel is {seen.um_per_px:g} µm. Counted heads: blue; orange, larger and ringed: called bound. "
            "What is seen through is not counted.",
        )
        for seen in evidence.seen
    ]
    return _section("Coverage", *(figures or [tag("p", "No field's place on the slide is known.")]))


def _gallery(evidence: Evidence) -> list[Markup]:
    parts: list[Markup] = []
    for bound, words in ((True, "called bound"), (False, "called not bound")):
        heads = sorted(
            (head for head in evidence.counted if head.bound == bound and head.crop),
            key=lambda head: -(head.p or 0.0),
        )
        left_out = max(0, len(heads) - _SHOWN)
        note = f"{len(heads)} heads {words}, the most probable binders first"
        note += f"; {left_out} more are in heads.csv" * bool(left_out)
        parts.append(tag("p", note, class_="soft note"))
        parts.append(tag("div", *(_thumb(head) for head in heads[:_SHOWN]), class_="gallery"))
    return _section("Gallery of heads", *parts)


def _thumb(head: Head) -> Markup:
    crop = np.asarray(cv2.imdecode(np.frombuffer(head.crop or b"", np.uint8), cv2.IMREAD_GRAYSCALE))
    small = cv2.resize(crop, (_CROP_PX, _CROP_PX), interpolation=cv2.INTER_AREA)
    source = b64encode(cv2.imencode(".jpg", small, _JPEG)[1].tobytes()).decode()
    name = f"{head.field.slide}-{head.field.number}-{head.number}"
    verdict = "bound" if head.bound else "not bound"
    return tag(
        "figure",
        empty(
            "img",
            src=f"data:image/jpeg;base64,{source}",
            alt=f"head {name}, {verdict}, probability {head.p or 0:.2f}",
        ),
        tag("figcaption", f"{head.p or 0:.2f}", empty("br"), name),
        class_=f"{'bound' if head.bound else 'unbound'} {head.review}".strip(),
    )


def _section(heading: str, *parts: Child) -> list[Markup]:
    return [tag("h2", heading), *(join(part) for part in parts)]


def _figure(drawing: Markup, caption: str) -> Markup:
    return tag("figure", drawing, tag("figcaption", caption))


def _table(rows: list[tuple[str, Child]]) -> Markup:
    return tag(
        "table",
        tag("tbody", *(tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in rows)),
    )


def _utc(ns: int | None) -> str:
    return "not yet" if ns is None else time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(ns // 10**9))


def _sum(counts: dict[str, int]) -> int:
    return sum(counts.values())


def _most_first(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(((name, n) for name, n in counts.items() if n), key=lambda item: (-item[1], item[0]))


def _words(reason: str) -> str:
    return reason.replace("_", " ")
