"""Places the fields of a scan one after the other, as the daemon does, and tells what came of it.

Knows no simulator and no folder; `place_simulated.py`, `place_real.py` and `place_cost.py` bring the fields.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.islands import Point
from zpscope.imaging.place import in_frame
from zpscope.imaging.placement import Sight
from zpscope.imaging.slide_map import SlideMap
from zpscope.imaging.thumbnail import detail, shrunk_times, thumbnail

Field = NDArray[np.uint8]


@dataclass(frozen=True)
class Heads:
    """What is found in a field."""

    offsets_um: NDArray[np.float64]
    area_um2: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    names: tuple[int, ...]
    """Which head of the slide each is, by the truth; negative for what is none: the same number for the same thing."""


@dataclass(frozen=True)
class Frame:
    """A field as it comes from the camera."""

    number: int
    pixels: Field
    stage_um: Point | None
    find: Callable[[], Heads | None]
    """Finds the heads; None if the field is not assessable."""


@dataclass
class Tally:
    """What a scan came to."""

    map: SlideMap
    islands: list[int] = field(default_factory=list[int])
    """Of each placed field, in the end."""
    numbers: list[int] = field(default_factory=list[int])
    """Of each placed field, in the scan."""
    main: set[int] = field(default_factory=set[int])
    """Numbers of the fields on the largest island."""
    counted: list[int] = field(default_factory=list[int])
    """The name of each head that counts."""
    seen: set[int] = field(default_factory=set[int])
    """The names of the heads found in the counting frames of the main island, to be counted once each."""
    apart: list[bool] = field(default_factory=list[bool])
    """Of each placed field: more than one island was known before it."""
    still: int = 0
    spent_s: list[float] = field(default_factory=list[float])


def scan(fields: Iterator[Frame], um_per_px: float, error_um: float) -> Tally:
    """Place the fields of a scan, one after the other."""
    thumbnails: list[bytes] = []
    tally = Tally(SlideMap(thumbnails.__getitem__, error_um))
    names: dict[tuple[int, int], int] = {}
    shown: list[set[int]] = []
    for frame in fields:
        started_s = time.process_time()
        size_um = (frame.pixels.shape[1] * um_per_px, frame.pixels.shape[0] * um_per_px)
        scale = um_per_px * shrunk_times(um_per_px)
        sight = Sight(
            thumbnail(frame.pixels, um_per_px), scale, size_um, frame.stage_um, detail(frame.pixels)
        )
        look = tally.map.look(sight)
        spent_s = time.process_time() - started_s
        if look.still:
            tally.map.search(look)
            tally.still += 1
            continue
        heads = frame.find()
        if heads is None:
            continue
        started_s = time.process_time()
        inside = np.flatnonzero(in_frame(heads.offsets_um, size_um))
        placement = tally.map.place(
            look, inside, heads.offsets_um[inside], heads.area_um2[inside], heads.sharpness[inside]
        )
        tally.spent_s.append(spent_s + time.process_time() - started_s)
        tally.apart.append(len(set(tally.islands)) > 1)
        thumbnails.append(sight.thumbnail)
        for join in placement.joins:
            tally.islands = [join.into if one == join.island else one for one in tally.islands]
        tally.islands.append(placement.island)
        tally.numbers.append(frame.number)
        shown.append({heads.names[i] for i in inside.tolist()})
        for head in placement.heads:
            names[placement.number, head.index] = heads.names[head.index]
        for gone in placement.gone:
            names.pop((gone.field, gone.index))
    main = Counter(tally.islands).most_common(1)[0][0]
    tally.main = {
        number for number, island in zip(tally.numbers, tally.islands, strict=True) if island == main
    }
    tally.seen = set[int]().union(
        *(seen for seen, island in zip(shown, tally.islands, strict=True) if island == main)
    )
    tally.counted = [name for (field, _), name in names.items() if tally.islands[field] == main]
    return tally


def row(*cells: str) -> None:
    """Print one line of a Markdown table."""
    sys.stdout.write("| " + " | ".join(cells) + " |\n")
    sys.stdout.flush()
