"""The way of one frame from pixels to scores: decode, look, segment, gate, place, unique, crop, classify.

The same for live and recorded fields, so that both give the same heads. Knows no socket, no clock and no store.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import FieldRefused
from zpscope.config.settings import Tally
from zpscope.counting.field_counts import Cell
from zpscope.daemon.ledger import SUPERSEDED, UNMAPPED, FieldCount
from zpscope.daemon.skips import remedy
from zpscope.daemon.wire import FrameMessage
from zpscope.engines.engine import Engine
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.crop import CROP_PX, cut_crops
from zpscope.imaging.dust import sightings, without_dust
from zpscope.imaging.examine import examine
from zpscope.imaging.heads import Heads
from zpscope.imaging.pixels import OpenCvPixels, OpenPixels
from zpscope.imaging.place import in_frame, offsets_um
from zpscope.imaging.placement import Placement, Sight
from zpscope.imaging.slide_map import Look, SlideMap
from zpscope.imaging.thumbnail import detail, shrunk_times, thumbnail

DUPLICATE = "duplicate"
"""Reason of a head that an earlier, overlapping field shows as well or better."""
OUTSIDE_FRAME = "outside_frame"
"""Reason of a head so near to the border that its size would decide whether it is whole."""
STATIONARY = "stationary"
"""Reason of a field that shows again what the one before it showed."""
REFUSED = "refused"
"""Reason of a field that cannot be examined honestly."""
_NO_CROPS = np.empty((0, CROP_PX, CROP_PX), np.uint8)
_NOTHING_BEFORE = np.empty((0, 3))


@dataclass(frozen=True)
class ExaminedField:
    """A frame with its heads, before classification."""

    header: FrameMessage
    pixels: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    skip: str
    """Reason if the whole field is skipped, else empty."""
    heads: Heads | None
    """None if the field is skipped."""
    slide_um: NDArray[np.float64] | None
    """(N, 2) positions in µm, in the coordinates of the field's island."""
    crops: NDArray[np.uint8]
    """(A, 128, 128) of the accepted heads, in order."""
    colour: SlideColour
    """The slide's colour model after this field."""
    remark: str = ""
    """Why the field was refused or skipped, and what to do, in words."""
    placement: Placement | None = None
    """Where it lies, and which heads count from it; None if it is skipped."""
    thumbnail: bytes = b""
    """What it is recognised by; see `imaging.thumbnail`."""


@dataclass(frozen=True)
class ScoredObject:
    """One object of a scored field."""

    index: int
    """Its place in `Heads`."""
    reason: str
    """Empty if it counts; the other three are there if it does, or did."""
    p: float | None
    bound: bool | None
    crop: NDArray[np.uint8] | None
    """(128, 128)."""


@dataclass(frozen=True)
class ScoredField:
    """An examined field and the scores of its accepted heads."""

    examined: ExaminedField
    p: NDArray[np.float32]
    """(A,) P(ZP-binding)."""
    margin: float
    """A head whose probability is this near to one half is unsure."""
    superseded: frozenset[int] = frozenset()
    """Of the heads that counted, those that a later field showed better, by their place in `Heads`."""

    @property
    def bound(self) -> NDArray[np.bool_]:
        """(A,) the class: the more probable of the two, as in the paper."""
        return self.p > 0.5

    @property
    def count(self) -> FieldCount:
        """What the field adds to the ledger."""
        heads, placement = self.examined.heads, self.examined.placement
        joins = placement.joins if placement else ()
        return FieldCount(
            self.examined.skip,
            heads.reason if heads else (),
            self.cell(),
            placement.island if placement else UNMAPPED,
            tuple((join.island, join.into) for join in joins),
        )

    def cell(self) -> Cell:
        """Return its heads that count."""
        left = [head for head in self.objects() if not head.reason]
        unsure = [head.bound for head in left if head.p is not None and abs(head.p - 0.5) < self.margin]
        return Cell(sum(bool(head.bound) for head in left), len(left), sum(map(bool, unsure)), len(unsure))

    def objects(self) -> Iterator[ScoredObject]:
        """Yield every object found, with the scores of those that were classified."""
        scores = zip(map(float, self.p), map(bool, self.bound), self.examined.crops, strict=True)
        for i, reason in enumerate(self.examined.heads.reason if self.examined.heads else ()):
            if reason:
                yield ScoredObject(i, reason, None, None, None)
            else:
                yield ScoredObject(i, SUPERSEDED if i in self.superseded else "", *next(scores))


class Scorer:
    """The stages over the fields of one slide, in the order in which they were captured."""

    def __init__(
        self,
        engine: Engine,
        batch: int,
        tally: Tally,
        colour: SlideColour,
        slide: SlideMap,
        open_pixels: OpenPixels = OpenCvPixels.opened,
        before: NDArray[np.float64] = _NOTHING_BEFORE,
    ) -> None:
        """Before (N, 3): what the last placed field showed; see `imaging.dust.sightings`."""
        self._before = before
        self._open_pixels = open_pixels
        self._engine = engine
        self._batch = batch
        self._margin = tally.unidentified_percent / 100
        self._colour = colour
        self._slide = slide

    def examine(self, header: FrameMessage, pixels: NDArray[np.uint8]) -> ExaminedField:
        """Find, gate and cut the heads of the next field."""
        opened = self._open_pixels(pixels, header.layout)
        field = opened.levels()
        look = self._slide.look(_sight(header, field))
        if look.still:
            self._slide.search(look)
            return ExaminedField(header, field, STATIONARY, None, None, _NO_CROPS, self._colour)
        try:
            examination = examine(opened, header.um_per_px, self._colour)
        except FieldRefused as error:
            return ExaminedField(header, field, REFUSED, None, None, _NO_CROPS, self._colour, str(error))
        self._colour = examination.colour
        if skip := examination.skip:
            return ExaminedField(header, field, skip, None, None, _NO_CROPS, self._colour, remedy(skip))
        found = without_dust(examination.heads, self._before)
        self._before = sightings(found)
        heads, placement = self._place(look, found, header.um_per_px)
        around_um = offsets_um(heads.centre_px, (header.height_px, header.width_px), header.um_per_px)
        crops = cut_crops(opened, heads, header.um_per_px)
        return ExaminedField(
            header,
            field,
            "",
            heads,
            around_um + placement.centre_um,
            crops,
            self._colour,
            placement=placement,
            thumbnail=look.sight.thumbnail,
        )

    def classify(self, fields: Sequence[ExaminedField]) -> list[ScoredField]:
        """Score the accepted heads of several fields together."""
        crops = np.concatenate([field.crops for field in fields]) if fields else _NO_CROPS
        starts = range(0, len(crops), self._batch)
        parts = [self._engine.classify(crops[start : start + self._batch]) for start in starts]
        p = np.concatenate(parts) if parts else np.empty(0, np.float32)
        ends = np.cumsum([len(field.crops) for field in fields])
        return [
            ScoredField(field, p[end - len(field.crops) : end], self._margin)
            for field, end in zip(fields, ends, strict=True)
        ]

    def _place(self, look: Look, heads: Heads, um_per_px: float) -> tuple[Heads, Placement]:
        """Return where the field lies, and its heads with a reason for each that does not count from it."""
        around_um = offsets_um(heads.centre_px, heads.field_px, um_per_px)
        framed = in_frame(around_um, look.sight.size_um)
        may = np.flatnonzero(heads.accepted & framed)
        placement = self._slide.place(look, may, around_um[may], heads.area_um2[may], heads.sharpness[may])
        counted = {head.index for head in placement.heads}
        reasons = (
            reason or ("" if i in counted else DUPLICATE if framed[i] else OUTSIDE_FRAME)
            for i, reason in enumerate(heads.reason)
        )
        return replace(heads, reason=tuple(reasons)), placement


def _sight(header: FrameMessage, field: NDArray[np.uint8]) -> Sight:
    scale = header.um_per_px
    return Sight(
        thumbnail=thumbnail(field, scale),
        um_per_px=scale * shrunk_times(scale),
        size_um=(header.width_px * scale, header.height_px * scale),
        stage_um=header.stage_um,
        detail=detail(field),
    )


def gone_by_field(placement: Placement | None) -> dict[int, frozenset[int]]:
    """Return the heads that a field shows better than earlier ones: by the number of those, their places there."""
    gone = defaultdict[int, set[int]](set)
    for view in placement.gone if placement else ():
        gone[view.field].add(view.index)
    return {number: frozenset(indices) for number, indices in gone.items()}
