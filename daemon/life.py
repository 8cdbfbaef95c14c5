"""The life of a sample: where it may go from where it is. Pure; knows no store and no clock."""

from typing import Literal

from zpscope.config.errors import CommandRefused

Kind = Literal["sample", "negative_control"]
SampleLife = Literal["planned", "scanning", "machine_result", "reviewed", "signed", "amended"]
"""`scanning`: from the start of its first slide to the end of its last. `amended`: reopened after it was signed."""
Step = Literal["start", "next_slide", "end", "review", "sign", "amend"]

_STEPS: dict[Step, dict[SampleLife, SampleLife]] = {
    "start": {"planned": "scanning"},
    "next_slide": {"scanning": "scanning", "machine_result": "scanning"},
    "end": {"scanning": "machine_result"},
    "review": {"machine_result": "reviewed", "reviewed": "reviewed", "amended": "amended"},
    "sign": {"machine_result": "signed", "reviewed": "signed", "amended": "signed"},
    "amend": {"signed": "amended"},
}

_WHY: dict[SampleLife, str] = {
    "planned": "it is not scanned yet: `zpscope sample start`",
    "scanning": "it is being scanned: `zpscope sample stop` ends that",
    "machine_result": "its scan is over: `zpscope sample review` or `sign`, or `next-slide`",
    "reviewed": "it is reviewed: `zpscope sample review` goes on, `sign` ends it",
    "signed": "it is signed: only `zpscope sample amend` reopens it, and the signed result is kept",
    "amended": "it is being amended: `zpscope sample review`, then `sign`",
}


def after(life: SampleLife, step: Step, accession: str) -> SampleLife:
    """Return the life after a step; raise CommandRefused, saying what may be done instead."""
    if life not in _STEPS[step]:
        msg = f"sample {accession} cannot {step.replace('_', '-')}: {_WHY[life]}"
        raise CommandRefused(msg)
    return _STEPS[step][life]
