"""What is done to samples at a desk: planned, reviewed, signed, amended, listed.

Each is one transaction, with its entry in the trail. It works on an open store, whether the inference process holds
it or, while that is not running, a command. Knows no camera and no model.
"""

import secrets
import time

from zpscope.config.errors import CommandRefused, PeerRefused
from zpscope.config.settings import Settings
from zpscope.daemon import trail, wire
from zpscope.daemon.accession import checked
from zpscope.daemon.sockets import command
from zpscope.daemon.store import SampleRecord, Store, open_store
from zpscope.daemon.summary import summarise


class Desk:
    """The desk of one store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def carry_out(self, request: wire.ControlRequest, now_ns: int) -> list[wire.SampleSummary]:
        """Do what is asked; raise CommandRefused, changing nothing, if it may not be done."""
        match request.action:
            case "plan":
                sample = plan(self._store, self._settings, request.accession, request.words, now_ns)
                return [summary_of(self._store, sample)]
            case _:
                msg = f"{request.action} is for the inference process: start `zpscope run`"
                raise CommandRefused(msg)


def plan(
    store: Store, settings: Settings, accession: str, words: dict[str, str], now_ns: int
) -> SampleRecord:
    """Write down a sample and its facts; raise CommandRefused if one is missing, or says who the person is."""
    checked(accession, time.gmtime(now_ns // 10**9).tm_year)
    specimen = settings.specimen
    facts = {
        "preparation": words.get("preparation") or specimen.preparation,
        "stain": words.get("stain") or specimen.stain,
        "objective": words.get("objective") or settings.optics.objective,
        "operator": words.get("operator") or specimen.operator,
    }
    if missing := [name for name, fact in facts.items() if not fact]:
        msg = (
            f"sample {accession} lacks its {' and '.join(missing)}: give {' '.join(f'--{name}' for name in missing)}, "
            "or set them for all samples in [specimen] and [optics] of the settings"
        )
        raise CommandRefused(msg)
    if any(one.life == "planned" for one in store.samples_of(accession)):
        msg = f"sample {accession} is planned already: `zpscope sample start {accession}`"
        raise CommandRefused(msg)
    sample = SampleRecord(
        id=f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now_ns // 10**9))}-{secrets.token_hex(3)}",
        accession=accession,
        kind="negative_control" if words.get("kind") == "negative_control" else "sample",
        life="planned",
        planned_ns=now_ns,
        preparation=str(facts["preparation"]),
        stain=str(facts["stain"]),
        objective=str(facts["objective"]),
        um_per_px=settings.camera.um_per_px,
        operator=str(facts["operator"]),
    )
    with store.transaction():
        store.add_sample(sample)
        trail.note(
            store,
            sample.operator,
            "planned",
            sample.id,
            accession=accession,
            kind=sample.kind,
            um_per_px=sample.um_per_px,
            **facts,
        )
    return sample


def summary_of(store: Store, sample: SampleRecord) -> wire.SampleSummary:
    """Return a sample as it stands: the machine's result as it was kept, and what a review came to."""
    if sample.machine and sample.life not in ("planned", "scanning"):
        result = wire.summary_from_json(sample.machine)
    else:
        result = summarise(sample, [(slide, store.ledger(slide.id)) for slide in store.slides(sample.id)])
    signed = store.rows(
        "SELECT slide, version, at_ns, signer, meaning FROM signature WHERE sample = ? ORDER BY version, slide",
        sample.id,
    )
    return wire.with_review(
        result,
        sample.life,
        wire.reviewed_from_json(sample.reviewed) if sample.reviewed else None,
        [
            wire.Signature(slide=s, version=v, at_ns=at_ns, signer=by, meaning=why)
            for s, v, at_ns, by, why in signed
        ],
    )


def summaries(store: Store) -> list[wire.SampleSummary]:
    """Return every sample of a store, oldest first."""
    return [summary_of(store, sample) for sample in store.samples()]


def ask(settings: Settings, request: wire.ControlRequest) -> list[wire.SampleSummary]:
    """Have a request carried out by the inference process, or in the store itself while that is not running."""
    try:
        return command(settings.wire.control, request)
    except PeerRefused:
        with open_store(settings.store.path) as store:
            return Desk(store, settings).carry_out(request, time.time_ns())
