"""Is every field put where it is, and every head counted once?

`python benchmarks/place.py real FOLDER | serpentine | hand | unbiased | cost`: see the README beside it.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.synthetic import expose, reported_um
from zpscope.drivers.truth import FieldTruth, heads_in_field
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.decode import decode
from zpscope.imaging.examine import examine
from zpscope.imaging.place import in_frame, offsets_um
from zpscope.imaging.slide_map import Placement, Point, Sight, SlideMap
from zpscope.imaging.thumbnail import detail, shrunk_times, thumbnail

Field = NDArray[np.uint8]


@dataclass(frozen=True)
class Heads:
    """What is found in a field."""

    offsets_um: NDArray[np.float64]
    area_um2: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    names: tuple[int, ...]
    """Which head of the slide each is, by the truth; -1: none of them."""


@dataclass
class Tally:
    """What a scan came to."""

    map: SlideMap
    thumbnails: list[bytes] = field(default_factory=list[bytes])
    placements: list[Placement] = field(default_factory=list[Placement])
    counted: dict[int, int] = field(default_factory=dict[int, int])
    """The name of each known head that counts, by its number on the map."""
    still: int = 0
    spent_s: list[float] = field(default_factory=list[float])


def scan(
    fields: Iterator[tuple[Field, Point | None, Callable[[], Heads]]], um_per_px: float, error_um: float
) -> Tally:
    """Place the fields of a scan, one after the other."""
    thumbnails: list[bytes] = []
    tally = Tally(SlideMap(lambda number: thumbnails[number], error_um), thumbnails)
    names: dict[tuple[int, int], int] = {}
    for pixels, stage_um, find in fields:
        started_s = time.process_time()
        size_um = (pixels.shape[1] * um_per_px, pixels.shape[0] * um_per_px)
        scale = um_per_px * shrunk_times(um_per_px)
        sight = Sight(thumbnail(pixels, um_per_px), scale, size_um, stage_um, detail(pixels))
        look = tally.map.look(sight)
        spent_s = time.process_time() - started_s
        if look.still:
            tally.still += 1
            continue
        heads = find()
        started_s = time.process_time()
        inside = np.flatnonzero(in_frame(heads.offsets_um, size_um))
        placement = tally.map.place(
            look, inside, heads.offsets_um[inside], heads.area_um2[inside], heads.sharpness[inside]
        )
        tally.spent_s.append(spent_s + time.process_time() - started_s)
        thumbnails.append(sight.thumbnail)
        tally.placements.append(placement)
        for head in placement.heads:
            names[placement.number, head.index] = heads.names[head.index]
        for gone in placement.gone:
            names.pop((gone.field, gone.index))
    views = [tally.map.heads.view(head) for head in range(len(tally.map.heads))]
    tally.counted = {i: names[v.field, v.index] for i, v in enumerate(views) if (v.field, v.index) in names}
    return tally


def drawn(
    settings: SyntheticCamera, numbers: range, *, segment: bool
) -> Iterator[tuple[Field, Point | None, Callable[[], Heads]]]:
    """Yield the fields of a simulated scan, their stage positions, and what is found in them."""
    colour = [SlideColour.fresh()]
    shape = (settings.height_px, settings.width_px)
    for number in numbers:
        pixels = decode(expose(settings, number), "bayer_rg8")
        true = heads_in_field(settings, number)
        places = offsets_um(true.centre_px, shape, settings.um_per_px)

        def found(
            pixels: Field = pixels, places: NDArray[np.float64] = places, true: FieldTruth = true
        ) -> Heads:
            examination = examine(pixels, settings.um_per_px, colour[0])
            colour[0], heads = examination.colour, examination.heads
            kept = heads.accepted
            offsets = offsets_um(heads.centre_px[kept], shape, settings.um_per_px)
            apart = (
                np.linalg.norm(offsets[:, None] - places[None], axis=2)
                if len(places)
                else np.full((len(offsets), 1), 9.0)
            )
            names = [true.sperm[int(row.argmin())].id if row.min() < 1.5 else -1 for row in apart]
            return Heads(offsets, heads.area_um2[kept], heads.sharpness[kept], tuple(names))

        def told(
            places: NDArray[np.float64] = places, number: int = number, true: FieldTruth = true
        ) -> Heads:
            rng = np.random.default_rng((settings.seed, 99, number))
            area = np.array([np.pi / 4 * one.length_um * one.width_um for one in true.sperm])
            return Heads(
                places + rng.normal(0, 0.1, places.shape),
                area * rng.normal(1, 0.06, len(area)),
                rng.normal(2, 0.2, len(area)),
                tuple(one.id for one in true.sperm),
            )

        yield pixels, reported_um(settings, number), found if segment else told


def expected(settings: SyntheticCamera, numbers: range) -> dict[int, bool]:
    """Return the heads that a perfect system would count, and whether each is a binder."""
    shape = (settings.height_px, settings.width_px)
    size_um = (settings.width_px * settings.um_per_px, settings.height_px * settings.um_per_px)
    heads: dict[int, bool] = {}
    for number in numbers:
        true = heads_in_field(settings, number)
        inside = in_frame(offsets_um(true.centre_px, shape, settings.um_per_px), size_um)
        heads |= {one.id: one.bound for one, whole in zip(true.sperm, inside, strict=True) if whole}
    return heads


def serpentine(fields: int, *, segment: bool, slide: str, seeds: list[int]) -> None:
    """Print the heads counted on a serpentine with 20 % overlap and a stage wrong by up to 3 µm."""
    row("slide, seed", "heads", "counted", "error %", "twice", "missed", "ms a field")
    for seed in seeds:
        settings = SyntheticCamera(seed=seed, slide=slide, stage_error_um=3.0, overlap_percent=20)  # type: ignore[arg-type]
        tally = scan(drawn(settings, range(fields), segment=segment), settings.um_per_px, 3.0)
        true = expected(settings, range(fields))
        times = Counter(name for name in tally.counted.values() if name >= 0)
        twice = sum(count - 1 for count in times.values())
        counted = len(tally.counted)
        error = 100 * (counted - len(true)) / len(true)
        missed = len(true.keys() - times.keys())
        milliseconds = 1000 * float(np.median(tally.spent_s))
        row(
            f"{slide}, {seed}",
            str(len(true)),
            str(counted),
            f"{error:+.2f}",
            str(twice),
            str(missed),
            f"{milliseconds:.1f}",
        )


def row(*cells: str) -> None:
    """Print one line of a Markdown table."""
    sys.stdout.write("| " + " | ".join(cells) + " |\n")
    sys.stdout.flush()


def main() -> None:
    """Print the table asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("serpentine",))
    parser.add_argument("--fields", type=int, default=300)
    parser.add_argument("--segment", action="store_true")
    parser.add_argument("--slide", default="usual")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    given = parser.parse_args()
    cv2.setNumThreads(1)
    serpentine(given.fields, segment=given.segment, slide=given.slide, seeds=given.seeds)


if __name__ == "__main__":
    main()
