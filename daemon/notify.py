"""A word to the service manager, as sd_notify(3) defines it; without one, nothing happens.

Knows the socket and nothing of systemd: `READY=1`, `STOPPING=1`, `STATUS=words`, `WATCHDOG=1`,
`EXTEND_TIMEOUT_USEC=µs`.
"""

import logging
import os
import socket
from contextlib import suppress

_PATIENCE_S = 1.0
_log = logging.getLogger(__name__)
START_EXTENSION_US = 30_000_000
"""A start that says how far it is may take so much longer, each time."""


def notify(state: str) -> None:
    """Tell the service manager the state of this process; a manager that is gone or deaf does no harm."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in {"/", "@"}:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # Linux's abstract namespace
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as messenger:
        messenger.settimeout(_PATIENCE_S)
        messenger.sendto(state.encode(), address)


def tell_start(words: str) -> None:
    """Tell the log and the service manager how far a start is; the manager then waits on."""
    _log.info(words)
    notify(f"STATUS={words}\nEXTEND_TIMEOUT_USEC={START_EXTENSION_US}")
