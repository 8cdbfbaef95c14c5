"""The HTTP server: one listening socket, and an end that no browser can hold up.

uvicorn is told to leave signals and logs to the process. Knows no route.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncGenerator, Generator

import uvicorn

from zpscope.config.errors import AddressInUse, SettingsError
from zpscope.display.guard import App

_SEND_BUFFER = 64 * 1024
"""Small, so that a browser that stops reading finds little that is old when it goes on."""
_GRACE_S = 0.3
"""Answers under way may end; then the connections are cut."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, or raise with one line that says what to do."""
    shown = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = sorted(found, key=lambda entry: entry[0] != socket.AF_INET)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            listener.bind(address)
            listener.listen(64)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            msg = (
                f"the page cannot be served at {shown}: port {port} is in use by another program (is another "
                "zpscope display running?): stop that one, or start with --set display.port=PORT"
            )
            raise AddressInUse(msg) from error
        msg = (
            f"the page cannot be served at {shown} ({error.strerror}): correct display.host or display.port, "
            "for example --set display.host=127.0.0.1"
        )
        raise SettingsError(msg) from error
    return listener


def address(listener: socket.socket) -> str:
    """Return where the page is, for a browser on this machine."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@contextlib.asynccontextmanager
async def serving(app: App, listener: socket.socket) -> AsyncGenerator[asyncio.Task[None], None]:
    """Serve while the `async with` lasts, and at most a moment longer; yields the task that serves."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_keep_alive=5,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="gateway")
    try:
        yield task
    finally:
        server.should_exit = True
        await asyncio.wait({task}, timeout=_GRACE_S)
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        await task
