"""Recorded fields through the very same stages as live ones, in this process, without socket or store."""

from dataclasses import replace

from zpscope.config.settings import Settings
from zpscope.counting.field_counts import Cell
from zpscope.daemon.capture import Capture
from zpscope.daemon.ledger import Ledger
from zpscope.daemon.scoring import ExaminedField, ScoredField, Scorer, gone_by_field
from zpscope.drivers.camera import Camera, EndOfStream
from zpscope.engines.engine import Engine
from zpscope.engines.open_engine import open_pixels
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.reference import read_reference
from zpscope.imaging.slide_map import SlideMap

_GRAB_S = 60.0


def score_recorded(settings: Settings, camera: Camera, engine: Engine) -> tuple[Ledger, list[ScoredField]]:
    """Return the account and the scored fields of a whole recording, in order."""
    batch = settings.classifier.batch
    thumbnails: list[bytes] = []
    slide = SlideMap(thumbnails.__getitem__, settings.place.stage_error_um)
    colour = SlideColour.fresh(read_reference(settings.segmentation.reference))
    scorer = Scorer(engine, batch, settings.tally, colour, slide, open_pixels(settings.classifier))
    capture = Capture(settings.camera.name, settings.camera.um_per_px)
    capture.demand("recorded")
    ledger = Ledger(apart=settings.place.apart)
    scored: list[ScoredField] = []
    waiting: list[ExaminedField] = []
    with camera:
        while not capture.exhausted:
            try:
                grab = camera.grab(_GRAB_S)
                if not capture.is_whole(grab, camera.format):
                    continue
                waiting.append(scorer.examine(capture.take(grab, camera.format), grab.pixels.copy()))
                if waiting[-1].placement is not None:
                    thumbnails.append(waiting[-1].thumbnail)
            except EndOfStream as end:
                capture.end(end.lost)
            if capture.exhausted or sum(len(field.crops) for field in waiting) >= batch:
                scored += scorer.classify(waiting)
                waiting.clear()
    ledger.hear(capture.session, capture.captured, capture.lost)
    placed: dict[int, int] = {}
    for i, field in enumerate(scored):
        placement = field.examined.placement
        earlier: list[tuple[int, Cell, Cell]] = []
        for number, indices in gone_by_field(placement).items():
            one = scored[placed[number]]
            scored[placed[number]] = replace(one, superseded=one.superseded | indices)
            earlier.append((one.count.island, one.cell(), scored[placed[number]].cell()))
        ledger.commit(capture.session, field.count, field.examined.header.captured_ns, earlier)
        if placement is not None:
            placed[placement.number] = i
    return ledger, scored
