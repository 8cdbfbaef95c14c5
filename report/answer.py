"""What a report says of a sample: the answer, or why there is none. Pure words over the summary.

While an answer is withheld, nothing here holds the percentage against the threshold, and no threshold is given.
"""

from dataclasses import dataclass
from typing import Literal

from zpscope.counting.verdict import State
from zpscope.daemon.wire import SampleSummary

Status = Literal["preliminary", "final", "amended"]
"""As FHIR has it: `final` once the whole sample is signed, `amended` once it is signed anew."""


@dataclass(frozen=True)
class Answer:
    """The answer of one sample."""

    state: State
    status: Status
    headline: str
    reasons: tuple[str, ...]
    """Why it is withheld, or what is missing."""
    threshold_percent: float | None
    """What the percentage may be held against; None while an answer is withheld."""

    @property
    def decided(self) -> bool:
        """It lies on one side: only then is any percentage said to be above the threshold or not."""
        return self.state in ("above", "below")


def answer_of(sample: SampleSummary) -> Answer:
    """Return the answer."""
    said = sample.verdict
    withheld = said.state == "invalid"
    return Answer(
        state=said.state,
        status=_status(sample),
        headline=_headline(sample),
        reasons=said.reasons,
        threshold_percent=None if withheld else sample.threshold_percent,
    )


def _status(sample: SampleSummary) -> Status:
    versions = [one.version for one in sample.signatures if one.slide == 0]
    if sample.life != "signed" or not versions:
        return "preliminary"
    return "amended" if max(versions) > 1 else "final"


def _headline(sample: SampleSummary) -> str:
    said, threshold = sample.verdict, f"{sample.threshold_percent:g} %"
    provisional = "" if said.final else " (provisional)"
    match said.state:
        case "invalid":
            return "No answer"
        case "collecting":
            return "No answer yet"
        case "above":
            return f"Above {threshold}{provisional}"
        case "below":
            return f"At or below {threshold}{provisional}"
        case "indeterminate":
            return f"Indeterminate: the count does not tell which side of {threshold} it is on"
