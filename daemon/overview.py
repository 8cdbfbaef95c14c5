"""The overview of a sample's slide, painted from what the store keeps of each field, a few fields at a time.

The thumbnails in the store are its tiles: nothing is kept twice, and a process that starts anew paints it again. Knows
the store and the map; no socket and no clock.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.daemon.store import Store
from zpscope.daemon.wire import OverviewMessage
from zpscope.imaging.overview import Overview, lay_out
from zpscope.imaging.slide_map import SlideMap
from zpscope.imaging.thumbnail import shrunk_times, stain_of

MOST_PX = 1024
_WEBP = (cv2.IMWRITE_WEBP_QUALITY, 75)


class OverviewPainter:
    """Paints the overview of one sample as its fields are committed."""

    def __init__(self, store: Store, sample: str, slide: SlideMap, most_px: int = MOST_PX) -> None:
        self._store = store
        self._sample = sample
        self._slide = slide
        self._most_px = most_px
        self._overview: Overview | None = None
        self._main = 0
        self._places = slide.fields[:0].copy()
        """Of the painted fields, as they were painted."""
        self._size_um: tuple[float, float] | None = None

    def paint(self, committed: int, main: int, most: int) -> bool:
        """Paint up to `most` of the first `committed` fields of the map; return whether anything changed.

        main: the island that counts. All is painted anew when islands were joined or the picture needs more room.
        """
        places = self._slide.fields[:committed].copy()
        if not len(places):
            return False
        self._size_um = self._size_um or self._field_size_um()
        centres_um = self._slide.centres_um[:committed]
        layout = lay_out(places["island"], centres_um, self._size_um, main, self._most_px)
        painted = len(self._places)
        moved = main != self._main or not np.array_equal(places[:painted], self._places)
        if self._overview is None or moved or layout != self._overview.layout:
            self._overview, self._main, painted = Overview(layout, main), main, 0
        until = min(committed, painted + most)
        for number in range(painted, until):
            self._paint_field(self._overview, number, places[number])
        self._places = places[:until]
        return until > painted

    def _field_size_um(self) -> tuple[float, float]:
        first = self._store.placed_field(self._sample, 0)
        height, width = stain_of(first.thumbnail).shape
        um_per_px = first.um_per_px * shrunk_times(first.um_per_px)
        return width * um_per_px, height * um_per_px

    def _paint_field(self, overview: Overview, number: int, place: NDArray[np.void]) -> None:
        shown = self._store.placed_field(self._sample, number)
        island, centre_um = int(place["island"]), (float(place["x_um"]), float(place["y_um"]))
        stain = stain_of(shown.thumbnail)
        overview.paint(island, centre_um, stain, shown.um_per_px * shrunk_times(shown.um_per_px))
        overview.mark(island, shown.heads_um + centre_um, shown.bound)

    @property
    def picture(self) -> Overview | None:
        """What is painted so far."""
        return self._overview

    def message(self, fields: int) -> tuple[OverviewMessage, bytes] | None:
        """Return the message, of `fields` placed ones, and its payload, a WebP picture; None before the first field."""
        overview = self._overview
        if overview is None:
            return None
        rgba = overview.drawn()
        webp = cv2.imencode(".webp", cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA), _WEBP)[1].tobytes()
        coverage = overview.coverage
        message = OverviewMessage(
            sample=self._sample,
            painted=len(self._places),
            fields=fields,
            apart=int((self._places["island"] != self._main).sum()),
            um_per_px=overview.layout.um_per_px,
            width_px=rgba.shape[1],
            height_px=rgba.shape[0],
            area_mm2=coverage.area_mm2,
            seen_twice=coverage.seen_twice,
        )
        return message, webp


def overview_of(store: Store, sample: str, most_px: int = MOST_PX) -> Overview | None:
    """Return the overview of a sample's slide, from the store alone; None if no field was placed."""
    slide = SlideMap(lambda number: store.thumbnail(sample, number), stage_error_um=0.0)
    for placement in store.placements(sample):
        slide.restore(placement)
    painter = OverviewPainter(store, sample, slide, most_px)
    painter.paint(len(slide.fields), store.ledger(sample).main_island, len(slide.fields))
    return painter.picture
