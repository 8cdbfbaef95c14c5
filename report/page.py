"""The report as one HTML page that needs nothing else: no script, no network, no font, no file beside it.

Pure: the evidence in, a page out, the same bytes for the same evidence. The PDF is this page, printed.
"""

from base64 import b64encode
from importlib.resources import files

from zpscope.config.notice import NOTICE
from zpscope.counting.tally import interval_percent
from zpscope.daemon.wire import SlideSummary
from zpscope.display.words import percent, reasons
from zpscope.report import plots
from zpscope.report.answer import Answer, answer_of
from zpscope.report.evidence import Evidence
from zpscope.report.gallery import gallery
from zpscope.report.markup import Child, Markup, empty, join, style_sheet, tag
from zpscope.report.rows import account_rows, people_rows, provenance_rows, quality_rows, sample_rows, words


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
            tag(
                "p",
                f"Status: {answer.status}. Sample {sample.sample}: {words(sample.life)}, {sample.state}.",
                class_="soft",
            ),
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
    people = people_rows(evidence, answer)
    return [
        *_banners(evidence),
        _answer(evidence, answer),
        *_section("Sample", _table(sample_rows(evidence))),
        *_section("Slides", _slides(evidence)),
        *_section(
            "Review and signatures", _table(people) if people else tag("p", "Not reviewed, not signed.")
        ),
        *_section("Account of the fields and of what was found", _table(account_rows(evidence))),
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
        *_section("How it was made", _table(provenance_rows(evidence))),
        *_section("Gallery of heads", gallery(evidence)),
    ]


def _banners(evidence: Evidence) -> list[Markup]:
    sample = evidence.summary
    said: list[str] = []
    if sample.model.demonstration:
        said.append(
            "DEMONSTRATION MODEL, trained on simulated heads: no figure here says anything about a real sample."
        )
    if sample.life in ("planned", "scanning"):
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
        tag("p", *_intervals(evidence)),
        tag("ul", *(tag("li", reason) for reason in answer.reasons)),
        class_=f"answer {answer.state}",
    )


def _intervals(evidence: Evidence) -> list[Child]:
    sample, said = evidence.summary, evidence.summary.verdict
    if not sample.n:
        return []
    low, high = said.anytime_percent
    words = f"Interval that holds at every look ({100 - sample.rules['error_percent']:g} %): {low:.1f} to {high:.1f} %"
    if said.design_effect > 1:
        low, high = said.wilson_percent
        words += (
            f"; heads of one field are alike (design effect {said.design_effect:.2f}), "
            f"so that Wilson is {low:.1f} to {high:.1f} %"
        )
    return [f"{words}."]


def _plain_percent(evidence: Evidence) -> str:
    share = evidence.summary.percent
    return "no heads" if share is None else f"{share:.1f} %"


def _slides(evidence: Evidence) -> Markup:
    """Return the replicates: each slide, and whether they agree."""
    sample = evidence.summary
    names = ("slide", "heads bound", "heads", "%", "Wilson 95 %", "fields scored", "state")
    lines = [tag("tr", *(tag("td", cell) for cell in _slide_cells(one))) for one in sample.slides]
    chance = sample.verdict.agreement
    agree = (
        "Fewer than two slides have enough heads to be compared."
        if chance is None
        else f"Chance of such a difference between slides that are alike: {chance:.3f} (exact)."
    )
    head = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in names)))
    return join(tag("table", head, tag("tbody", *lines)), tag("p", agree, class_="soft"))


def _slide_cells(slide: SlideSummary) -> list[Child]:
    low, high = interval_percent(slide.k, slide.n)
    share = "-" if slide.percent is None else f"{slide.percent:.1f}"
    return [slide.number, slide.k, slide.n, share, f"{low:.1f} to {high:.1f}", slide.scored, slide.state]


def _coverage(evidence: Evidence) -> list[Markup]:
    figures = [
        _figure(
            empty(
                "img",
                src=f"data:image/png;base64,{b64encode(seen.picture).decode()}",
                alt=f"the scanned part of slide {seen.slide} with its counted heads",
                class_="map",
            ),
            f"Slide {seen.slide}: {seen.area_mm2:.3g} mm² counted, {100 * seen.seen_twice:.0f} % of it seen more "
            f"than once; 1 pixel is {seen.um_per_px:g} µm. Counted heads: blue; orange, larger, ringed: called bound. "
            "What is seen through is not counted.",
        )
        for seen in evidence.seen
    ]
    return _section("Coverage", *(figures or [tag("p", "No field's place on the slide is known.")]))


def _section(heading: str, *parts: Child) -> list[Markup]:
    return [tag("h2", heading), *(join(part) for part in parts)]


def _figure(drawing: Markup, caption: str) -> Markup:
    return tag("figure", drawing, tag("figcaption", caption))


def _table(rows: list[tuple[str, Child]]) -> Markup:
    return tag(
        "table",
        tag("tbody", *(tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in rows)),
    )
