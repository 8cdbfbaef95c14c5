"""Recorded fields through the very same stages as live ones, in this process, without socket or store."""

from zpscope.config.settings import Settings
from zpscope.daemon.capture import Capture
from zpscope.daemon.ledger import Ledger
from zpscope.daemon.scoring import ExaminedField, ScoredField, Scorer
from zpscope.drivers.camera import Camera, EndOfStream
from zpscope.engines.engine import Engine
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.unique import CountedHeads

_GRAB_S = 60.0


def score_recorded(settings: Settings, camera: Camera, engine: Engine) -> tuple[Ledger, list[ScoredField]]:
    """Return the account and the scored fields of a whole recording, in order."""
    batch = settings.classifier.batch
    scorer = Scorer(engine, batch, SlideColour.fresh(), CountedHeads())
    capture = Capture(settings.camera.name, settings.camera.um_per_px)
    capture.demand("recorded")
    ledger = Ledger()
    scored: list[ScoredField] = []
    waiting: list[ExaminedField] = []
    with camera:
        while not capture.exhausted:
            try:
                grab = camera.grab(_GRAB_S)
                waiting.append(scorer.examine(capture.take(grab, camera.format), grab.pixels.copy()))
            except EndOfStream as end:
                capture.end(end.lost)
            if capture.exhausted or sum(len(field.crops) for field in waiting) >= batch:
                scored += scorer.classify(waiting)
                waiting.clear()
    ledger.hear(capture.session, capture.captured, capture.lost)
    for field in scored:
        ledger.commit(capture.session, field.count, field.examined.header.captured_ns)
    return ledger, scored
