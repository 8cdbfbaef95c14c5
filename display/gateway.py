"""The routes of the display: the page, and the newest state and picture as JSON, events and JPEG.

Every answer is made from a snapshot, so that a late browser gets the whole truth and a slow one skips to the
newest. Nothing is fetched from elsewhere, and nothing can be changed through it. Knows no figure's meaning.
"""

from collections.abc import AsyncIterator
from importlib import resources

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response, StreamingResponse
from starlette.exceptions import HTTPException

from zpscope.config.settings import Tally
from zpscope.display.changes import Changes
from zpscope.display.latest import Latest
from zpscope.display.payload import error_json, preview_json, state_json

_LEAST_S = 0.2
"""Between two events to one browser: nobody reads faster."""
_MOST_S = 1.0
"""Between two events, changed or not: so the page knows that the display lives."""
_MOST_STREAMS = 64
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Streams:
    """The event streams now open; one browser tab that can be seen holds one."""

    def __init__(self, latest: Latest, tally: Tally, changes: Changes) -> None:
        self._latest = latest
        self._tally = tally
        self._changes = changes
        self.open = 0

    async def events(self) -> AsyncIterator[str]:
        """Yield server-sent events, each with the whole state, until the process ends."""
        self.open += 1
        try:
            yield "retry: 1000\n\n"
            while not self._changes.stopped:
                snapshot = self._latest.snapshot()
                yield f"data: {state_json(snapshot, self._tally)}\n\n"
                await self._changes.pause(_LEAST_S)
                if self._latest.serial == snapshot.serial:
                    await self._changes.wait(_MOST_S - _LEAST_S)
        finally:
            self.open -= 1


def build(latest: Latest, tally: Tally, changes: Changes) -> FastAPI:
    """Return the application; it serves files that are read once, here."""
    app = FastAPI(title="zpscope display", openapi_url=None, docs_url=None, redoc_url=None)
    streams = Streams(latest, tally, changes)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse)
    _serve_page(app)

    async def state() -> Response:
        return _json(state_json(latest.snapshot(), tally))

    async def events() -> Response:
        if streams.open >= _MOST_STREAMS:
            reason = f"{_MOST_STREAMS} pages are open already: close some, or read /api/state"
            return _json(error_json(reason), 503)
        return StreamingResponse(streams.events(), media_type="text/event-stream")

    async def preview() -> Response:
        snapshot = latest.snapshot()
        if snapshot.picture is None or snapshot.picture_age_s is None:
            return _json(error_json("no field has been shown yet: wait for the first"), 404)
        return _json(preview_json(snapshot.picture, snapshot.picture_age_s))

    async def preview_jpg(picture: int | None = None) -> Response:
        found = latest.snapshot().picture if picture is None else latest.picture(picture)
        if found is None:
            return _json(error_json("this picture is gone: read /api/preview for the newest"), 404)
        headers = {"x-zpscope-picture": str(found.number)}
        return Response(found.jpeg, media_type="image/jpeg", headers=headers)

    async def overview_webp() -> Response:
        found = latest.snapshot().overview
        if found is None:
            return _json(error_json("no overview has been painted yet: wait for the first fields"), 404)
        headers = {"x-zpscope-picture": str(found.number)}
        return Response(found.webp, media_type="image/webp", headers=headers)

    app.add_api_route("/api/state", state)
    app.add_api_route("/api/overview.webp", overview_webp)
    app.add_api_route("/api/events", events)
    app.add_api_route("/api/preview", preview)
    app.add_api_route("/api/preview.jpg", preview_jpg)
    return app


def _serve_page(app: FastAPI) -> None:
    for file in resources.files("zpscope.display").joinpath("page").iterdir():
        kind = _KINDS.get("." + file.name.rpartition(".")[2])
        if kind is None:
            continue
        path = "/" if file.name == "index.html" else f"/{file.name}"
        _serve_file(app, path, file.read_bytes(), kind)


def _serve_file(app: FastAPI, path: str, content: bytes, kind: str) -> None:
    async def file() -> Response:
        return Response(content, media_type=kind)

    app.add_api_route(path, file)


async def _refuse(request: Request, error: Exception) -> Response:
    """Answer in JSON, and with the notice, what is not there or not understood."""
    if isinstance(error, HTTPException):
        return _json(error_json(f"{request.url.path}: {error.detail}"), error.status_code)
    return _json(error_json("not understood: write ?picture=NUMBER, as /api/preview gives it"), 422)


def _json(text: str, status: int = 200) -> Response:
    return Response(text, status_code=status, media_type="application/json")
