"""The words of every edge state, and the same words on page and terminal."""

import json
from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_struct

from tests.browser.rig import DEMONSTRATION, sample, state
from zpscope.config.settings import Tally
from zpscope.counting.field_counts import Cell, FieldCounts
from zpscope.counting.verdict import verdict
from zpscope.daemon import wire
from zpscope.display.latest import Latest, Picture, Snapshot
from zpscope.display.payload import preview_json, state_json
from zpscope.display.terminal import draw, plain_line
from zpscope.display.words import percent, reasons, words

TALLY = Tally()
WITHHELD = verdict([FieldCounts({Cell(12, 240): 1})], TALLY, ["no control"], ended=False)
PAGE = "http://127.0.0.1:8470"
LONG = "a-very-long-pseudonymous-accession-that-somebody-scanned-from-a-barcode-by-accident-0123456789"


def snapshot(message: wire.StateMessage | None, silent_s: float = 0.0) -> Snapshot:
    clock = [100.0]
    latest = Latest("tcp://127.0.0.1:8473", lambda: clock[0])
    if message:
        latest.take_state(message)
    clock[0] += silent_s
    return latest.snapshot()


def refused() -> Snapshot:
    latest = Latest("tcp://127.0.0.1:8473")
    latest.take_state(state(sample()))
    latest.refuse(b"state", "the other process speaks wire version 2, this one 1: install the same version")
    return latest.snapshot()


LEARNED = replace_struct(sample().model, empty_grey=(212.0, 232.0))
TOO_BRIGHT = "LIGHT 245, MODEL 212 TO 232"


def one_slide(drift: float, empty_grey: float = 0.0) -> list[wire.SlideSummary]:
    return [
        wire.SlideSummary(
            slide="s1-1", number=1, state="scanning", scored=40, k=12, n=240, percent=5.0, model_sha256="",
            colour_drift=drift, empty_grey=empty_grey,
        )
    ]  # fmt: skip


STATES = {
    "nothing yet": snapshot(None),
    "no sample": snapshot(state(None)),
    "no heads": snapshot(state(sample(k=0, n=0, scored=0, position="collecting"))),
    "collecting": snapshot(state(sample(k=3, n=31, scored=4, position="collecting"))),
    "above": snapshot(state(sample())),
    "at or below": snapshot(state(sample(k=3, position="at_or_below"))),
    "withheld": snapshot(state(sample(verdict=WITHHELD, position=None))),
    "closed too early": snapshot(
        state(sample(k=3, n=31, stopped_ns=2, state="complete", position="collecting"))
    ),
    "incomplete": snapshot(state(sample(lost={"driver": 2, "decode": 1}, state="incomplete"))),
    "demonstration": snapshot(state(sample(model=DEMONSTRATION))),
    "demonstration without sample": snapshot(state(None, model=DEMONSTRATION)),
    "stale": snapshot(state(sample()), silent_s=7.4),
    "refused": refused(),
    "stain as ever": snapshot(state(sample(slides=one_slide(2.6)))),
    "stain changed": snapshot(state(sample(slides=one_slide(6.24)))),
    "light as learned": snapshot(state(sample(slides=one_slide(0.0, 212.0), model=LEARNED))),
    "too bright": snapshot(state(sample(slides=one_slide(0.0, 245.4), model=LEARNED))),
    "no light known": snapshot(state(sample(slides=one_slide(0.0, 245.4)))),
    "all of another scale": snapshot(state(sample(scored=0, skipped={"scale": 12, "moving": 1}))),
    "as many skipped": snapshot(state(sample(scored=12, skipped={"scale": 12}))),
    "shown again": snapshot(state(sample(scored=1, skipped={"stationary": 12}))),
    "camera gone": snapshot(state(sample(), camera_connected=False)),
    "no camera": snapshot(state(sample(), camera=None, camera_connected=False)),
    "everything bad": snapshot(
        state(sample(accession=LONG, lost={"driver": 2}, model=DEMONSTRATION), camera_connected=False), 9
    ),
}
COLLECTING = (
    "collecting: 31 heads of the 100 that any answer needs; slide 1: 31 heads of the 200 that a final answer needs; "
    "slide 2: 0 heads of the 200 that a final answer needs; about 181 more heads to an answer"
)
UNDECIDED = "collecting: slide 2: 0 heads of the 200 that a final answer needs"
BELOW = (
    "AT OR BELOW 4.9 % (interval 0.1 to 5.0 %), PROVISIONAL, wrong at most 5 % of the time, if the model is right; "
    "slide 2: 0 heads of the 200 that a final answer needs"
)
SAID = [
    ("nothing yet", "link", "WAITING"),
    ("nothing yet", "accession", "no sample"),
    ("nothing yet", "percent", "-- %"),
    ("no sample", "sample_state", "start one with: zpscope sample start"),
    ("no heads", "percent", "-- %"),
    ("no heads", "interval", "no head counted yet"),
    ("no heads", "position", "collecting: 0 heads of 100, 0 fields of 20"),
    ("collecting", "position", "collecting: 31 heads of 100, 4 fields of 20"),
    ("collecting", "verdict", COLLECTING),
    ("closed too early", "position", "too few to place: 31 heads of 100, 40 fields of 20"),
    ("above", "position", "above 4.9 %"),
    ("above", "verdict", UNDECIDED),
    ("above", "percent", "5.0 %"),
    ("above", "count", "12 of 240 heads bound"),
    ("above", "skipped", "moving 3, defocus 1"),
    (
        "all of another scale",
        "skipped",
        "scale 12, moving 1 (scale: what looks like heads is far from a head's size: "
        "check the scale (--um-per-px, or camera.um_per_px))",
    ),
    ("as many skipped", "skipped", "scale 12"),
    ("shown again", "skipped", "stationary 12"),
    ("above", "incomplete", ""),
    ("above", "demonstration", ""),
    ("at or below", "position", "at or below 4.9 %"),
    ("at or below", "verdict", BELOW),
    ("withheld", "position", ""),
    ("incomplete", "incomplete", "INCOMPLETE: 3 fields lost (driver 2, decode 1)"),
    ("stale", "link", "STALE 7 s"),
    ("refused", "link", "REFUSED"),
    ("stain as ever", "camera", "bench (synthetic) · delivery every"),
    ("stain changed", "camera", "bench (synthetic) · delivery every · STAIN CHANGED by 6.2 L*a*b*"),
    ("light as learned", "camera", "bench (synthetic) · delivery every"),
    ("no light known", "camera", "bench (synthetic) · delivery every"),
    ("too bright", "camera", f"bench (synthetic) · delivery every · {TOO_BRIGHT}"),
    ("camera gone", "camera", "bench (synthetic) · delivery every · NOT CONNECTED"),
    ("no camera", "camera", "no camera process has answered yet"),
]


@pytest.mark.parametrize(("name", "word", "said"), SAID)
def test_every_state_has_its_words(name: str, word: str, said: str) -> None:
    assert getattr(words(STATES[name], TALLY), word) == said


@pytest.mark.parametrize("name", ["demonstration", "demonstration without sample"])
def test_a_demonstration_model_is_named_as_one(name: str) -> None:
    assert words(STATES[name], TALLY).demonstration.startswith("DEMONSTRATION MODEL")


@pytest.mark.parametrize(
    ("k", "n", "shown"),
    [(49, 1000, "4.9 %"), (50, 1000, "5.0 %"), (25, 509, "4.91 %"), (24, 491, "4.89 %"), (0, 7, "0.0 %"),
     (7, 7, "100.0 %"), (490, 9999, "4.9005 %"), (490, 10001, "4.8995 %"), (0, 0, "-- %")],
)  # fmt: skip
def test_a_percentage_is_never_rounded_across_the_threshold(k: int, n: int, shown: str) -> None:
    assert percent(sample(k=k, n=n)) == shown


def test_reasons_are_words_with_the_most_frequent_first() -> None:
    assert (
        reasons({"border": 1, "low_contrast": 4, "size": 0, "clump": 1})
        == "low contrast 4, border 1, clump 1"
    )


@pytest.mark.parametrize(
    ("k", "n", "scale"), [(0, 0, 10), (3, 240, 10), (30, 240, 20), (1, 2, 100), (9, 9, 100)]
)
def test_the_bar_reaches_past_threshold_and_interval(k: int, n: int, scale: float) -> None:
    assert words(snapshot(state(sample(k=k, n=n))), TALLY).scale_percent == scale


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 20), (132, 50), (20, 5)])
def test_the_terminal_display_fills_its_room_and_keeps_the_notice(name: str, width: int, height: int) -> None:
    rows = draw(STATES[name], TALLY, PAGE, width, height).plain.split("\n")
    assert len(rows) == height
    assert max(map(len, rows)) <= width
    assert wire.NOTICE[: min(width - 1, 60)] in rows[-1]


@pytest.mark.parametrize("name", [name for name in STATES if name != "everything bad"])
def test_80_by_24_is_room_for_everything(name: str) -> None:
    shown = draw(STATES[name], TALLY, PAGE, 80, 24).plain
    said = words(STATES[name], TALLY)
    assert PAGE in shown
    for text in (said.link, said.accession, said.percent, said.position, said.incomplete, said.camera):
        assert text in shown
    if said.demonstration:
        assert "DEMONSTRATION MODEL" in shown


def test_a_terminal_greys_what_is_old() -> None:
    fresh, old = (draw(STATES[name], TALLY, PAGE, 80, 24) for name in ("above", "stale"))
    styles = [{str(span.style) for span in text.spans} for text in (fresh, old)]
    assert "bold dim" in styles[1]
    assert "bold dim" not in styles[0]


@pytest.mark.parametrize("name", ["refused", "stale", "nothing yet"])
def test_a_terminal_says_in_full_what_is_wrong(name: str) -> None:
    shown = " ".join(draw(STATES[name], TALLY, PAGE, 80, 24).plain.split())
    assert STATES[name].problem in shown
    assert STATES[name].problem in plain_line(STATES[name], TALLY)


def test_a_plain_line_says_it_all_once() -> None:
    line = plain_line(STATES["incomplete"], TALLY)
    assert "12 of 240 heads bound" in line
    assert "46 captured = 40 scored + 4 skipped + 3 lost + 2 in flight" in line
    assert "INCOMPLETE" in line
    assert "DEMONSTRATION" in plain_line(STATES["demonstration"], TALLY)
    assert plain_line(STATES["stale"], TALLY) == plain_line(snapshot(state(sample()), 20), TALLY)


@pytest.mark.parametrize("name", STATES)
def test_every_answer_has_the_same_keys_and_the_notice(name: str) -> None:
    answer = json.loads(state_json(STATES[name], TALLY))
    assert set(answer) == set(json.loads(state_json(STATES["above"], TALLY)))
    assert answer["notice"] == wire.NOTICE
    assert answer["connected"] == (STATES[name].link == "live")
    assert bool(answer["problem"]) != answer["connected"]


def test_the_answer_is_the_state_message_and_more() -> None:
    message = state(sample())
    answer = json.loads(state_json(replace(snapshot(message), age_s=0.25), TALLY))
    sent = json.loads(wire.to_json(message))
    assert sent == {key: answer[key] for key in sent}
    assert answer["age_s"] == 0.25
    assert answer["minimum_heads"] == 100
    assert answer["threshold_percent"] == 4.9


def test_a_picture_is_told_with_its_number_and_outlines() -> None:
    head = wire.PreviewHead(
        outline=[(1, 2), (3, 4), (5, 6)], tip=(3, 4), reason="border", p=None, bound=False
    )
    header = wire.PreviewMessage(
        sample="s1", number=7, source="simulated", skipped="", width_px=64, height_px=48, heads=[head]
    )
    answer = json.loads(preview_json(Picture(99, header, b"", 0.0), 0.5))
    assert (answer["picture"], answer["number"], answer["notice"]) == (99, 7, wire.NOTICE)
    assert answer["heads"][0]["outline"] == [[1, 2], [3, 4], [5, 6]]
