"""Signing a sample, and reopening one that is signed: who, with their secret entered anew, and what must come first.

Knows the store.
"""

from dataclasses import replace

from zpscope.config.errors import CommandRefused
from zpscope.config.settings import Settings
from zpscope.counting.replicates import disagree
from zpscope.daemon import trail, wire
from zpscope.daemon.life import after
from zpscope.daemon.listing import summary_of
from zpscope.daemon.people import identify
from zpscope.daemon.reviewing import counted_heads
from zpscope.daemon.seal import seal
from zpscope.daemon.store import SampleRecord, Store


def sign(
    store: Store, settings: Settings, sample: SampleRecord, words: dict[str, str], now_ns: int
) -> wire.SampleSummary:
    """Sign a slide or the whole sample; with the last signature that is asked for, it is closed and sealed."""
    life = after(sample.life, "sign", sample.accession)
    signer, secret, meaning = given(words, "signer", "secret", "meaning")
    identify(store, signer, secret)
    slides = [slide.number for slide in store.slides(sample.id)]
    _check_complete(store, sample)
    version = 1 + _amended(store, sample)
    slide = int(words["slide"]) if words.get("slide", "").isdecimal() else 0
    before = dict(
        store.rows("SELECT slide, signer FROM signature WHERE sample = ? AND version = ?", sample.id, version)
    )
    if settings.review.signers == 1:
        wanted = {0}
    else:
        wanted = set(slides)
        _check_second_person(settings, slides, before, slide, signer)
    if slide not in wanted or slide in before:
        msg = f"sample {sample.accession} waits for a signature of {_slides(wanted - set(before))}: give --slide"
        raise CommandRefused(msg)
    with store.transaction():
        store.write(
            "INSERT INTO signature VALUES (?, ?, ?, ?, ?, ?)",
            *(sample.id, slide, version, now_ns, signer, meaning),
        )
        facts: dict[str, object] = {"slide": slide, "version": version, "meaning": meaning}
        if set(before) | {slide} == wanted:
            sample = replace(sample, life=life)
            store.set_life(sample.id, life)
            facts |= {"seal": seal(store, sample.id), "reviewed": sample.reviewed}
        trail.note(store, signer, "signed", sample.id, **facts)
    return summary_of(store, sample)


def _check_complete(store: Store, sample: SampleRecord) -> None:
    """Raise CommandRefused if something must be looked at before anybody signs."""
    machine = summary_of(store, sample)
    if machine.in_flight:
        msg = f"sample {sample.accession}: {machine.in_flight} fields are not accounted for yet"
        raise CommandRefused(msg)
    if disagree(machine.verdict.agreement, machine.rules["replicates_percent"]):
        msg = f"sample {sample.accession}: its slides disagree: scan a further slide, or repeat the sample"
        raise CommandRefused(msg)
    margin = machine.rules["unidentified_percent"] / 100
    unseen = [
        head.name for head in counted_heads(store, sample) if abs(head.p - 0.5) < margin and not head.reviewed
    ]
    if unseen:
        msg = (
            f"sample {sample.accession}: nobody looked at {len(unseen)} unidentified heads "
            f"({', '.join(unseen[:5])}): say what they are with `zpscope sample review`"
        )
        raise CommandRefused(msg)


def _check_second_person(
    settings: Settings, slides: list[int], before: dict[int, str], slide: int, signer: str
) -> None:
    if len(slides) < settings.review.signers:
        msg = "two persons sign for two slides: scan a second one with `zpscope sample next-slide`"
        raise CommandRefused(msg)
    last = set(slides) - set(before) == {slide}
    if last and set(before.values()) == {signer}:
        msg = f"{signer} signed for every other slide: another person signs for this one"
        raise CommandRefused(msg)


def amend(store: Store, sample: SampleRecord, words: dict[str, str]) -> wire.SampleSummary:
    """Reopen a signed sample for review; what was signed stays in the trail."""
    life = after(sample.life, "amend", sample.accession)
    signer, secret, reason = given(words, "signer", "secret", "reason")
    identify(store, signer, secret)
    with store.transaction():
        store.set_life(sample.id, life)
        trail.note(store, signer, "amended", sample.id, reason=reason, reviewed=sample.reviewed)
    return summary_of(store, replace(sample, life=life))


def _amended(store: Store, sample: SampleRecord) -> int:
    times: int = store.rows(
        "SELECT count(*) FROM audit WHERE json_extract(entry, '$.sample') = ? "
        "AND json_extract(entry, '$.action') = 'amended'",
        sample.id,
    )[0][0]
    return times


def given(words: dict[str, str], *names: str) -> list[str]:
    """Return words that an action cannot do without; raise CommandRefused naming those that are missing."""
    if missing := [name for name in names if not words.get(name, "").strip()]:
        msg = f"say also {' and '.join(f'--{name}' for name in missing)}"
        raise CommandRefused(msg)
    return [words[name].strip() for name in names]


def _slides(numbers: set[int]) -> str:
    return " and ".join(f"slide {number}" for number in sorted(numbers)) if numbers - {0} else "the sample"
