"""The way of one frame from pixels to scores: decode, segment, gate, place, unique, crop, classify.

The same for live and recorded fields, so that both give the same heads. Knows no socket, no clock and no store.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import FieldRefused
from zpscope.daemon.ledger import FieldCount
from zpscope.daemon.wire import FrameMessage
from zpscope.engines.engine import Engine
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.crop import CROP_PX, cut_crops
from zpscope.imaging.decode import decode
from zpscope.imaging.examine import examine
from zpscope.imaging.heads import Heads
from zpscope.imaging.place import slide_positions_um
from zpscope.imaging.unique import CountedHeads

DUPLICATE = "duplicate"
"""Reason of a head that was counted in an earlier, overlapping field."""
REFUSED = "refused"
"""Reason of a field that cannot be examined honestly."""
_NO_CROPS = np.empty((0, CROP_PX, CROP_PX), np.uint8)


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
    """(N, 2) slide positions in µm, None without a stage."""
    crops: NDArray[np.uint8]
    """(A, 128, 128) of the accepted heads, in order."""
    colour: SlideColour
    """The slide's colour model after this field."""
    remark: str = ""
    """Why the field was refused, in words."""


@dataclass(frozen=True)
class ScoredObject:
    """One object of a scored field."""

    index: int
    """Its place in `Heads`."""
    reason: str
    """Empty if classified; then the other three are there."""
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

    @property
    def bound(self) -> NDArray[np.bool_]:
        """(A,) the class: the more probable of the two, as in the paper."""
        return self.p > 0.5

    @property
    def count(self) -> FieldCount:
        """What the field adds to the ledger."""
        heads = self.examined.heads
        return FieldCount(self.examined.skip, heads.reason if heads else (), int(self.bound.sum()))

    def objects(self) -> Iterator[ScoredObject]:
        """Yield every object found, with the scores of those that were classified."""
        scores = zip(map(float, self.p), map(bool, self.bound), self.examined.crops, strict=True)
        for i, reason in enumerate(self.examined.heads.reason if self.examined.heads else ()):
            yield ScoredObject(i, reason, None, None, None) if reason else ScoredObject(i, "", *next(scores))


class Scorer:
    """The stages over the fields of one slide, in the order in which they were captured."""

    def __init__(self, engine: Engine, batch: int, colour: SlideColour, counted: CountedHeads) -> None:
        self._engine = engine
        self._batch = batch
        self._colour = colour
        self._counted = counted

    def examine(self, header: FrameMessage, pixels: NDArray[np.uint8]) -> ExaminedField:
        """Find, gate and cut the heads of the next field."""
        field = decode(pixels, header.layout)
        try:
            examination = examine(field, header.um_per_px, self._colour)
        except FieldRefused as error:
            return ExaminedField(header, field, REFUSED, None, None, _NO_CROPS, self._colour, str(error))
        self._colour = examination.colour
        if examination.skip:
            return ExaminedField(header, field, examination.skip, None, None, _NO_CROPS, self._colour)
        heads, slide_um = examination.heads, None
        if header.stage_um is not None:
            shape_px = (header.height_px, header.width_px)
            slide_um = slide_positions_um(heads.centre_px, shape_px, header.stage_um, header.um_per_px)
            heads = self._unique(heads, slide_um)
        crops = cut_crops(field, heads, header.um_per_px)
        return ExaminedField(header, field, "", heads, slide_um, crops, self._colour)

    def classify(self, fields: Sequence[ExaminedField]) -> list[ScoredField]:
        """Score the accepted heads of several fields together."""
        crops = np.concatenate([field.crops for field in fields]) if fields else _NO_CROPS
        starts = range(0, len(crops), self._batch)
        parts = [self._engine.classify(crops[start : start + self._batch]) for start in starts]
        p = np.concatenate(parts) if parts else np.empty(0, np.float32)
        ends = np.cumsum([len(field.crops) for field in fields])
        return [
            ScoredField(field, p[end - len(field.crops) : end])
            for field, end in zip(fields, ends, strict=True)
        ]

    def _unique(self, heads: Heads, slide_um: NDArray[np.float64]) -> Heads:
        candidates = np.flatnonzero(heads.accepted)
        again = set(candidates[self._counted.take(slide_um[candidates])].tolist())
        return replace(
            heads, reason=tuple(DUPLICATE if i in again else r for i, r in enumerate(heads.reason))
        )
