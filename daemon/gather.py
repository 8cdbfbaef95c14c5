"""How long crops wait for others: until a batch is whole, no more frames can come, or the deadline is over.

At high rates the batch is full before the deadline; at low ones the deadline bounds what waiting adds to the
age of a field. Knows no socket; the clock and the next field are given to it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from zpscope.daemon.scoring import ExaminedField


@dataclass(frozen=True)
class Limits:
    """When to wait no longer."""

    crops: int
    """A whole batch."""
    fields: int
    """So many frames the camera gives out before one of them is committed."""
    deadline_s: float
    """Since the first field; 0: only what is there already."""


def gather(
    take: Callable[[float], ExaminedField | None], limits: Limits, clock_s: Callable[[], float]
) -> list[ExaminedField]:
    """Return the fields to classify together; `take` returns the next one if it comes within so many seconds."""
    gathered: list[ExaminedField] = []
    crops = 0
    until_s = 0.0
    while crops < limits.crops and len(gathered) < limits.fields:
        field = take(max(0.0, until_s - clock_s()) if gathered else 0.0)
        if field is None:
            break
        if not gathered:
            until_s = clock_s() + limits.deadline_s
        gathered.append(field)
        crops += len(field.crops)
    return gathered
