"""What every answer of the gateway must carry, and who is turned away at the door.

A page of another site could make the browser of this machine ask a display on loopback (DNS rebinding, or a
picture tag); foreign host names and cross-site requests are therefore refused. Knows no route and no figure.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from zpscope.daemon.loopback import is_loopback
from zpscope.daemon.wire import NOTICE

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
]


def _host(value: str) -> str:
    """Return the host of a Host header, without its port."""
    if value.startswith("["):
        inside, bracket, _ = value.partition("]")
        return inside + bracket
    return value.partition(":")[0]


class Guard:
    """Wraps an application: security headers out, foreign requests off."""

    def __init__(self, app: App, *, local_only: bool) -> None:
        self._app = app
        self._local_only = local_only

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        reason = self._refusal(scope)
        if reason:
            body = f"{reason}\n{NOTICE}\n".encode()
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 403, "headers": [*_HEADERS, *headers]})
            await send({"type": "http.response.body", "body": body})
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        await self._app(scope, receive, send_guarded)

    def _refusal(self, scope: Message) -> str:
        """Return why this request is not answered, or nothing."""
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if self._local_only and not is_loopback(_host(headers.get(b"host", ""))):
            return "this display answers on this machine only: open it as http://localhost:PORT"
        foreign = headers.get(b"sec-fetch-site") in {"cross-site", "same-site"}
        if foreign and headers.get(b"sec-fetch-mode") != "navigate":
            return "this display does not answer the pages of other sites"
        return ""
