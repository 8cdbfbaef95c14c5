"""The camera process: grabs exposures, numbers them, and hands them over.

Knows drivers and sockets; knows no model, no store and nothing of what is in a picture. It captures while the
inference process demands frames for a sample, and lets a frame go only when that process says it is committed.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np

from zpscope.config.errors import CameraLost, GrabTimeout, WireVersionError
from zpscope.config.settings import Settings
from zpscope.daemon import wire
from zpscope.daemon.capture import Capture
from zpscope.daemon.grab_watch import GRAB_LIMIT_S, OPEN_LIMIT_S, GrabWatch
from zpscope.daemon.journal import Journal, format_words
from zpscope.daemon.outbox import Outbox, RetainedFrame
from zpscope.daemon.sockets import FrameServer, Publisher, wait
from zpscope.drivers.camera import Camera, EndOfStream, is_recording

_log = logging.getLogger(__name__)

HEARTBEAT_S = 0.5
PEER_GONE_S = 5.0
"""A receiver silent for so long has gone, and another store may take its place."""
_RETRY_S = 1.0
"""A camera that is not there is looked for so often."""
_GRAB_S = 0.05
"""How long one grab may wait: bounds how late a demand is heard."""


class LastWarning(logging.Handler):
    """Remembers the last warning in words, for the displays."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Remember a record."""
        self.text = record.getMessage()


class CameraProcess:
    """One camera, one receiver at a time."""

    def __init__(self, settings: Settings, camera: Camera, journal: Journal, problems: LastWarning) -> None:
        self._settings = settings
        self._camera = camera
        self._journal = journal
        self._problems = problems
        self._watch = GrabWatch(settings.camera.name, computes=is_recording(camera))
        self._connected = False
        self._expected = ""
        """What the frames of the open sample looked like in the lives of this process before, in words."""
        self.capture = Capture(settings.camera.name, settings.camera.um_per_px)
        self._outbox = Outbox(settings.wire.retain_frames)
        self._peer: bytes | None = None
        self._store = ""
        self._heard_s = 0.0
        self._credit = 0
        self._beat_s = 0.0

    def run(self, stop: threading.Event, ready: Callable[[], None]) -> None:
        """Serve until told to stop, calling `ready` once it does; raise CameraLost when the camera is gone."""
        wire_settings = self._settings.wire
        with FrameServer(wire_settings.frames) as server, Publisher(wire_settings.newest) as publisher:
            with self._watch, ExitStack() as leaving:
                leaving.callback(self._leave)
                self._enter()
                ready()
                while not stop.is_set():
                    while received := server.receive():
                        self._hear(server, *received)
                    self._deliver(server)
                    if not self._connected:
                        wait([server], _RETRY_S)
                        self._enter()
                    elif self.wants_exposure:
                        self._expose(publisher)
                    else:
                        wait([server], _GRAB_S)
                    self._beat(server)
            self._tell(server)

    @property
    def wants_exposure(self) -> bool:
        """Whether there is a sample to capture for, and room for a frame."""
        return self.capture.capturing and not self.capture.exhausted and not self._outbox.full

    def message(self) -> wire.CameraMessage:
        """Return how the camera is."""
        return wire.CameraMessage(
            camera=self._settings.camera.name,
            session=self.capture.session,
            driver=self._settings.camera.driver,
            delivery=self._settings.wire.delivery,
            store=self._store,
            sample=self.capture.sample,
            capturing=self.capture.capturing,
            captured=self.capture.captured,
            lost=dict(self.capture.lost),
            retained=len(self._outbox),
            exhausted=self.capture.exhausted,
            connected=self._connected,
            repeats=is_recording(self._camera) and self._camera.repeats,
            ended=self._journal.ended,
            problem=self._problems.text,
        )

    def _enter(self) -> None:
        """Start the stream, or note that the camera is not there: it is looked for again a moment later."""
        try:
            with self._watch.call(OPEN_LIMIT_S):
                self._camera.__enter__()
        except CameraLost as error:
            if str(error) != self._problems.text:
                _log.warning("%s", error)
            return
        self._connected = True
        if self._is_expected():
            self._problems.text = ""

    def _is_expected(self) -> bool:
        """Return whether it is the camera that the sample began with; another is let go of, and looked for again."""
        now = format_words(self._camera.format)
        if self._expected in ("", now):
            return True
        words = (
            f"{self._settings.camera.name} now gives {now}, and gave {self._expected} when the sample began: "
            "connect that camera with its settings again, or stop the sample"
        )
        if words != self._problems.text:
            _log.warning("%s", words)
        self._leave()
        return False

    def _leave(self) -> None:
        if self._connected:
            self._connected = False
            with self._watch.call(OPEN_LIMIT_S):
                self._camera.__exit__(None, None, None)

    def _hear(self, server: FrameServer, peer: bytes, parts: list[bytes]) -> None:
        try:
            demand = wire.decode(wire.DemandMessage, parts)
        except WireVersionError as error:
            if str(error) != self._problems.text:
                _log.warning("%s", error)
            server.send(peer, self.message())  # in our version: the peer sees for itself
            return
        now = time.monotonic()
        other_store = self._store not in ("", demand.store) and now - self._heard_s < PEER_GONE_S
        if other_store or demand.delivery != self._settings.wire.delivery:
            server.send(peer, self.message())
            return
        if peer != self._peer:
            self._peer = peer
            self._outbox.rewind()
        self._store, self._heard_s = demand.store, now
        if demand.session != self.capture.session:
            self._tell(server)
            return
        self._expected = self._journal.format_of(demand.sample)
        if not self._connected or not self._is_expected():
            return
        self._credit = demand.credit
        self._outbox.acknowledge(demand.committed)
        was = (self.capture.sample, self.capture.capturing)
        if self.capture.demand(demand.sample):
            self._begin(demand.earlier)
        if was != (self.capture.sample, self.capture.capturing):
            self._tell(server)

    def _begin(self, earlier: int) -> None:
        """Start the stream afresh: a recording is shown from its beginning, or goes on where a dead process was."""
        self._outbox.clear()
        self._leave()
        self._enter()
        if not self._connected:
            raise CameraLost(self._problems.text)
        self._journal.write(self.capture, self._camera.format)
        if is_recording(self._camera):
            self._camera.skip(earlier)

    def _deliver(self, server: FrameServer) -> None:
        while self._peer is not None and (frame := self._outbox.next(self._credit)):
            if not server.send(self._peer, frame.header, frame.pixels.data):
                self._peer = None
                return
            self._outbox.sent()

    def _expose(self, publisher: Publisher) -> None:
        try:
            with self._watch.call(GRAB_LIMIT_S):
                grab = self._camera.grab(_GRAB_S)
        except GrabTimeout:
            return
        except EndOfStream as end:
            self.capture.end(end.lost)
            self._journal.write(self.capture, self._camera.format)
            self._beat_s = 0.0
            return
        whole = self.capture.is_whole(grab, self._camera.format)
        header = self.capture.take(grab, self._camera.format) if whole else None
        self._journal.write(self.capture, self._camera.format)
        if header is None:
            return
        pixels = np.ascontiguousarray(grab.pixels) if grab.kept else np.array(grab.pixels, order="C")
        frame = RetainedFrame(header, pixels)
        if self._settings.wire.delivery == "every":
            self._outbox.add(frame)
        else:
            publisher.send(frame.header, frame.pixels.data)

    def _beat(self, server: FrameServer) -> None:
        now = time.monotonic()
        if now - self._heard_s > PEER_GONE_S:
            self._peer = None  # whoever speaks next gets every retained frame again
        if now - self._beat_s >= HEARTBEAT_S:
            self._beat_s = now
            self._tell(server)

    def _tell(self, server: FrameServer) -> None:
        if self._peer is not None and not server.send(self._peer, self.message()):
            self._peer = None
