"""Exposures at a given pace: when the next one is due, and waiting for it no longer than allowed."""

import time

from zpscope.config.errors import GrabTimeout


class Pace:
    """One exposure every 1/pace_hz s at most; without a pace, at once."""

    def __init__(self, pace_hz: float | None) -> None:
        self._interval_s = 1 / pace_hz if pace_hz else 0.0
        self._due_s = time.monotonic()

    def wait(self, timeout_s: float) -> None:
        """Return when the next exposure is due; raise GrabTimeout if that is not within the time."""
        wait_s = self._due_s - time.monotonic()
        if wait_s > timeout_s:
            time.sleep(timeout_s)
            msg = f"no exposure is due within {timeout_s} s"
            raise GrabTimeout(msg)
        time.sleep(max(0.0, wait_s))
        self._due_s = max(self._due_s, time.monotonic() - self._interval_s) + self._interval_s

    def missed(self) -> int:
        """Return how many exposures came due and went by; they are over."""
        if not self._interval_s:
            return 0
        missed = max(0, int((time.monotonic() - self._due_s) / self._interval_s))
        self._due_s += missed * self._interval_s
        return missed
