"""The display process for real: messages over a PUB socket in, HTTP and terminal out, and its end."""

import contextlib
import json
import os
import pty
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

from tests.browser.rig import DEMONSTRATION, PATIENCE_S, Display, Shown, sample, state, until
from zpscope.daemon import wire
from zpscope.daemon.sockets import Publisher

END_S = 5.0
"""SIGTERM and SIGINT end a display within this time."""


def scored(captured: int, skipped: dict[str, int] | None = None) -> wire.StateMessage:
    """Return a state that says how many fields were captured."""
    return state(sample(0, captured, captured=captured, skipped=skipped or {}, model=DEMONSTRATION))


@pytest.fixture
def display(tmp_path: Path) -> Iterator[Display]:
    with Display(tmp_path) as one:
        yield one.ready()


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    with Publisher(f"ipc://{tmp_path}/state") as one:
        yield one


class Listener:
    """A browser's event stream: the newest event, read by a thread as fast as it comes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.captured: list[int] = []
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def has(self, captured: int) -> bool:
        return captured in self.captured

    def _read(self) -> None:
        with contextlib.suppress(OSError), self._socket.makefile("rb") as lines:
            for line in lines:
                if line.startswith(b"data: "):
                    summary = json.loads(line[6:])["sample"]
                    self.captured.append(summary["captured"] if summary else -1)


def send_until(
    publisher: Publisher, message: wire.Message, condition: Callable[[], Shown], what: str
) -> Shown:
    """Publish as the inference process does, again and again, until a display shows it."""

    def sent() -> Shown:
        publisher.send(message)
        return condition()

    return until(sent, what)


def test_it_waits_and_says_for_whom(display: Display) -> None:
    answer = display.state()
    assert answer["connected"] is False
    assert answer["problem"] == f"waiting for the inference process at {display.endpoint}"
    assert answer["notice"] == wire.NOTICE
    assert display.get("/api/preview")[0] == 404


def test_a_late_display_gets_the_whole_state_with_one_message(tmp_path: Path, publisher: Publisher) -> None:
    for captured in range(50):
        publisher.send(scored(captured))
    with Display(tmp_path).ready() as display:
        send_until(publisher, scored(51), lambda: display.state()["connected"], "the state")
        answer = display.state()
    assert answer["sample"]["captured"] == 51
    assert answer["age_s"] < 3
    assert answer["problem"] == ""


def test_a_publisher_that_ends_leaves_stale_figures_and_a_new_one_is_heard(
    tmp_path: Path, display: Display
) -> None:
    with Publisher(display.endpoint) as first:
        send_until(first, scored(5), lambda: display.state()["connected"], "the first state")
    until(lambda: display.state()["link"] == "stale", "stale")
    assert display.state()["sample"]["captured"] == 5
    assert display.state()["age_s"] > 3
    with Publisher(f"ipc://{tmp_path}/state") as second:
        send_until(second, scored(9), lambda: display.state()["connected"], "the second state")
    assert display.state()["sample"]["captured"] == 9


def test_another_wire_version_is_shown_logged_once_and_overcome(
    display: Display, publisher: Publisher
) -> None:
    other = state(None, version=wire.WIRE_VERSION + 1)
    send_until(publisher, other, lambda: display.state()["link"] == "refused", "refused")
    for _ in range(20):
        publisher.send(other)
    assert f"wire version {wire.WIRE_VERSION + 1}" in display.state()["problem"]
    assert "goes on waiting" in display.state()["problem"]
    send_until(publisher, scored(3), lambda: display.state()["connected"], "the right version")
    assert display.log().count("wire version") == 1


def test_picture_and_outlines_belong_together(display: Display, publisher: Publisher) -> None:
    def preview(number: int) -> tuple[wire.PreviewMessage, bytes]:
        head = wire.PreviewHead(
            outline=[(number, 0), (9, 9), (0, 9)], tip=(9, 9), reason="", p=0.5, bound=False
        )
        header = wire.PreviewMessage(
            sample="s1", number=number, source="x", skipped="", width_px=16, height_px=16, heads=[head]
        )
        return header, b"\xff\xd8 picture %d" % number

    def shown(number: int) -> dict[str, Any]:
        publisher.send(*preview(number))
        answer: dict[str, Any] = json.loads(display.get("/api/preview")[1])
        return answer if answer.get("number") == number else {}

    first = until(lambda: shown(1), "the first picture")
    until(lambda: shown(2), "the second picture")
    status, pixels = display.get(f"/api/preview.jpg?picture={first['picture']}")
    if status == 200:
        assert pixels == preview(1)[1]
    newest = json.loads(display.get("/api/preview")[1])
    assert display.get(f"/api/preview.jpg?picture={newest['picture']}") == (200, preview(2)[1])
    assert newest["heads"][0]["outline"][0] == [2, 0]
    assert display.get("/api/preview.jpg?picture=1")[0] == 404
    assert display.get("/api/preview.jpg?picture=x")[0] == 422


def test_foreign_host_names_and_paths_are_turned_away(display: Display) -> None:
    assert display.get("/api/state", host="evil.example")[0] == 403
    assert display.get("/", host=f"127.0.0.1:{display.port}")[0] == 200
    for path in ("/docs", "/openapi.json", "/../config/demo.toml", "/%2e%2e/config/demo.toml", "/page.py"):
        status, body = display.get(path)
        assert status == 404, path
        assert json.loads(body)["notice"] == wire.NOTICE


def test_a_page_too_many_is_told_so_and_finds_room_when_another_closes(display: Display) -> None:
    with contextlib.ExitStack() as stack:
        pages = [stack.enter_context(_stuck(display.port)) for _ in range(64)]
        for page in pages:
            assert b"200" in page.recv(4096)
        status, body = display.get("/api/events")
        assert (status, json.loads(body)["notice"]) == (503, wire.NOTICE)
        assert display.get("/api/state")[0] == 200
        pages[0].close()
        until(lambda: _answer(display.port).startswith(b"HTTP/1.1 200"), "room for a page")


def _answer(port: int) -> bytes:
    with _stuck(port) as asker:
        return asker.recv(64)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_time(display: Display, number: int) -> None:
    assert display.end(number) < END_S


def test_browsers_that_listen_or_are_stuck_cannot_hold_up_its_end(
    display: Display, publisher: Publisher
) -> None:
    bulk = {f"reason_{number}": 1 for number in range(4000)}
    send_until(publisher, scored(1, bulk), lambda: display.state()["connected"], "the state")
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(Listener(display.port)) for _ in range(3)]
        stuck = stack.enter_context(_stuck(display.port))
        halfway = stack.enter_context(socket.create_connection(("127.0.0.1", display.port)))
        halfway.sendall(b"GET /api/state HTTP/1.1\r\nHost: loc")
        for number in range(2, 12):  # enough to fill what lies between the display and the stuck browser
            for one in listeners:
                send_until(publisher, scored(number, bulk), partial(one.has, number), "an event everywhere")
        assert display.end() < END_S
        assert stuck.fileno() >= 0


def _stuck(port: int) -> socket.socket:
    """Return a browser that asks for the events and never reads them."""
    asker = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    asker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    asker.connect(("127.0.0.1", port))
    asker.settimeout(10)
    asker.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return asker


def test_a_slow_browser_costs_no_memory_delays_nobody_and_skips_to_the_newest(
    display: Display, publisher: Publisher
) -> None:
    bulk = {f"a_long_reason_to_skip_a_field_{number}": 1 for number in range(4000)}
    send_until(publisher, scored(1, bulk), lambda: display.state()["connected"], "the state")
    process = psutil.Process(display.process.pid)
    last = 60
    with _stuck(display.port) as slow, Listener(display.port) as fast:
        worst_s, resident = 0.0, 0
        for number in range(2, last + 1):
            started = time.monotonic()
            send_until(publisher, scored(number, bulk), partial(fast.has, number), "event")
            worst_s = max(worst_s, time.monotonic() - started)
            if number == 20:
                resident = process.memory_info().rss
        assert worst_s < 2.0, "the other browser is served as if the slow one were not there"
        assert process.memory_info().rss - resident < 8 * 2**20
        got: list[int] = []
        with slow.makefile("rb") as lines:
            for line in lines:
                if line.startswith(b"data: "):
                    got.append(json.loads(line[6:])["sample"]["captured"])
                    if got[-1] == last:
                        break
    assert got == sorted(got)
    assert len(got) < last / 3, f"it skipped to the newest: {got}"


def test_a_port_in_use_is_one_clear_line(display: Display, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with Display(other, port=display.port) as second:
        assert second.process.wait(PATIENCE_S) == 1
    lines = second.log().splitlines()
    assert len(lines) == 1, second.log()
    assert f"port {display.port} is in use" in lines[0]
    assert "--set display.port=" in lines[0]


def test_a_misspelt_setting_is_refused_with_status_2(tmp_path: Path) -> None:
    with Display(tmp_path, "--set", "display.prot=1") as wrong:
        assert wrong.process.wait(PATIENCE_S) == 2
    assert "display.prot" in wrong.log()
    assert "Traceback" not in wrong.log()


def test_without_a_terminal_it_prints_a_line_per_change(tmp_path: Path, publisher: Publisher) -> None:
    lines: list[str] = []
    with Display(tmp_path, "--terminal", stdout=subprocess.PIPE) as display, _collected(display, lines):
        display.ready()
        send_until(publisher, scored(7), lambda: any("7 captured" in line for line in lines), "a line")
        for _ in range(5):
            publisher.send(scored(7))
        send_until(publisher, scored(8), lambda: any("8 captured" in line for line in lines), "the next line")
        assert display.end() < END_S
    text = "".join(lines)
    assert wire.NOTICE in text
    assert "DEMONSTRATION" in text
    assert text.count("7 captured") == 1
    assert "\x1b" not in text


@contextlib.contextmanager
def _collected(display: Display, lines: list[str]) -> Generator[None, None, None]:
    """Gather what a display prints, as long as it prints."""

    def collect(stream: IO[bytes]) -> None:
        lines.extend(line.decode() for line in stream)

    assert display.process.stdout is not None
    with display.process.stdout as stream:
        reader = threading.Thread(target=collect, args=[stream])
        reader.start()
        try:
            yield
        finally:
            display.process.kill()
            reader.join()


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Return both ends of a terminal: ours and that of the display."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


def test_on_a_terminal_it_fills_the_screen_and_puts_it_back(
    tmp_path: Path, publisher: Publisher, terminal: tuple[int, int]
) -> None:
    shown = bytearray()
    ended = threading.Event()
    reader = threading.Thread(target=_read_terminal, args=[terminal[0], shown, ended])
    reader.start()
    try:
        with Display(tmp_path, "--terminal", stdout=terminal[1]).ready() as display:
            send_until(publisher, scored(7), lambda: b"7 captured" in shown, "the figures")
            assert display.end() < END_S
    finally:
        ended.set()
        reader.join()
    assert shown.startswith(b"\x1b[?1049h")
    screen, _, after = shown.partition(b"\x1b[?1049l")
    assert wire.NOTICE.encode() in screen
    assert wire.NOTICE.encode() in after
    assert b"7 captured" in after


def _read_terminal(terminal: int, shown: bytearray, ended: threading.Event) -> None:
    while select.select([terminal], [], [], 0.1)[0] or not ended.is_set():
        if select.select([terminal], [], [], 0)[0]:
            shown += os.read(terminal, 65536)


def test_a_held_terminal_holds_up_neither_page_nor_end(
    tmp_path: Path, publisher: Publisher, terminal: tuple[int, int]
) -> None:
    with Display(tmp_path, "--terminal", stdout=terminal[1]).ready() as display:
        until(lambda: not select.select([], [terminal[1]], [], 0)[1], "a full terminal, as nobody reads it")
        send_until(publisher, scored(8), lambda: display.state()["connected"], "the page")
        assert display.end() < END_S
