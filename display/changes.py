"""Wakes the tasks that wait for something new, or for the end. Knows nothing of what is new."""

import asyncio
from contextlib import suppress


class Changes:
    """A bell for any number of waiting tasks of one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._stopped = asyncio.Event()

    @property
    def stopped(self) -> bool:
        """Whether the process is ending."""
        return self._stopped.is_set()

    def ring(self) -> None:
        """Wake all who wait for a change; from any thread."""
        with suppress(RuntimeError):  # the loop has closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._ring)

    def stop(self) -> None:
        """Wake everyone, for good."""
        self._stopped.set()
        self._ring()

    def _ring(self) -> None:
        self._event.set()
        if not self.stopped:
            self._event = asyncio.Event()

    async def wait(self, timeout_s: float) -> None:
        """Return at the next change, at the end, or after the time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), timeout_s)

    async def pause(self, timeout_s: float) -> None:
        """Return after the time, or at the end."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), timeout_s)
