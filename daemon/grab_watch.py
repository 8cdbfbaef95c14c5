"""Watches over calls into a camera's driver: one that does not return ends the process, which is started afresh.

A camera that is taken out can leave its SDK waiting for ever, and nothing within the process can wake it. Knows the
clock and the service manager; knows no camera.
"""

import logging
import os
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Self

from zpscope.daemon.notify import notify

_log = logging.getLogger(__name__)

GRAB_LIMIT_S = 2.5
"""Longest that a grab may do nothing; one that is told to wait 50 ms returns long before."""
OPEN_LIMIT_S = 30.0
"""Longest that starting or stopping a stream may do nothing: cameras on a network are searched for."""
_LOOK_S = 0.25
COMPUTE_LIMIT_S = 60.0
"""Longest that a recording or simulated slide may take to read or draw a field."""
_BUSY = 0.05
"""A call that computes for at least this share of the time is at work, where there is something to compute."""


class GrabWatch:
    """Runs while its `with` lasts; to be entered by the thread that makes the calls.

    `computes`: the driver reads or draws fields itself. A camera has nothing to compute: a call that only keeps the
    processor busy hangs as much as one that sleeps.
    """

    def __init__(self, name: str, *, computes: bool) -> None:
        self._name = name
        self._computes = computes
        self._call: tuple[float, float, float] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="grab watch")
        self._clock = 0

    def __enter__(self) -> Self:
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    @contextmanager
    def call(self, limit_s: float) -> Generator[None, None, None]:
        """Watch over what is called within: it may do nothing for so long at most."""
        self._call = (time.monotonic(), time.clock_gettime(self._clock), limit_s)
        try:
            yield
        finally:
            self._call = None

    def hangs(self) -> bool:
        """Return whether the present call has waited for too long."""
        call = self._call
        if call is None:
            return False
        since_s, computed_s, limit_s = call
        age_s = time.monotonic() - since_s
        busy = time.clock_gettime(self._clock) - computed_s >= _BUSY * age_s
        return age_s > (max(limit_s, COMPUTE_LIMIT_S) if busy and self._computes else limit_s)

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_S):
            if self.hangs():
                _log.error(
                    "%s hangs: its driver does not return; the camera process ends and is started afresh: if "
                    "this goes on, look at cable and power",
                    self._name,
                )
                os._exit(1)  # the thread that hangs cannot be ended otherwise
            notify("WATCHDOG=1")  # not sent while the driver hangs and holds Python's lock: systemd sees that
