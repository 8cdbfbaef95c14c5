"""Keeps a terminal display up to date: a full screen on a terminal, a line per change anywhere else.

A thread of its own, so that a terminal that is held (Ctrl-S) or slow holds up neither page nor receiver. Knows
the clock and the terminal; what is drawn is in `terminal.py`.
"""

import select
import sys
import threading
import time
from typing import Self

from rich.console import Console
from rich.live import Live

from zpscope.config.settings import Tally
from zpscope.daemon.wire import NOTICE
from zpscope.display.latest import Latest
from zpscope.display.terminal import draw, plain_line

_SCREEN_S = 0.25
_LINE_S = 1.0
_JOIN_S = 0.4


class TerminalView:
    """Runs while its `with` lasts."""

    def __init__(self, latest: Latest, tally: Tally, page: str) -> None:
        self._latest = latest
        self._tally = tally
        self._page = page
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="terminal", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        try:
            if sys.stdout.isatty():
                self._screen()
            else:
                self._lines()
        except OSError:  # the terminal or pipe has gone: the page goes on
            return

    def _screen(self) -> None:
        console = Console(highlight=False)
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while not self._stop.is_set():
                if _writable():
                    text = draw(self._latest.snapshot(), self._tally, self._page, console.width)
                    live.update(text, refresh=True)
                self._stop.wait(_SCREEN_S)
        self._print(plain_line(self._latest.snapshot(), self._tally))
        self._print(NOTICE)

    def _lines(self) -> None:
        self._print(f"page {self._page}")
        self._print(NOTICE)
        shown = ""
        while not self._stop.is_set():
            line = plain_line(self._latest.snapshot(), self._tally)
            if line != shown and _writable():
                self._print(f"{time.strftime('%H:%M:%S')} {line}")
                shown = line
            self._stop.wait(_LINE_S)

    @staticmethod
    def _print(line: str) -> None:
        print(line, flush=True)


def _writable() -> bool:
    """Say whether writing would not block: the terminal is not held, the pipe is not full."""
    return bool(select.select([], [sys.stdout], [], 0)[1])
