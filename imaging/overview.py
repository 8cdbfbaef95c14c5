"""The scanned part of a slide in one picture: stain, heads, and how often each place was seen.

Islands that are not known to join lie side by side. The picture is never larger than it is told, so that its memory
does not grow with the scan: its scale halves instead, and all is painted anew, from what the store keeps of each
field. Knows fields' places and thumbnails' stain; no store and no display.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FINEST_UM_PER_PX = 1.0
_GAP_PX = 8
_MOST_ISLANDS = 64
_SNAP_UM = 64.0
_SNAP_SHARE = 0.25
"""An island's room grows in steps of about this share of it, so that few fields make all be painted anew."""
_HEAD_UM = 3.0
_LEAST_RADIUS_PX = 2
_EMPTY_RGB = np.array((246, 244, 248), np.float32)
_STAIN_RGB = np.array((88, 46, 140), np.float32)
_SHARES = np.arange(256, dtype=np.float32)[:, None] / 255
_STAINED_RGB = np.rint(_EMPTY_RGB + (_STAIN_RGB - _EMPTY_RGB) * _SHARES).astype(np.uint8)
"""(256, 3): the colour of each amount of stain."""
_UNBOUND_RGB, _BOUND_RGB = (3, 105, 161), (194, 65, 12)
"""Blue and orange: told apart whatever the eye's colour vision; a bound head is larger and ringed, too."""
_APART_ALPHA = 110
"""What is not counted is seen through."""
_UNBOUND, _BOUND = 1, 2

Point = tuple[float, float]


@dataclass(frozen=True)
class Room:
    """Where an island lies in the picture."""

    origin_um: Point
    """Its top left corner, in the coordinates of the island."""
    left_px: int
    top_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True)
class Layout:
    """The scale and the room of each island."""

    um_per_px: float
    width_px: int
    height_px: int
    rooms: Mapping[int, Room]


@dataclass(frozen=True)
class Coverage:
    """How much of the slide was seen, of the island that counts."""

    area_mm2: float
    seen_twice: float
    """Share of that area that more than one field shows."""


def lay_out(
    islands: NDArray[np.intp], centres_um: NDArray[np.float64], size_um: Point, main: int, most_px: int
) -> Layout:
    """Return room for fields of `size_um` at `centres_um` (N, 2), each on its island (N,), N > 0.

    Of many islands, the `main` one and the largest others have a room.
    """
    found, fields = np.unique(islands, return_counts=True)
    largest = sorted(
        zip(found.tolist(), fields.tolist(), strict=True), key=lambda one: (one[0] != main, -one[1])
    )
    order = sorted((one for one, _ in largest[:_MOST_ISLANDS]), key=lambda one: (one != main, one))
    boxes = [_box(centres_um[islands == one], size_um) for one in order]
    um_per_px = FINEST_UM_PER_PX
    while True:
        spans = [(math.ceil(w / um_per_px), math.ceil(h / um_per_px)) for _, (w, h) in boxes]
        corners, width, height = _shelves(spans)
        if max(width, height) <= most_px:
            break
        um_per_px *= 2
    rooms = {
        island: Room(origin, *corner, *span)
        for island, (origin, _), corner, span in zip(order, boxes, corners, spans, strict=True)
    }
    return Layout(um_per_px, width, height, rooms)


class Overview:
    """A picture that is painted field by field."""

    def __init__(self, layout: Layout, main: int) -> None:
        self.layout = layout
        self._main = main
        shape = (layout.height_px, layout.width_px)
        self._stain = np.zeros(shape, np.uint8)
        self._seen = np.zeros(shape, np.uint8)
        self._heads = np.zeros(shape, np.uint8)

    def paint(self, island: int, centre_um: Point, stain: NDArray[np.uint8], um_per_px: float) -> None:
        """Paint a field of which `stain` (h, w), of `um_per_px`, is the thumbnail."""
        if island not in self.layout.rooms:
            return
        to = self.layout.um_per_px
        height, width = stain.shape
        times = max(1, round(to / um_per_px))
        small = cv2.resize(
            stain, (max(1, width // times), max(1, height // times)), interpolation=cv2.INTER_AREA
        )
        scale = (width * um_per_px / to) / small.shape[1], (height * um_per_px / to) / small.shape[0]
        left, top = self._at(island, centre_um)
        left, top = left - width * um_per_px / to / 2, top - height * um_per_px / to / 2
        x0, y0 = max(0, math.ceil(left)), max(0, math.ceil(top))
        x1 = min(self.layout.width_px, math.floor(left + small.shape[1] * scale[0]))
        y1 = min(self.layout.height_px, math.floor(top + small.shape[0] * scale[1]))
        if x1 <= x0 or y1 <= y0:
            return
        # Pixel i of the picture has its middle at i + 0.5.
        shift = ((x0 + 0.5 - left) / scale[0] - 0.5, (y0 + 0.5 - top) / scale[1] - 0.5)
        back = np.array([[1 / scale[0], 0, shift[0]], [0, 1 / scale[1], shift[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        drawn = cv2.warpAffine(small, back, (x1 - x0, y1 - y0), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        self._stain[y0:y1, x0:x1] = drawn
        seen = self._seen[y0:y1, x0:x1]
        np.minimum(seen, 254, out=seen)
        seen += 1

    def mark(self, island: int, at_um: NDArray[np.float64], bound: Sequence[bool]) -> None:
        """Mark heads at (N, 2) by their class (N,)."""
        if island not in self.layout.rooms:
            return
        radius = max(_LEAST_RADIUS_PX, round(_HEAD_UM / self.layout.um_per_px))
        for place, is_bound in zip(at_um.tolist(), bound, strict=True):
            x, y = self._at(island, (place[0], place[1]))
            middle = (math.floor(x), math.floor(y))
            cv2.circle(self._heads, middle, radius + 2 * is_bound, 0, -1)
            cv2.circle(self._heads, middle, radius + is_bound, _BOUND if is_bound else _UNBOUND, -1)

    @property
    def coverage(self) -> Coverage:
        """Of the island that counts."""
        room = self.layout.rooms.get(self._main)
        if room is None:
            return Coverage(0.0, 0.0)
        seen = self._seen[_window(room)]
        once = int((seen > 0).sum())
        area_mm2 = once * (self.layout.um_per_px / 1000) ** 2
        return Coverage(area_mm2, int((seen > 1).sum()) / once if once else 0.0)

    def drawn(self) -> NDArray[np.uint8]:
        """Return the picture (H, W, 4), RGBA, of all that was seen; what was not is transparent."""
        rgba = np.empty((*self._stain.shape, 4), np.uint8)
        for channel in range(3):
            rgba[..., channel] = cv2.LUT(self._stain, _STAINED_RGB[:, channel])
        rgba[..., 3] = (self._seen > 0) * np.uint8(_APART_ALPHA)
        if self._main in self.layout.rooms:
            room = _window(self.layout.rooms[self._main])
            rgba[room][..., 3] = (self._seen[room] > 0) * np.uint8(255)
        for kind, colour in ((_UNBOUND, _UNBOUND_RGB), (_BOUND, _BOUND_RGB)):
            rgba[self._heads == kind, :3] = colour
        return rgba[_span(self._seen.max(1)), _span(self._seen.max(0))]

    def _at(self, island: int, at_um: Point) -> Point:
        room, to = self.layout.rooms[island], self.layout.um_per_px
        return (
            (at_um[0] - room.origin_um[0]) / to + room.left_px,
            (at_um[1] - room.origin_um[1]) / to + room.top_px,
        )


def _window(room: Room) -> tuple[slice, slice]:
    return (
        slice(room.top_px, room.top_px + room.height_px),
        slice(room.left_px, room.left_px + room.width_px),
    )


def _span(some: NDArray[Any]) -> slice:
    where = np.flatnonzero(some)
    return slice(int(where[0]), int(where[-1]) + 1) if len(where) else slice(0, 1)


def _box(centres_um: NDArray[np.float64], size_um: Point) -> tuple[Point, Point]:
    """Return origin and size of the room for fields at (N, 2), in µm, with room to grow."""
    low, high = centres_um.min(0) - np.array(size_um) / 2, centres_um.max(0) + np.array(size_um) / 2
    step = _SNAP_UM * 2 ** np.ceil(np.log2(np.maximum(1, (high - low) * _SNAP_SHARE / _SNAP_UM)))
    low, high = np.floor(low / step) * step, np.ceil(high / step) * step
    return (float(low[0]), float(low[1])), (float(high[0] - low[0]), float(high[1] - low[1]))


def _shelves(spans: Sequence[tuple[int, int]]) -> tuple[list[tuple[int, int]], int, int]:
    """Return the corner of each box (width, height) in rows from the top left, and the whole width and height."""
    widest = max(spans[0][0], math.isqrt(sum((w + _GAP_PX) * (h + _GAP_PX) for w, h in spans)))
    corners: list[tuple[int, int]] = []
    x = y = tall = width = 0
    for w, h in spans:
        if x and x + w > widest:
            x, y, tall = 0, y + tall + _GAP_PX, 0
        corners.append((x, y))
        x, tall, width = x + w + _GAP_PX, max(tall, h), max(width, x + w)
    return corners, width, y + tall
