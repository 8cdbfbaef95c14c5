"""The inference process: frames in; heads found, classified and committed; state out.

It wires sockets and clocks to the pure stages and to the open sample, and is the one process that writes the
store. Every wait is bounded, so that a demand, a command or a signal is heard within a moment.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

import numpy as np

from zpscope.config.errors import PeerRefused, WireVersionError
from zpscope.config.settings import Settings
from zpscope.daemon import wire
from zpscope.daemon.gather import Limits, gather
from zpscope.daemon.loading import Loading
from zpscope.daemon.memory import reserve
from zpscope.daemon.metrics import ScoringMetrics
from zpscope.daemon.notify import tell_start
from zpscope.daemon.overview import MOST_PX
from zpscope.daemon.preview import preview
from zpscope.daemon.recorder import Recorder
from zpscope.daemon.samples import Samples
from zpscope.daemon.scoring import ExaminedField, ScoredField
from zpscope.daemon.sockets import ControlServer, FrameClient, Publisher, Subscriber, wait

_log = logging.getLogger(__name__)

DEMAND_S = 0.5
STATE_S = 0.1
"""State goes out at most so often while fields are committed, and once a second without."""
PREVIEW_S = 0.25
CAMERA_GONE_S = 5.0
"""A camera process silent for so long is gone."""
OVERVIEW_S = 2.0
"""The overview goes out so often, changed or not, so that a late display has it soon."""
OVERVIEW_FIELDS = 50
"""Fields painted at a time, about 20 ms: a long scan is painted anew over many turns, and nothing waits for it."""
OVERVIEW_BYTES = 24 * MOST_PX**2
"""What the largest overview takes while it is drawn and encoded: 21 bytes a pixel were seen."""
EXAMINED_FRAMES = 4
"""What a field takes while it is examined, in frames: 2.4 were seen, and what is free lies in pieces."""
COMMAND_WAITS_S = 3.0
"""A command may wait so long for the engine before it is sent away; who asks waits for 5 s."""
RATE_S = 10.0
"""Rates are over the last so many seconds."""


class Rates:
    """Fields and heads per second, lately."""

    def __init__(self) -> None:
        self._commits: deque[tuple[float, int]] = deque()

    def note(self, now_s: float, heads: int) -> None:
        """Note a committed field."""
        self._commits.append((now_s, heads))

    def per_s(self, now_s: float) -> tuple[float, float]:
        """Return fields and heads per second."""
        while self._commits and now_s - self._commits[0][0] > RATE_S:
            self._commits.popleft()
        if not self._commits:
            return 0.0, 0.0
        span_s = max(1.0, now_s - self._commits[0][0])
        return len(self._commits) / span_s, sum(heads for _, heads in self._commits) / span_s


class InferenceProcess:
    """One camera's frames, one store, one model."""

    def __init__(
        self,
        settings: Settings,
        samples: Samples,
        model: wire.Model,
        metrics: ScoringMetrics,
        loading: Loading,
    ) -> None:
        self._settings = settings
        self._samples = samples
        self._model = model
        self._metrics = metrics
        self._loading = loading
        classifier = settings.classifier
        self._limits = Limits(classifier.batch, settings.wire.retain_frames, classifier.deadline_ms / 1000)
        self._recorder = Recorder(settings.record.folder)
        self._camera: wire.CameraMessage | None = None
        self._camera_heard_s = time.monotonic()
        self._rates = Rates()
        self._lag_s = 0.0
        self._frame_bytes = 0
        self._told = set[tuple[str, str]]()
        self._demand_s = self._state_s = self._preview_s = self._overview_s = self._reserved_s = 0.0
        self._overview: tuple[wire.OverviewMessage, bytes] | None = None
        self._news = True
        """Something happened that camera and displays should hear of now."""

    def run(self, stop: threading.Event, publisher: Publisher, ready: Callable[[], None]) -> None:
        """Serve until told to stop, calling `ready` once the engine does."""
        wire_settings = self._settings.wire
        with ExitStack() as stack:
            control = stack.enter_context(ControlServer(wire_settings.control))
            frames = stack.enter_context(FrameClient(wire_settings.frames))
            sources: list[FrameClient | Subscriber] = [frames]
            if wire_settings.delivery == "newest":
                topics = [wire.FrameMessage.topic]
                sources.append(stack.enter_context(Subscriber(wire_settings.newest, topics)))
            if not self._await_engine(stop, control, publisher):
                return
            ready()
            while not stop.is_set():
                wait([control, *sources], STATE_S)
                while asked := control.receive():
                    control.send(asked[0], self._samples.answer(asked[1]))
                    self._news = True
                examined = gather(partial(self._next, sources, stop), self._limits, time.monotonic)
                if examined:
                    self._commit(examined, publisher)
                if self._camera and (sample := self._samples.present):
                    sample.hear(self._camera)
                if not examined:
                    self._settle()
                    self._reserve()
                self._speak(frames, publisher)

    def _await_engine(self, stop: threading.Event, control: ControlServer, publisher: Publisher) -> bool:
        """Tell everyone how far the engine is until it serves; return False if told to stop before.

        Commands wait for a moment, as with any busy process; whoever would wait in vain is told to come again.
        """
        begun_s = time.monotonic()
        publisher.send(self.state())
        while not self._loading.done(STATE_S):
            if stop.is_set():
                return False
            if time.monotonic() - begun_s > COMMAND_WAITS_S:
                while asked := control.receive():
                    words = f"the classifier is {self._loading.words}: try again when it is ready"
                    control.send(asked[0], wire.ControlReply(error=words))
            if time.monotonic() - self._state_s >= 1.0:
                self._state_s = time.monotonic()
                publisher.send(self.state())
                tell_start(f"the classifier is {self._loading.words}")
        return True

    def _next(
        self, sources: list[FrameClient | Subscriber], stop: threading.Event, patience_s: float
    ) -> ExaminedField | None:
        """Return the next field, examined, if one has arrived or arrives in time."""
        until_s = time.monotonic() + patience_s
        while not stop.is_set():
            parts = next((got for source in sources if (got := source.receive())), None)
            if parts is None:
                if (left_s := until_s - time.monotonic()) <= 0:
                    break
                wait(sources, left_s)
            elif parts[0] == wire.CameraMessage.topic:
                self._hear(wire.decode(wire.CameraMessage, parts))
            elif field := self._receive(parts):
                return field
        return None

    def _hear(self, message: wire.CameraMessage) -> None:
        if message.store not in ("", self._samples.store.identity):
            msg = (
                f"the camera process at {self._settings.wire.frames} serves another inference process with "
                "another store: stop that one, or set another wire.frames"
            )
            raise PeerRefused(msg)
        if message.delivery != self._settings.wire.delivery:
            msg = (
                f"the camera process delivers {message.delivery!r}, this one wants "
                f"{self._settings.wire.delivery!r}: give both the same wire.delivery and restart them"
            )
            raise PeerRefused(msg)
        self._news = self._news or self._camera is None or self._camera.session != message.session
        self._camera, self._camera_heard_s = message, time.monotonic()

    def _receive(self, parts: Sequence[bytes | memoryview]) -> ExaminedField | None:
        header = wire.decode(wire.FrameMessage, parts)
        sample = self._samples.present
        if sample is None:
            return None
        shape = (header.height_px, header.width_px, 3)[: 3 if header.layout == "rgb8" else 2]
        if [len(part) for part in parts[2:]] != [math.prod(shape)]:
            msg = f"frame {header.number} came without all of its pixels: install the same zpscope on both sides"
            raise WireVersionError(msg)
        self._frame_bytes = len(parts[2])
        pixels = np.frombuffer(parts[2], np.uint8).reshape(shape)
        field = sample.receive(header, pixels, age_ms=(time.time_ns() - header.captured_ns) / 1e6)
        if field is not None:
            self._recorder.record(sample.record, sample.sample.accession, header, pixels)
        return field

    def _commit(self, examined: list[ExaminedField], publisher: Publisher) -> None:
        sample = self._samples.present
        if sample is None:
            return
        scored_fields = sample.commit(examined)
        now_s = time.monotonic()
        for scored in scored_fields:
            self._lag_s = max(0.0, (time.time_ns() - scored.examined.header.captured_ns) / 1e9)
            self._metrics.lag.observe(self._lag_s)
            self._metrics.colour_drift.set(scored.examined.colour.drift)
            self._rates.note(now_s, len(scored.p))
            self._tell(sample.record.id, scored.examined.remark)
        self._news = True
        self._show(scored_fields[-1], publisher)

    def _tell(self, slide: str, remark: str) -> None:
        """Log why fields are skipped and what to do, once a slide and reason: between good fields some always move."""
        if remark and (slide, remark) not in self._told:
            self._told.add((slide, remark))
            _log.warning("fields are skipped: %s", remark)

    def _settle(self) -> None:
        """See whether the camera has gone, and what can never arrive any more; only when nothing is pending.

        After a long batch the camera's messages may lie unread: its silence counts from an empty queue on.
        """
        gone = time.monotonic() - self._camera_heard_s > CAMERA_GONE_S
        if gone:
            self._camera = None
        self._metrics.camera_connected.set(self._connected())
        sample = self._samples.present
        if sample is not None and sample.open:
            sample.settle(self._camera, camera_gone=gone, now_ns=time.time_ns())
            if not sample.open:
                self._recorder.end()
                self._news = True

    def _speak(self, frames: FrameClient, publisher: Publisher) -> None:
        now_s = time.monotonic()
        if self._news or now_s - self._demand_s >= DEMAND_S:
            self._demand_s = now_s
            frames.send(self._demand())
        if now_s - self._state_s >= (STATE_S if self._news else 1.0):
            self._state_s = now_s
            self._news = False
            publisher.send(self.state())
        if now_s - self._overview_s >= OVERVIEW_S and (sample := self._samples.present):
            self._overview_s = now_s
            self._overview = sample.overview(OVERVIEW_FIELDS) or self._overview
            if self._overview and self._overview[0].sample == sample.record.id:
                publisher.send(*self._overview)

    def _reserve(self) -> None:
        """Reserve memory for what comes and goes; while frames wait, theirs would be counted twice."""
        if not self._frame_bytes or time.monotonic() - self._reserved_s < OVERVIEW_S:
            return
        self._reserved_s = time.monotonic()
        frames = self._settings.wire.retain_frames + EXAMINED_FRAMES
        reserve([self._frame_bytes] * frames + [OVERVIEW_BYTES])

    def _connected(self) -> bool:
        return self._camera is not None and self._camera.connected

    def _demand(self) -> wire.DemandMessage:
        sample = self._samples.present
        session = self._camera.session if self._camera else ""
        wanted = sample is not None and sample.record.state == "scanning"
        return wire.DemandMessage(
            store=self._samples.store.identity,
            delivery=self._settings.wire.delivery,
            sample=sample.record.id if sample and wanted else None,
            session=session,
            committed=sample.committed(session) if sample else -1,
            earlier=sample.ledger.captured_before(session) if sample else 0,
            credit=self._settings.wire.retain_frames,
        )

    def state(self) -> wire.StateMessage:
        """Return what displays show."""
        sample = self._samples.present
        fields_per_s, heads_per_s = self._rates.per_s(time.monotonic())
        stage, share = self._loading.told
        return wire.StateMessage(
            sample=sample.summary(time.time_ns()) if sample else None,
            camera=self._camera,
            camera_connected=self._connected(),
            fields_per_s=fields_per_s,
            heads_per_s=heads_per_s,
            lag_s=self._lag_s,
            recording=self._recorder.words,
            sent_ns=time.time_ns(),
            model=self._model,
            stage=stage,
            stage_done=share,
        )

    def _show(self, scored: ScoredField, publisher: Publisher) -> None:
        now_s = time.monotonic()
        if now_s - self._preview_s >= PREVIEW_S:
            self._preview_s = now_s
            publisher.send(*preview(scored))
