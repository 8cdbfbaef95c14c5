"""Faults on request: what a simulated camera loses, cuts short, repeats, exchanges, and what its clock does.

Knows numbers of fields and a seed; draws nothing, and counts nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from zpscope.config.settings import Faults

_FARTHEST_JUMP_NS = 3600 * 10**9


@dataclass(frozen=True)
class Delivery:
    """What becomes of one exposure."""

    number: int
    """Of the field that it shows."""
    fate: Literal["whole", "dropped", "truncated", "repeated", "late"] = "whole"
    """`repeated`: the same buffer once more. `late`: handed over after the exposure that followed it."""
    clock_ns: int = 0
    """How far the device's clock is off."""


def deliveries(faults: Faults, seed: int, fields: int | None) -> Iterator[Delivery]:
    """Yield what becomes of every exposure of a scan, in the order in which a driver hears of them."""
    number, clock_ns = 0, 0
    while fields is None or number < fields:
        rng = np.random.default_rng((seed, 13, number))
        kind, jump = rng.uniform(0, 100, 2).tolist()
        if jump < faults.clock_jump_percent:
            clock_ns += int(rng.integers(-_FARTHEST_JUMP_NS, _FARTHEST_JUMP_NS))
        match _kind(faults, kind):
            case "dropped":
                yield Delivery(number, "dropped")
            case "truncated":
                yield Delivery(number, "truncated", clock_ns)
            case "repeated":
                yield Delivery(number, "whole", clock_ns)
                yield Delivery(number, "repeated", clock_ns)
            case "reordered" if number + 1 != fields:
                yield Delivery(number + 1, "whole", clock_ns)
                yield Delivery(number, "late", clock_ns)
                number += 1
            case _:
                yield Delivery(number, "whole", clock_ns)
        number += 1


def _kind(faults: Faults, drawn_percent: float) -> str:
    for kind, percent in (
        ("dropped", faults.dropped_percent),
        ("truncated", faults.truncated_percent),
        ("repeated", faults.repeated_percent),
        ("reordered", faults.reordered_percent),
    ):
        if drawn_percent < percent:
            return kind
        drawn_percent -= percent
    return ""
