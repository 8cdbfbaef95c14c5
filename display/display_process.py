"""The display process: one thread that listens, one loop that serves the page, and a terminal if wanted.

It only reads. Killing it, or starting several, changes nothing in the other processes.
"""

import asyncio
import logging
import socket
import threading
from contextlib import AsyncExitStack

from zpscope.config.settings import Settings
from zpscope.daemon.loopback import is_loopback
from zpscope.daemon.metrics import DisplayCollector, process_registry, serve_metrics
from zpscope.daemon.notify import notify
from zpscope.display.changes import Changes
from zpscope.display.gateway import build
from zpscope.display.guard import Guard
from zpscope.display.latest import Latest
from zpscope.display.receiver import Receiver
from zpscope.display.server import address, listen, serving
from zpscope.display.terminal_view import TerminalView

_log = logging.getLogger(__name__)
_TICK_S = 0.1
"""How long the process may overlook that it is to end."""


def run_display(settings: Settings, stop: threading.Event, *, terminal: bool) -> None:
    """Show the inference process's state until `stop` is set."""
    with listen(settings.display.host, settings.display.port) as listener:
        asyncio.run(_run(settings, stop, listener, terminal))


async def _run(settings: Settings, stop: threading.Event, listener: socket.socket, terminal: bool) -> None:
    page = address(listener)
    changes = Changes()
    latest = Latest(settings.wire.state)
    local_only = is_loopback(listener.getsockname()[0])
    if not local_only:
        _log.warning("%s is open to everyone who reaches this machine, without a log-in", page)
    guard = Guard(build(latest, settings.tally, changes), local_only=local_only)
    registry = process_registry()
    registry.register(DisplayCollector(latest.received))
    async with AsyncExitStack() as stack:
        stack.enter_context(serve_metrics(settings.metrics.host, settings.metrics.display_port, registry))
        receiver = stack.enter_context(Receiver(settings.wire.state, latest, changes.ring))
        server = await stack.enter_async_context(serving(guard, listener))
        if terminal:
            stack.enter_context(TerminalView(latest, settings.tally, page))
        stack.callback(changes.stop)
        notify("READY=1")
        _log.info("the page is at %s and shows %s", page, settings.wire.state)
        while not stop.is_set() and not server.done() and receiver.failure is None:
            await asyncio.wait({server}, timeout=_TICK_S)
        notify("STOPPING=1")
    if receiver.failure is not None:
        raise receiver.failure
