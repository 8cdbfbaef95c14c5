"""Keeps a terminal display up to date: a full screen on a terminal, a line per change anywhere else.

A thread of its own, so that a terminal that is held or slow holds up neither page nor receiver. Knows the clock
and the terminal; what is drawn is in `terminal.py`.
"""

import io
import logging
import sys
import threading
import time
from typing import Self

from rich.console import Console

from zpscope.config.settings import Tally
from zpscope.daemon.wire import NOTICE
from zpscope.display.latest import Latest
from zpscope.display.output import Output
from zpscope.display.terminal import draw, plain_line

_log = logging.getLogger(__name__)
_SCREEN_S = 0.25
_LINE_S = 1.0
_OPEN = "\x1b[?1049h\x1b[?25l\x1b[?7l"
"""The other screen, without a cursor, and lines that do not wrap."""
_CLOSE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME = "\x1b[H"
_CLEAR = "\x1b[0m\x1b[2K"
"""This row."""


class TerminalView:
    """Runs while its `with` lasts."""

    def __init__(self, latest: Latest, tally: Tally, page: str) -> None:
        self._latest = latest
        self._tally = tally
        self._page = page
        self._stop = threading.Event()
        self._output = Output(self._stop)
        self._console = Console(highlight=False)
        self._thread = threading.Thread(target=self._run, name="terminal")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self._output.close()

    def _run(self) -> None:
        try:
            if sys.stdout.isatty() and not self._console.is_dumb_terminal:
                self._screen()
            else:
                self._lines()
        except OSError as error:
            _log.warning(
                "the terminal display ends, its terminal is gone (%s); the page goes on", error.strerror
            )

    def _screen(self) -> None:
        self._output.write(_OPEN)
        try:
            while not self._stop.is_set():
                self._output.write(self._frame())
                self._stop.wait(_SCREEN_S)
        finally:
            self._output.write(_CLOSE)
        self._output.write(f"{plain_line(self._latest.snapshot(), self._tally)}\n{NOTICE}\n")

    def _frame(self) -> str:
        width, height = self._console.size
        paper = Console(
            file=io.StringIO(),
            force_terminal=True,
            width=width,
            height=height,
            highlight=False,
        )
        text = draw(self._latest.snapshot(), self._tally, self._page, width, height)
        with paper.capture() as drawn:
            paper.print(text, end="", no_wrap=True, crop=True)
        return _HOME + "\r\n".join(f"{_CLEAR}{row}" for row in drawn.get().splitlines())

    def _lines(self) -> None:
        self._output.write(f"page {self._page}\n{NOTICE}\n")
        shown = ""
        while not self._stop.is_set():
            line = plain_line(self._latest.snapshot(), self._tally)
            if line != shown:
                self._output.write(f"{time.strftime('%H:%M:%S')} {line}\n")
                shown = line
            self._stop.wait(_LINE_S)
