"""Writes to stdout without ever waiting for it: a terminal can be held (Ctrl-S), a pipe can be full.

Python's own stdout would block, and a thread blocked in it keeps a process from ending. Knows nothing of what
is written.
"""

import os
import select
import sys
import threading
import time

_PIECE = 512
"""POSIX: what select(2) calls writable takes so much of a pipe's input without blocking."""
_LAST_S = 0.2
"""After the stop, the terminal may still be put in order; for so long."""


class Output:
    """Stdout, opened a second time if it is a terminal, so that no other process sees it change its mode."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._fd = _open_again(sys.stdout.fileno())
        self._last_s: float | None = None

    def close(self) -> None:
        """Give the second opening back."""
        os.close(self._fd)

    def write(self, text: str) -> bool:
        """Write all of it, waiting while it is held; False if the process had to end meanwhile."""
        left = text.encode(sys.stdout.encoding, "replace")
        while left:
            if self._is_over():
                return False
            if not select.select([], [self._fd], [], 0.05)[1]:
                continue
            try:
                left = left[os.write(self._fd, left[:_PIECE]) :]
            except BlockingIOError:
                self._stop.wait(0.02)
        return True

    def _is_over(self) -> bool:
        if not self._stop.is_set():
            return False
        if self._last_s is None:
            self._last_s = time.monotonic() + _LAST_S
        return time.monotonic() > self._last_s


def _open_again(fd: int) -> int:
    """Return a descriptor of the same terminal that does not block, else a copy of the descriptor."""
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return os.dup(fd)
