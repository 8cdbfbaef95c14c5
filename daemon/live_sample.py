"""The open sample: what has been received, examined and committed of it.

Knows the store and the stages; knows no socket and no clock. Made anew from the store, it goes on at the very
frame after the last committed one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zpscope.config.settings import Settings
from zpscope.daemon import trail
from zpscope.daemon.calibration import why_uncalibrated
from zpscope.daemon.controls import Control, controls_of, judge, put_control, why_no_answer
from zpscope.daemon.life import after
from zpscope.daemon.overview import OverviewPainter
from zpscope.daemon.scoring import ExaminedField, ScoredField, Scorer
from zpscope.daemon.store import SlideRecord, Store
from zpscope.daemon.summary import summarise
from zpscope.daemon.wire import (
    CameraMessage,
    FrameMessage,
    OverviewMessage,
    SampleState,
    SampleSummary,
    model_from_json,
    to_json,
)
from zpscope.engines.engine import Engine
from zpscope.engines.open_engine import open_pixels
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.slide_map import SlideMap


class LiveSample:
    """One sample, and its present slide between its start and the moment when its last frame is accounted for."""

    def __init__(self, store: Store, slide: SlideRecord, engine: Engine, settings: Settings) -> None:
        self._store = store
        self.sample = store.sample(slide.sample)
        self.record = record = slide
        self._settings = settings
        self.ledger = store.ledger(record.id)
        self._earlier = [
            (one, store.ledger(one.id)) for one in store.slides(slide.sample) if one.id != slide.id
        ]
        self.finished: SampleSummary | None = None
        """The machine's result, once the scan is over."""
        self._uncommitted: dict[int, bytes] = {}
        """Thumbnails of placed fields that are not in the store yet."""
        colour = SlideColour.from_json(record.colour)
        slide_map = self._restored()
        classifier = settings.classifier
        self._scorer = Scorer(
            engine,
            classifier.batch,
            record.tally,
            colour,
            slide_map,
            open_pixels(classifier),
            store.last_sightings(record.id),
        )
        self._placed = len(slide_map.fields)
        self._overview = OverviewPainter(store, record.id, slide_map)
        self._received: dict[str, int] = {}
        self._told: tuple[str, bool] | None = None
        """What the camera of the last frame told of itself."""
        self._taken: dict[str, int] = {s: a.committed for s, a in self.ledger.sessions.items()}

    @property
    def open(self) -> bool:
        """Frames are still wanted or awaited."""
        return self.record.open

    def summary(self, now_ns: int) -> SampleSummary:
        """Return what displays show of it; controls fall overdue as time passes."""
        if self.finished is not None:
            return self.finished
        model = model_from_json(self.record.model)
        control = why_no_answer(self._store, self._settings.controls, model.sha256, now_ns)
        return summarise(self.sample, [*self._earlier, (self.record, self.ledger)], control=control)

    def committed(self, session: str) -> int:
        """Return the highest committed frame number of a session, -1 if there is none."""
        return self._store.committed(session)

    def hear(self, message: CameraMessage) -> None:
        """Take the camera's account of the frames it captured, and that of its lives before.

        To be called when every received frame is committed: what is in flight then, of a life that is over, never
        arrives any more.
        """
        if not self.open:
            return
        again = (
            message.repeats and message.delivery == "every" and self.record.state in ("scanning", "paused")
        )
        ended = [life for life in message.ended if life.sample == self.record.id]
        first = {life.session: life.first for life in ended}
        changed = False
        for life in ended:
            changed |= self.ledger.begin(life.session, self._settled(first) if again else None)
            changed |= self.ledger.hear(life.session, life.captured, life.lost)
        changed |= self.ledger.begin(message.session, self._settled(first) if again else None)
        if message.sample == self.record.id:
            changed |= self.ledger.hear(message.session, message.captured, message.lost)
        if changed:
            self._store.put_sessions(self.record.id, self.ledger.sessions)

    def _settled(self, first: Mapping[str, int]) -> int | None:
        """Return how many frames of the last session are not captured again, None if that cannot be known.

        first: the number of the first frame of each life that captured for this sample; one that died before it
        captured anything is not among them, and nothing of it is committed.
        """
        last = self.ledger.last
        if last is not None and last in first:
            return max(0, self.committed(last) + 1 - first[last])
        return None if last is None or self.ledger.sessions[last].committed else 0

    def receive(
        self, header: FrameMessage, pixels: NDArray[np.uint8], *, age_ms: float
    ) -> ExaminedField | None:
        """Examine the next frame; None if it was received before, is of another sample, or is too old."""
        if header.sample != self.record.id or not self.open or self.ledger.over(header.session):
            return None
        last = self._received.setdefault(header.session, self._store.committed(header.session))
        if header.number <= last:
            return None
        self._received[header.session] = header.number
        self.ledger.hear(header.session, header.captured, header.lost)
        if self._settings.wire.delivery == "newest" and self._give_way(header, age_ms):
            return None
        self._know(header)
        examined = self._scorer.examine(header, pixels)
        if examined.placement is not None:
            self._uncommitted[examined.placement.number] = examined.thumbnail
        return examined

    def commit(self, fields: Sequence[ExaminedField]) -> list[ScoredField]:
        """Classify examined fields together and commit them one by one, in order."""
        scored_fields = self._scorer.classify(fields)
        for scored in scored_fields:
            session = scored.examined.header.session
            account = self.ledger.sessions[session]
            earlier = self._store.commit_field(self.record.id, scored, account)
            self.ledger.commit(session, scored.count, scored.examined.header.captured_ns, earlier)
            self.record = replace(self.record, colour=scored.examined.colour.to_json())
            if scored.examined.placement is not None:
                del self._uncommitted[scored.examined.placement.number]
                self._placed += 1
        return scored_fields

    def overview(self, most: int) -> tuple[OverviewMessage, bytes] | None:
        """Paint up to `most` fields more and return the overview of the slide; None if there is nothing new."""
        if not self._overview.paint(self._placed, self.ledger.main_island, most):
            return None
        return self._overview.message(self._placed)

    def stop(self, actor: str, now_ns: int) -> None:
        """Capture no more; what is on its way is still scored."""
        self._move("closing", actor, max(now_ns, self.record.started_ns))

    def pause(self, actor: str) -> None:
        """Capture no more for a while; what is on its way is still scored."""
        self._move("paused", actor)

    def resume(self, actor: str) -> None:
        """Go on capturing the same slide."""
        self._move("scanning", actor)

    def settle(self, camera: CameraMessage | None, *, camera_gone: bool, now_ns: int) -> None:
        """Book what can never arrive any more as lost, and close the slide when nothing is awaited.

        To be called when every received frame is committed.
        """
        if self.record.state != "closing":
            return
        if camera is None or camera_gone:
            drained = camera_gone
        else:
            mine = camera.sample == self.record.id
            drained = not (mine and (camera.capturing or camera.retained))
        if drained:
            stage = "transport" if self._settings.wire.delivery == "newest" and camera else "camera"
            for session in self.ledger.sessions:
                self.ledger.close(session, stage)
            unknown = camera is None and bool(self.ledger.sessions)  # what it captured last, it could not say
            self._finish("incomplete" if self.ledger.lost or unknown else "complete", now_ns)

    def _finish(self, state: SampleState, now_ns: int) -> None:
        """Close the slide and keep the machine's result, all at once."""
        with self._store.transaction():
            self._store.put_sessions(self.record.id, self.ledger.sessions)
            self._move(state, "zpscope")
            self.sample = replace(self.sample, life=after(self.sample.life, "end", self.sample.accession))
            self._store.set_life(self.sample.id, self.sample.life)
            result = self.summary(now_ns)
            self._store.put_machine_result(self.sample.id, to_json(result))
            trail.note(
                self._store,
                "zpscope",
                "machine_result",
                self.sample.id,
                k=result.k,
                n=result.n,
                verdict=result.verdict.state,
                final=result.verdict.final,
                rules=result.rules_version,
            )
            if self.sample.kind == "negative_control":
                self._keep_control(result, now_ns)
        self.finished = result

    def _keep_control(self, result: SampleSummary, now_ns: int) -> None:
        earlier = controls_of(self._store, "negative_control", result.model.sha256)
        passed, words = judge(self._settings.controls, earlier, result.k, result.n)
        found = Control(
            "negative_control", now_ns, self.sample.id, result.model.sha256, result.k, result.n, passed, words
        )
        put_control(self._store, self.sample.operator, found)

    def _restored(self) -> SlideMap:
        """Return the map of the slide as the committed fields made it."""
        slide = SlideMap(self._thumbnail, self._settings.place.stage_error_um)
        for x_um, y_um, area_um2 in self._store.counted_before(self.record.id):
            slide.remember((x_um, y_um), area_um2)
        for placement in self._store.placements(self.record.id):
            slide.restore(placement)
        return slide

    def _thumbnail(self, number: int) -> bytes:
        return self._uncommitted.get(number) or self._store.thumbnail(self.record.id, number)

    def _know(self, header: FrameMessage) -> None:
        """Take what the camera tells of itself: whose scale must be calibrated, and whether it shows a slide."""
        told = header.serial, header.simulated
        if told != self._told:
            self._told = told
            uncalibrated = why_uncalibrated(Settings.model_validate_json(self.record.settings), header.serial)
            simulated = self.record.simulated or header.simulated
            self._store.set_origin(self.record.id, uncalibrated, simulated=simulated)
            self.record = replace(self.record, uncalibrated=uncalibrated, simulated=simulated)

    def _give_way(self, header: FrameMessage, age_ms: float) -> bool:
        """Book the frames that delivery `newest` has passed over; return whether this one is too old as well."""
        account = self.ledger.sessions[header.session]
        taken = self._taken.get(header.session, 0)
        too_old = age_ms > self._settings.wire.newest_age_ms
        aged = account.lost.get("age", 0)
        arrived = taken + aged + 1
        passed_over = header.captured - sum(header.lost.values()) - arrived
        self.ledger.lose(header.session, {"transport": max(0, passed_over), "age": aged + too_old})
        if not too_old:
            self._taken[header.session] = taken + 1
            return False
        self._store.put_sessions(self.record.id, self.ledger.sessions)
        return True

    def _move(self, state: SampleState, actor: str, stopped_ns: int | None = None) -> None:
        stopped_ns = self.record.stopped_ns if stopped_ns is None else stopped_ns
        with self._store.transaction():
            self._store.set_state(self.record.id, state, stopped_ns)
            trail.note(
                self._store, actor or self.sample.operator, state, self.sample.id, slide=self.record.number
            )
        self.record = replace(self.record, state=state, stopped_ns=stopped_ns)
