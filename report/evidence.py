"""What a report rests on: one sample as the store holds it, as values. Nothing is counted here."""

from dataclasses import dataclass
from functools import cached_property

from zpscope.daemon.wire import SampleSummary


@dataclass(frozen=True)
class Field:
    """One committed field of view."""

    slide: int
    """Number of the slide, from 1."""
    session: str
    number: int
    """Of the frame in its session."""
    captured_ns: int
    um_per_px: float
    skip: str
    """Reason if it was skipped whole, else empty."""


@dataclass(frozen=True)
class Seen:
    """The scanned part of a slide in one picture."""

    slide: int
    picture: bytes
    """PNG, RGBA: stain and heads; what is not counted is seen through."""
    um_per_px: float
    area_mm2: float
    """Of the part that is counted."""
    seen_twice: float
    """Share of that area that more than one field shows."""


@dataclass(frozen=True)
class Head:
    """One object that was found."""

    field: Field
    name: str
    """What `zpscope sample review` calls it by."""
    x_px: float
    y_px: float
    angle_deg: float
    area_um2: float
    sharpness: float | None
    reason: str
    """Why it does not count, or empty."""
    p: float | None
    """P(ZP-binding), of classified heads."""
    bound: bool
    """By the machine."""
    review: str
    """What a reviewer made of it: `bound`, `unbound`, `excluded`; empty: nothing."""
    crop: bytes | None
    """PNG, 128 x 128, grey; of classified heads."""


@dataclass(frozen=True)
class Evidence:
    """One sample."""

    summary: SampleSummary
    fields: tuple[Field, ...]
    """In the order of capture."""
    heads: tuple[Head, ...]
    """In the order of their fields."""
    seen: tuple[Seen, ...]
    """Of the slides whose fields have a place."""
    um_per_px: tuple[float, ...]
    """Every scale that a field was taken at."""
    preprocessing: tuple[str, ...]
    """sha256 of how crops are made; more than one if slides differ."""
    settings_sha256: tuple[str, ...]
    """Of the settings that each slide was begun with."""
    software: tuple[str, ...]

    @cached_property
    def counted(self) -> tuple[Head, ...]:
        """The n heads of the machine's count."""
        return tuple(head for head in self.heads if not head.reason)
