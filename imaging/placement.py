"""What a field brings to the map of the slide, and what the map takes from it. Decides nothing."""

from dataclasses import dataclass

from zpscope.imaging.islands import Point
from zpscope.imaging.unique import View


@dataclass(frozen=True)
class Sight:
    """A field as the map sees it, before its heads are looked for."""

    thumbnail: bytes
    """See `thumbnail`."""
    um_per_px: float
    """Of the thumbnail."""
    size_um: Point
    """Width and height of the field."""
    stage_um: Point | None
    """Where the stage says that the field's centre is."""
    detail: float
    """How fine the field's detail is; see `thumbnail.detail`."""


@dataclass(frozen=True)
class Join:
    """Two islands that turned out to be one."""

    island: int
    into: int
    shift_um: Point
    """From the coordinates of the one to those of the other."""


@dataclass(frozen=True)
class Counted:
    """A head seen for the first time, or better than before."""

    index: int
    """In the field."""
    known: int
    """Which head of the slide it is."""
    at_um: Point
    area_um2: float
    sharpness: float


@dataclass(frozen=True)
class Placement:
    """What the map took from one field: all that it needs to be restored."""

    number: int
    """Of the field, from 0, among those placed."""
    island: int
    centre_um: Point
    detail: float
    stage_um: Point | None
    joins: tuple[Join, ...]
    heads: tuple[Counted, ...]
    gone: tuple[View, ...] = ()
    """Earlier views that count no more: a better one is here, or they turned out to be one head."""
