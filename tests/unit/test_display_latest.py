"""What is kept of the messages, what is refused, and what is said about it."""

import logging

import pytest

from tests.browser.rig import state
from zpscope.daemon import wire
from zpscope.display.latest import Latest
from zpscope.display.receiver import take

STATE = state(None)
OTHER_VERSION = [b"state", b"\x81\xa7version\x63"]
"""A header of version 99, whatever else it may say."""


def preview(number: int) -> list[bytes]:
    header = wire.PreviewMessage(
        sample="s", number=number, source="x", skipped="", width_px=8, height_px=8, heads=[]
    )
    return [*wire.encode(header), b"jpeg %d" % number]


class Bench:
    def __init__(self) -> None:
        self.now_s = 50.0
        self.latest = Latest("tcp://127.0.0.1:8473", lambda: self.now_s)

    def take(self, parts: list[bytes]) -> None:
        take(self.latest, parts)


def test_it_waits_then_lives_then_grows_stale_then_lives_again() -> None:
    bench = Bench()
    assert bench.latest.snapshot().link == "waiting"
    assert bench.latest.snapshot().problem == "waiting for the inference process at tcp://127.0.0.1:8473"
    bench.take(wire.encode(STATE))
    assert (bench.latest.snapshot().link, bench.latest.snapshot().problem) == ("live", "")
    bench.now_s += 3.0
    assert bench.latest.snapshot().link == "live"
    bench.now_s += 0.1
    shown = bench.latest.snapshot()
    assert shown.link == "stale"
    assert shown.age_s == pytest.approx(3.1)
    assert shown.state == STATE, "the last figures stay on show, greyed"
    bench.take(wire.encode(STATE))
    assert bench.latest.snapshot().link == "live"


def test_another_version_is_shown_logged_once_and_overcome(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    bench = Bench()
    for _ in range(5):
        bench.take(OTHER_VERSION)
    shown = bench.latest.snapshot()
    assert shown.link == "refused"
    assert "version 99" in shown.problem
    assert "goes on waiting" in shown.problem
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    bench.take(wire.encode(STATE))
    assert bench.latest.snapshot().link == "live"
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


@pytest.mark.parametrize("parts", [[b"state"], [b"state", b"\xc1"], [b"preview", b"{}"], [b"", b""]])
def test_a_foreign_message_is_refused_and_does_no_harm(parts: list[bytes]) -> None:
    bench = Bench()
    bench.take(wire.encode(STATE))
    bench.take(parts)
    assert bench.latest.snapshot().link == "refused"
    assert bench.latest.snapshot().state == STATE


def test_a_state_does_not_hide_that_pictures_are_refused() -> None:
    bench = Bench()
    bench.take([b"preview", OTHER_VERSION[1], b"jpeg"])
    bench.take(wire.encode(STATE))
    assert bench.latest.snapshot().link == "refused"
    bench.take(preview(1))
    assert bench.latest.snapshot().link == "live"


def test_the_last_pictures_stay_and_older_ones_go() -> None:
    bench = Bench()
    numbers: list[int] = []
    for number in range(10):
        bench.take(preview(number))
        newest = bench.latest.snapshot().picture
        assert newest is not None
        numbers.append(newest.number)
    assert [bool(bench.latest.picture(number)) for number in numbers] == [False] * 6 + [True] * 4
    kept = bench.latest.picture(numbers[-2])
    assert kept is not None
    assert (kept.header.number, kept.jpeg) == (8, b"jpeg 8")


def test_a_preview_without_its_picture_is_left_out() -> None:
    bench = Bench()
    bench.take(preview(1)[:2])
    assert bench.latest.snapshot().picture is None


def test_picture_numbers_of_two_lives_differ() -> None:
    lives = [Bench(), Bench()]
    lives[1].latest = Latest("x")
    found: set[int] = set()
    for bench in lives:
        for number in range(3):
            bench.take(preview(number))
            newest = bench.latest.snapshot().picture
            assert newest is not None
            found.add(newest.number)
    assert len(found) >= 3


def test_every_message_raises_the_serial() -> None:
    bench = Bench()
    serials = [bench.latest.serial]
    for parts in (wire.encode(STATE), preview(1), OTHER_VERSION, wire.encode(STATE)):
        bench.take(parts)
        serials.append(bench.latest.serial)
    assert serials == sorted(set(serials))
