"""The samples of one store, as commands see them: start, stop, status, list.

One sample is open at a time. Knows the store and the open sample; knows no socket.
"""

import re
import secrets
import time
from importlib.metadata import version

from zpscope.config.errors import CommandRefused, WireVersionError
from zpscope.config.settings import Settings
from zpscope.daemon import wire
from zpscope.daemon.calibration import why_uncalibrated
from zpscope.daemon.ledger import Ledger
from zpscope.daemon.live_sample import LiveSample
from zpscope.daemon.store import SampleRecord, Store
from zpscope.daemon.summary import summarise
from zpscope.engines.bundle import Bundle
from zpscope.engines.engine import Engine
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.crop import PREPROCESSING_HASH

_ACCESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def model_of(bundle: Bundle, runtime: str) -> wire.Model:
    """Return what results say of the model that made them."""
    card = bundle.card
    return wire.Model(
        name=card.name,
        version=card.version,
        sha256=bundle.sha256,
        demonstration=card.demonstration,
        runtime=runtime,
    )


class Samples:
    """Every sample of a store; the present one is open, or the last that was."""

    def __init__(self, store: Store, engine: Engine, model: wire.Model, settings: Settings) -> None:
        self.store = store
        self._engine = engine
        self._model = model
        self._settings = settings
        self.present: LiveSample | None = None
        self._past: dict[str, Ledger] = {}
        for record in store.samples():
            if record.state in ("scanning", "closing"):
                self.present = LiveSample(store, record, engine, settings)
            else:
                self._past[record.id] = store.ledger(record.id)

    def ledgers(self) -> list[Ledger]:
        """Return the account of every sample."""
        present = [self.present.ledger] if self.present else []
        return [*self._past.values(), *present]

    def answer(self, parts: list[bytes]) -> wire.ControlReply:
        """Carry out a command; whatever is wrong with it is said in the reply."""
        try:
            request = wire.decode(wire.ControlRequest, parts)
            match request.action:
                case "start":
                    self.start(request.accession)
                case "stop":
                    self.stop()
                case "status" | "list":
                    pass
        except (CommandRefused, WireVersionError) as error:
            return wire.ControlReply(error=str(error))
        if request.action == "list":
            return wire.ControlReply(samples=summaries(self.store, self._settings))
        return wire.ControlReply(samples=[self.present.summary] if self.present else [])

    def start(self, accession: str) -> None:
        """Open a sample; raise CommandRefused if one is open or the accession will not do."""
        if self.present is not None and self.present.open:
            msg = (
                f"sample {self.present.record.accession} is open on this microscope: "
                "stop it first with `zpscope sample stop`"
            )
            raise CommandRefused(msg)
        if not _ACCESSION.fullmatch(accession):
            msg = (
                f"accession {accession!r} will not do: give a pseudonymous code of 1 to 64 letters, digits, "
                "dots, dashes and underscores, never a name"
            )
            raise CommandRefused(msg)
        if self.present is not None:
            self._past[self.present.record.id] = self.present.ledger
        now_ns = time.time_ns()
        record = SampleRecord(
            id=f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now_ns // 10**9))}-{secrets.token_hex(3)}",
            accession=accession,
            state="scanning",
            started_ns=now_ns,
            stopped_ns=None,
            model=wire.to_json(self._model),
            settings=self._settings.model_dump_json(),
            preprocessing=PREPROCESSING_HASH,
            software=version("zpscope"),
            colour=SlideColour.fresh().to_json(),
            uncalibrated=why_uncalibrated(self._settings),
        )
        self.store.add_sample(record)
        self.present = LiveSample(self.store, record, self._engine, self._settings)

    def stop(self) -> None:
        """End the capture of the open sample; raise CommandRefused if none is open."""
        if self.present is None or not self.present.open:
            msg = "no sample is open: start one with `zpscope sample start ACCESSION`"
            raise CommandRefused(msg)
        if self.present.record.state == "scanning":
            self.present.stop(time.time_ns())


def summaries(store: Store, settings: Settings) -> list[wire.SampleSummary]:
    """Return every sample of a store, oldest first."""
    return [summarise(record, store.ledger(record.id), settings.tally) for record in store.samples()]
