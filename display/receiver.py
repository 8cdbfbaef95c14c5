"""The thread that listens to the inference process and keeps the newest of what it says.

Knows the socket and the messages. A message of another wire version is a reason to show, not a reason to stop:
the right version may come up at any time. Knows nothing of who reads.
"""

import logging
import threading
from collections.abc import Callable

from zpscope.config.errors import WireVersionError
from zpscope.daemon import wire
from zpscope.daemon.sockets import Subscriber
from zpscope.display.latest import Latest

_log = logging.getLogger(__name__)
_POLL_S = 0.2
"""How long the thread may be deaf to being stopped."""
_TOPICS = (wire.StateMessage.topic, wire.PreviewMessage.topic, wire.OverviewMessage.topic)


def take(latest: Latest, parts: list[bytes]) -> None:
    """Keep one message, or the reason why it cannot be read; a reason is logged once."""
    try:
        if parts[0] == wire.PreviewMessage.topic:
            header = wire.decode(wire.PreviewMessage, parts)
            if len(parts) > 2:
                latest.take_picture(header, parts[2])
        elif parts[0] == wire.OverviewMessage.topic:
            overview = wire.decode(wire.OverviewMessage, parts)
            if len(parts) > 2:
                latest.take_overview(overview, parts[2])
        elif latest.take_state(wire.decode(wire.StateMessage, parts)):
            _log.warning("the inference process is understood again")
    except WireVersionError as error:
        if latest.refuse(parts[0], str(error)):
            _log.error("%s", error)


class Receiver:
    """Runs while its `with` lasts; calls `changed` after every message, from its own thread."""

    def __init__(self, endpoint: str, latest: Latest, changed: Callable[[], None]) -> None:
        self._endpoint = endpoint
        self._latest = latest
        self._changed = changed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="receiver", daemon=True)
        self.failure: Exception | None = None
        """What ended the thread before it was stopped; the process must not go on without it."""

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with Subscriber(self._endpoint, _TOPICS) as subscriber:
                while not self._stop.is_set():
                    if parts := subscriber.receive(_POLL_S):
                        take(self._latest, parts)
                        self._changed()
        except Exception as error:  # noqa: BLE001  the outermost frame of the thread: handed to the process
            self.failure = error
            self._changed()
