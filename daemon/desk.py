"""What is done to samples at a desk: planned, reviewed, signed, amended, listed.

Each is one transaction, with its entry in the trail. It works on an open store, whether the inference process holds
it or, while that is not running, a command. Knows no camera and no model.
"""

import secrets
import time
from dataclasses import replace

from zpscope.config.errors import CommandRefused, PeerRefused
from zpscope.config.settings import Settings
from zpscope.daemon import trail, wire
from zpscope.daemon.accession import checked
from zpscope.daemon.controls import Control, controls_of, put_control
from zpscope.daemon.life import after
from zpscope.daemon.listing import summary_of
from zpscope.daemon.people import enrol
from zpscope.daemon.reviewing import counted_heads, head_named, reviewed_result
from zpscope.daemon.signing import amend, given, sign
from zpscope.daemon.sockets import command
from zpscope.daemon.store import SampleRecord, Store, open_store

_DAY_NS = 86_400_000_000_000


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
            case "review":
                return [self._review(self._store.sample(request.accession), request.words, now_ns)]
            case "sign":
                return [
                    sign(
                        self._store,
                        self._settings,
                        self._store.sample(request.accession),
                        request.words,
                        now_ns,
                    )
                ]
            case "amend":
                return [amend(self._store, self._store.sample(request.accession), request.words)]
            case "self_test":
                self._keep_self_test(request.words, now_ns)
                return []
            case "purge":
                return self._purge(request.words, now_ns)
            case "enrol":
                enrol(
                    self._store, request.words.get("operator", ""), *given(request.words, "signer", "secret")
                )
                return []
            case _:
                msg = f"{request.action} is for the inference process: start `zpscope run`"
                raise CommandRefused(msg)

    def _keep_self_test(self, words: dict[str, str], now_ns: int) -> None:
        """Compare what the reference slide gave with what it gave when it was first scored by this model."""
        operator, source, model, k, n = given(words, "operator", "source", "model", "k", "n")
        if not (k.isdecimal() and n.isdecimal()):
            msg = f"{k} of {n} heads are no counts: run `zpscope control test`"
            raise CommandRefused(msg)
        first = [one for one in controls_of(self._store, "self_test", model) if one.source == source][:1]
        seen = f"{k} of {n} heads bound on {source}"
        if not first:
            passed, said = int(n) > 0, f"{seen}: the reference from now on"
        else:
            passed = (first[0].k, first[0].n) == (int(k), int(n))
            said = (
                f"{seen}, as ever"
                if passed
                else f"{seen}, and {first[0].k} of {first[0].n} when it was first scored"
            )
        put_control(
            self._store, operator, Control("self_test", now_ns, source, model, int(k), int(n), passed, said)
        )

    def _purge(self, words: dict[str, str], now_ns: int) -> list[wire.SampleSummary]:
        """Remove the pictures of old samples; figures, results and the trail stay."""
        operator, days = given(words, "operator", "days")
        if not days.isdecimal():
            msg = f"--days {days} will not do: give a whole number of days"
            raise CommandRefused(msg)
        purged: list[wire.SampleSummary] = []
        for sample in self._store.with_pictures(now_ns - int(days) * _DAY_NS):
            with self._store.transaction():
                self._store.remove_pictures(sample.id)
                trail.note(self._store, operator, "purged", sample.id, days=int(days))
            purged.append(summary_of(self._store, sample))
        return purged

    def _review(self, sample: SampleRecord, words: dict[str, str], now_ns: int) -> wire.SampleSummary:
        """Reclassify, exclude, restore or confirm one head."""
        life = after(sample.life, "review", sample.accession)
        name, verb, reason, actor = given(words, "head", "verb", "reason", "operator")
        head = head_named(list(counted_heads(self._store, sample)), name)
        new = {"bound": "bound", "unbound": "unbound", "excluded": "excluded", "restored": head.machine}.get(
            verb
        )
        if new is None or (verb == "restored" and head.now != "excluded"):
            msg = f"head {name} is {head.now}: it can be bound, unbound or excluded, and restored once it is excluded"
            raise CommandRefused(msg)
        with self._store.transaction():
            self._store.write(
                "INSERT INTO review VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(sample.id, head.field, head.head, now_ns, actor, head.now, new, reason),
            )
            sample = replace(sample, life=life, reviewed=wire.to_json(reviewed_result(self._store, sample)))
            self._store.set_life(sample.id, life)
            self._store.put_reviewed_result(sample.id, sample.reviewed)
            trail.note(
                self._store, actor, "review", sample.id, head=name, old=head.now, new=new, reason=reason
            )
        return summary_of(self._store, sample)


def plan(
    store: Store, settings: Settings, accession: str, words: dict[str, str], now_ns: int
) -> SampleRecord:
    """Write down a sample and its facts.

    Raise CommandRefused if one is missing or says who the person is, or if a sample of this accession is planned or
    being scanned already.
    """
    checked(accession, time.gmtime(now_ns // 10**9).tm_year, settings.specimen.no_names)
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
    lives = {one.life for one in store.samples_of(accession)}
    if "scanning" in lives:
        msg = (
            f"sample {accession} is being scanned: give another accession, or end that scan first "
            "with `zpscope sample stop`"
        )
        raise CommandRefused(msg)
    if "planned" in lives:
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


def ask(settings: Settings, request: wire.ControlRequest) -> list[wire.SampleSummary]:
    """Have a request carried out by the inference process, or in the store itself while that is not running."""
    try:
        return command(settings.wire.control, request)
    except PeerRefused:
        with open_store(settings.store.path) as store:
            return Desk(store, settings).carry_out(request, time.time_ns())
