"""The samples of one store, as commands see them: planned, scanned slide by slide, stopped, looked at.

One slide is on the microscope at a time. Knows the store and the open sample; knows no socket. What is done to a
sample at a desk, before and after its scan, is in `desk.py`.
"""

import re
import time
from hashlib import sha256
from importlib.metadata import version

from zpscope.config.errors import CommandRefused, ModelRefused, SettingsError, WireVersionError
from zpscope.config.settings import Settings
from zpscope.daemon import trail, wire
from zpscope.daemon.calibration import why_uncalibrated
from zpscope.daemon.desk import Desk, plan
from zpscope.daemon.ledger import Ledger
from zpscope.daemon.life import SampleLife, after
from zpscope.daemon.listing import summaries
from zpscope.daemon.live_sample import LiveSample
from zpscope.daemon.store import SampleRecord, SlideRecord, Store
from zpscope.daemon.summary import rules_version
from zpscope.engines.bundle import Bundle
from zpscope.engines.card import Card
from zpscope.engines.engine import Engine
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.crop import PREPROCESSING_HASH
from zpscope.imaging.reference import read_reference


def model_of(bundle: Bundle, runtime: str) -> wire.Model:
    """Return what results say of the model that made them."""
    card = bundle.card
    return wire.Model(
        name=card.name,
        version=card.version,
        sha256=bundle.sha256,
        demonstration=card.demonstration,
        runtime=runtime,
        sensitivity=_measured(card, "sensitivity"),
        specificity=_measured(card, "specificity"),
        empty_grey=card.training.empty_grey,
    )


def _measured(card: Card, name: str) -> tuple[float, int] | None:
    """Return a metric of a card, and the heads it was measured on, where the card says `K of N`."""
    metric = card.metrics.get(name)
    counts = re.match(r"\d+ of (\d+)\b", metric.counts) if metric else None
    return (metric.value, int(counts[1])) if metric and counts else None


class Samples:
    """Every sample of a store; the present one is open, or the last that was."""

    def __init__(self, store: Store, engine: Engine, model: wire.Model, settings: Settings) -> None:
        """Raise ModelRefused if a slide is open that another model began."""
        self.store = store
        self._engine = engine
        self._model = model
        self._settings = settings
        self._desk = Desk(store, settings)
        self._reference = read_reference(settings.segmentation.reference)
        self.present: LiveSample | None = None
        self._past: list[Ledger] = []
        """The accounts of the slides that were closed in this process's life."""
        slide = store.open_slide()
        if slide is not None:
            _check_model(slide, model)
            self.present = LiveSample(store, slide, engine, settings)

    def ledgers(self) -> list[Ledger]:
        """Return the account of every slide of this process's life."""
        present = [self.present.ledger] if self.present else []
        return [*self._past, *present]

    def answer(self, parts: list[bytes]) -> wire.ControlReply:
        """Carry out a command; whatever is wrong with it is said in the reply."""
        try:
            request = wire.decode(wire.ControlRequest, parts)
            return wire.ControlReply(samples=self._carry_out(request))
        except (CommandRefused, SettingsError, WireVersionError) as error:
            return wire.ControlReply(error=str(error))

    def _carry_out(self, request: wire.ControlRequest) -> list[wire.SampleSummary]:
        now_ns, words = time.time_ns(), request.words
        match request.action:
            case "start":
                self.start(request.accession, words)
            case "next_slide":
                self.next_slide(request.accession, words)
            case "pause":
                self.pause(words.get("operator", ""))
            case "resume":
                self.resume(words.get("operator", ""))
            case "stop":
                self.stop(words.get("operator", ""))
            case "status":
                pass
            case "list":
                return summaries(self.store)
            case _:
                return self._desk.carry_out(request, now_ns)
        return [self.present.summary(now_ns)] if self.present else []

    def start(self, accession: str, words: dict[str, str]) -> None:
        """Scan the first slide of a sample that is planned, or is now.

        Raise CommandRefused if that cannot be, or if the sample was planned with other facts.
        """
        self._check_free()
        with self.store.transaction():
            planned = [one for one in self.store.samples_of(accession) if one.life == "planned"]
            if planned:
                sample = planned[-1]
                _check_as_planned(sample, words)
            else:
                sample = plan(self.store, self._settings, accession, words, time.time_ns())
            self._begin(sample, 1, after(sample.life, "start", accession))

    def next_slide(self, accession: str, words: dict[str, str]) -> None:
        """Scan a further slide of a sample; raise CommandRefused if that cannot be."""
        self._check_free()
        name = accession or (self.present.sample.id if self.present else self._latest())
        sample = self.store.sample(name)
        with self.store.transaction():
            number = len(self.store.slides(sample.id)) + 1
            self._begin(sample, number, after(sample.life, "next_slide", sample.accession))

    def _latest(self) -> str:
        newest = self.store.newest_slide()
        if newest is None:
            msg = "no sample was begun yet: start one with `zpscope sample start ACCESSION`"
            raise CommandRefused(msg)
        return newest.sample

    def _check_free(self) -> None:
        if self.present is not None and self.present.open:
            msg = (
                f"sample {self.present.sample.accession} is open on this microscope: "
                "stop it first with `zpscope sample stop`"
            )
            raise CommandRefused(msg)

    def _begin(self, sample: SampleRecord, number: int, life: SampleLife) -> None:
        optics = self._settings.optics.model_copy(update={"objective": sample.objective})
        settings = self._settings.model_copy(update={"optics": optics})
        record = SlideRecord(
            id=sample.id if number == 1 else f"{sample.id}.{number}",
            sample=sample.id,
            number=number,
            state="scanning",
            started_ns=time.time_ns(),
            stopped_ns=None,
            model=wire.to_json(self._model),
            settings=settings.model_dump_json(),
            preprocessing=PREPROCESSING_HASH,
            software=version("zpscope"),
            colour=SlideColour.fresh(self._reference).to_json(),
            uncalibrated=why_uncalibrated(settings),
        )
        self.store.add_slide(record)
        self.store.set_life(sample.id, life)
        trail.note(
            self.store,
            sample.operator,
            "scanning",
            sample.id,
            slide=number,
            model=self._model.sha256,
            preprocessing=record.preprocessing,
            software=record.software,
            rules=rules_version(record.tally),
            settings=sha256(record.settings.encode()).hexdigest(),
        )
        if self.present is not None:
            self._past.append(self.present.ledger)
        self.present = LiveSample(self.store, record, self._engine, self._settings)

    def pause(self, operator: str) -> None:
        """Capture no more for a while; raise CommandRefused if nothing is captured."""
        self._opened("scanning", "pause").pause(operator)

    def resume(self, operator: str) -> None:
        """Go on capturing; raise CommandRefused if no slide is paused."""
        self._opened("paused", "resume").resume(operator)

    def stop(self, operator: str) -> None:
        """End the capture of the open slide; raise CommandRefused if none is open."""
        if self.present is None or not self.present.open:
            msg = "no sample is open: start one with `zpscope sample start ACCESSION`"
            raise CommandRefused(msg)
        if self.present.record.state != "closing":
            self.present.stop(operator, time.time_ns())

    def _opened(self, state: str, action: str) -> LiveSample:
        if self.present is None or self.present.record.state != state:
            msg = f"there is nothing to {action}: `zpscope sample status` says what the microscope does"
            raise CommandRefused(msg)
        return self.present


def _check_model(slide: SlideRecord, model: wire.Model) -> None:
    """Raise ModelRefused if another model began an open slide: its result would name one that did not score it all."""
    begun = wire.model_from_json(slide.model)
    if begun.sha256 != model.sha256:
        msg = (
            f"the open slide {slide.id} was begun with {begun.name} {begun.version} ({begun.sha256[:12]}), and this is "
            f"{model.name} {model.version} ({model.sha256[:12]}): start with that model, end the slide with "
            "`zpscope sample stop`, then change it"
        )
        raise ModelRefused(msg)


def _check_as_planned(sample: SampleRecord, words: dict[str, str]) -> None:
    """Raise CommandRefused if a fact is given that the sample was planned without."""
    planned = {name: getattr(sample, name) for name in ("preparation", "stain", "objective", "kind")}
    if other := [name for name, fact in planned.items() if words.get(name, fact) != fact]:
        msg = (
            f"sample {sample.accession} was planned as {', '.join(f'{name} {planned[name]}' for name in other)}: "
            "start it as it was planned, or plan another"
        )
        raise CommandRefused(msg)
