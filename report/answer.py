"""What a report says of a sample: the answer, or why there is none. Pure words over the summary.

While an answer is withheld, nothing here holds the percentage against the threshold, and no threshold is given.
"""

from dataclasses import dataclass
from typing import Literal

from zpscope.daemon.wire import SampleSummary

State = Literal["collecting", "above", "below", "indeterminate", "invalid"]
Status = Literal["preliminary", "final", "amended"]


@dataclass(frozen=True)
class Answer:
    """The answer of one sample."""

    state: State
    status: Status
    """Of the report: final once it is signed."""
    headline: str
    reasons: tuple[str, ...]
    """Why it is withheld, or what is missing."""
    threshold_percent: float | None
    """What the percentage may be held against; None while an answer is withheld."""


def answer_of(sample: SampleSummary) -> Answer:
    """Return the answer."""
    reasons: list[str] = []
    if sample.model.demonstration:
        reasons.append("the model is a demonstration model: it knows nothing of real heads")
    if sample.uncalibrated:
        reasons.append(f"the scale is not calibrated: {sample.uncalibrated}")
    reasons.append("the preparation of the specimen, its stain and the controls are not recorded")
    return Answer("invalid", "preliminary", "No answer", tuple(reasons), None)
