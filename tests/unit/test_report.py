"""The pages, tables and FHIR of a report, from evidence made by hand."""

# pyright: reportMissingTypeStubs=false
import csv
import importlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from ctypes.util import find_library
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pypdfium2
import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.contract.test_wire import SAMPLE
from zpscope.config.notice import NOTICE
from zpscope.counting.verdict import State
from zpscope.daemon import wire
from zpscope.daemon.life import SampleLife
from zpscope.report.answer import answer_of
from zpscope.report.evidence import Evidence, Field, Head, Seen
from zpscope.report.fhir import bundle
from zpscope.report.markup import empty, join, style_sheet, tag
from zpscope.report.page import page
from zpscope.report.tables import heads_csv, result_json

CROP = cv2.imencode(".png", np.full((128, 128), 200, np.uint8))[1].tobytes()


def sample(
    state: State = "invalid",
    *,
    reasons: tuple[str, ...] = ("a reason",),
    final: bool = False,
    life: SampleLife = "machine_result",
    signed: int = 0,
    **more: object,
) -> wire.SampleSummary:
    verdict = replace(SAMPLE.verdict, state=state, reasons=reasons, final=final)
    signatures = [
        wire.Signature(slide=0, version=version, at_ns=SAMPLE.started_ns, signer="RV", meaning="approved")
        for version in range(1, signed + 1)
    ]
    rules = {"threshold_permille": 49.0, "error_percent": 5.0}
    assert SAMPLE.reviewed is not None
    changed = {
        "position": "above",
        "reviewed": structs.replace(SAMPLE.reviewed, position="above"),
        "verdict": verdict,
        "life": life,
        "signatures": signatures,
        "rules": rules,
        **more,
    }
    return structs.replace(SAMPLE, **changed)


def evidence(summary: wire.SampleSummary) -> Evidence:
    """Two fields with three heads each, one of them bound, and one object that does not count."""
    fields = tuple(Field(1, "s", number, SAMPLE.started_ns + number * 10**9, 0.069, "") for number in (0, 1))
    heads = [
        Head(
            field,
            f"{field.number}.{number}",
            100.0,
            80.5,
            90.0,
            10.0,
            3.0,
            "",
            0.9 if number == 1 else 0.1,
            number == 1,
            "",
            CROP,
        )
        for field in fields
        for number in (1, 2, 3)
    ]
    heads.append(Head(fields[1], "1.4", 1.0, 2.0, 0.0, 4.0, None, "border", None, False, "", None))
    return Evidence(
        summary=summary,
        fields=fields,
        heads=tuple(heads),
        seen=(Seen(1, CROP, 1.0, 0.01, 0.2),),
        um_per_px=(0.069,),
        preprocessing=("ab" * 32,),
        settings_sha256=("cd" * 32,),
        software=("0.1.0",),
    )


class Reader(HTMLParser):
    """What a browser would take from a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []
        self.images_without_words = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attrs)
        self.sources += [str(named[name]) for name in ("src", "href", "srcset", "data") if name in named]
        self.images_without_words += tag == "img" and not named.get("alt")
        assert not [name for name in named if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def test_a_page_needs_nothing_but_itself() -> None:
    html = page(evidence(sample()))
    reader = read(html)
    assert "script" not in reader.tags
    assert "link" not in reader.tags
    assert reader.sources
    assert all(source.startswith("data:image/") for source in reader.sources)
    assert not re.search(r"url\(|@import", html)
    assert reader.images_without_words == 0
    assert reader.tags.count("svg") == 2
    assert reader.tags.count("title") == 3
    assert '<html lang="en">' in html
    assert html.count(NOTICE) >= 3
    assert html == page(evidence(sample()))


@given(st.text(max_size=40))
def test_whatever_is_said_stays_text(words: str) -> None:
    reader = read(tag("p", words, title=words) + empty("img", alt=words))
    assert reader.tags == ["p", "img"]
    assert "".join(reader.words) == words


def test_words_from_a_sample_are_escaped() -> None:
    nasty = '<script>alert("x")</script>'
    html = page(evidence(sample(reasons=(nasty,), accession=nasty, operator=nasty, uncalibrated=nasty)))
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 4
    with pytest.raises(ValueError, match="style"):
        style_sheet("p{}</style>")
    assert join("<", 3) == "&lt;3"


def test_a_withheld_answer_is_held_against_nothing() -> None:
    """Not on the page, not in the plot, not in JSON, not in FHIR: and everywhere with its reason."""
    shown = evidence(sample("invalid", reasons=("the model is a demonstration model",)))
    html, told, bundled = page(shown), result_json(shown), json.dumps(bundle(shown))
    for text in (html, told, bundled):
        assert "the model is a demonstration model" in text
        assert "4.9" not in text
        assert not re.search(r"\babove\b|at.or.below", text.replace("threshold_permille", ""))
    assert "DEMONSTRATION" in html
    told_values = json.loads(told)
    assert told_values["answer"] is None
    assert told_values["sample"]["position"] is None
    assert told_values["sample"]["reviewed"]["position"] is None


@pytest.mark.parametrize(
    ("state", "final", "headline"),
    [
        ("above", True, "Above 4.9 %"),
        ("above", False, "Above 4.9 % (provisional)"),
        ("below", True, "At or below 4.9 %"),
        ("indeterminate", True, "Indeterminate: the count does not tell which side of 4.9 % it is on"),
        ("collecting", False, "No answer yet"),
    ],
)
def test_an_answer_is_said(state: State, *, final: bool, headline: str) -> None:
    shown = evidence(sample(state, final=final, reasons=()))
    assert f"<strong>{headline}</strong>" in page(shown)
    told = json.loads(result_json(shown))
    assert told["answer"] == (None if state == "collecting" else state)
    decided = state in ("above", "below")
    assert (told["sample"]["position"] is not None) == decided
    assert ("against the threshold</th>" in page(shown)) == decided


@pytest.mark.parametrize(
    ("life", "signed", "status"),
    [
        ("machine_result", 0, "preliminary"),
        ("reviewed", 0, "preliminary"),
        ("signed", 1, "final"),
        ("amended", 1, "preliminary"),
        ("signed", 2, "amended"),
    ],
)
def test_the_status_follows_the_signature(life: SampleLife, signed: int, status: str) -> None:
    assert answer_of(sample("above", final=True, life=life, signed=signed)).status == status


def test_a_signature_of_one_slide_makes_nothing_final() -> None:
    one = wire.Signature(slide=1, version=1, at_ns=1, signer="RV", meaning="approved")
    assert answer_of(structs.replace(sample(life="signed"), signatures=[one])).status == "preliminary"


@pytest.mark.parametrize("state", ["invalid", "collecting", "above", "below", "indeterminate"])
@pytest.mark.parametrize("heads", [0, 300])
def test_fhir_is_valid_and_never_has_a_value_and_its_absence(state: State, heads: int) -> None:
    signed = sample(state, final=True, life="signed", signed=1)
    values = bundle(evidence(signed if heads else structs.replace(signed, n=0, k=0, percent=None)))
    checked = Bundle.model_validate(values)
    assert json.loads(checked.model_dump_json()) is not None
    resources = {entry["resource"]["resourceType"]: entry["resource"] for entry in values["entry"]}
    links = {entry["fullUrl"] for entry in values["entry"]}
    assert resources["DiagnosticReport"]["status"] == "final"
    assert {one["reference"] for one in resources["DiagnosticReport"]["result"]} <= links
    assert NOTICE in resources["DiagnosticReport"]["conclusion"]
    for entry in values["entry"]:
        observation = entry["resource"]
        if observation["resourceType"] == "Observation":
            present = [name for name in observation if name.startswith("value")]
            assert len(present) + ("dataAbsentReason" in observation) == 1
            assert observation["note"] == [{"text": NOTICE}]
            reason = observation.get("dataAbsentReason")
            assert not reason or reason["coding"][0]["code"] in (
                "not-permitted",
                "temp-unknown",
                "not-performed",
            )


def test_heads_are_listed_with_their_reasons() -> None:
    rows = list(csv.DictReader(io.StringIO(heads_csv(evidence(sample())))))
    assert len(rows) == 7
    assert sum(int(row["counted"]) for row in rows) == 6
    assert [row["head"] for row in rows if row["bound"] == "1"] == ["0.1", "1.1"]
    assert rows[-1]["reason"] == "border"
    assert rows[-1]["p"] == rows[-1]["bound"] == ""
    assert {row["notice"] for row in rows} == {NOTICE}


def test_a_sample_that_is_only_planned_has_a_report() -> None:
    nothing = replace(
        evidence(sample("invalid", life="planned", n=0, k=0, percent=None, slides=[], stopped_ns=None)),
        fields=(),
        heads=(),
        seen=(),
        um_per_px=(),
    )
    html = page(nothing)
    assert "The scan is not over" in html
    assert "no heads" in html
    Bundle.model_validate(bundle(nothing))


@pytest.fixture
def pdf() -> Callable[[str], bytes]:
    if not find_library("pango-1.0"):
        pytest.skip("the library Pango is absent: apt-get install libpango-1.0-0 libpangoft2-1.0-0")
    made: Callable[[str], bytes] = importlib.import_module("zpscope.report.pdf").pdf
    return made


def test_the_pdf_is_the_page_and_the_same_each_time(pdf: Callable[[str], bytes]) -> None:
    html = page(evidence(sample()))
    made = pdf(html)
    assert made == pdf(html)
    document = pypdfium2.PdfDocument(made)
    texts = [one.get_textpage().get_text_range() for one in document]
    document.close()
    assert all(NOTICE in text for text in texts)
    assert "36 of 300 heads ZP-binding" in texts[0]


def test_a_pdf_fetches_nothing(pdf: Callable[[str], bytes]) -> None:
    with pytest.raises(BaseException, match=r'Error fetching "http://127.0.0.1:9/x.png"'):
        pdf('<img src="http://127.0.0.1:9/x.png">')


def test_an_extra_that_is_absent_is_named() -> None:
    program = (
        "import sys; sys.modules['weasyprint'] = None; from zpscope.report.report_command import _pdf; "
        "from zpscope.config.errors import SettingsError\ntry: _pdf('')\nexcept SettingsError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'zpscope[report]', or say --no-pdf" in run.stdout
