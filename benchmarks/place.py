"""Is every field put where it is, and every head counted once?

`python benchmarks/place.py real FOLDER | unrelated FOLDER | serpentine | hand | unbiased | cost`: see the README.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.synthetic import expose, field_centre_um, reported_um, sperm_near
from zpscope.drivers.truth import heads_in_field, heads_shown, is_assessable
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.decode import decode
from zpscope.imaging.examine import examine
from zpscope.imaging.heads import Heads as FoundHeads
from zpscope.imaging.picture import read_picture
from zpscope.imaging.place import in_frame, offsets_um
from zpscope.imaging.register import Pattern, register
from zpscope.imaging.slide_map import Point, Sight, SlideMap, stands_alone
from zpscope.imaging.thumbnail import darkness_of, detail, shrunk_times, thumbnail

Field = NDArray[np.uint8]
HEADINGS = (
    "heads",
    "counted",
    "error %",
    "twice",
    "not gradable",
    "unplaced %",
    "islands",
    "stationary",
    "off um",
    "ms a field",
)


@dataclass(frozen=True)
class Heads:
    """What is found in a field."""

    offsets_um: NDArray[np.float64]
    area_um2: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    names: tuple[int, ...]
    """Which head of the slide each is, by the truth; -1: none of them."""


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
    still: int = 0
    spent_s: list[float] = field(default_factory=list[float])


def scan(fields: Iterator[Frame], um_per_px: float, error_um: float) -> Tally:
    """Place the fields of a scan, one after the other."""
    thumbnails: list[bytes] = []
    tally = Tally(SlideMap(thumbnails.__getitem__, error_um))
    names: dict[tuple[int, int], int] = {}
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
        thumbnails.append(sight.thumbnail)
        for join in placement.joins:
            tally.islands = [join.into if one == join.island else one for one in tally.islands]
        tally.islands.append(placement.island)
        tally.numbers.append(frame.number)
        for head in placement.heads:
            names[placement.number, head.index] = heads.names[head.index]
        for gone in placement.gone:
            names.pop((gone.field, gone.index))
    main = Counter(tally.islands).most_common(1)[0][0]
    tally.main = {
        number for number, island in zip(tally.numbers, tally.islands, strict=True) if island == main
    }
    tally.counted = [name for (field, _), name in names.items() if tally.islands[field] == main]
    return tally


def drawn(settings: SyntheticCamera, fields: int, *, segment: bool) -> Iterator[Frame]:
    """Yield the fields of a simulated scan, their stage positions, and what is found in them."""
    shape = (settings.height_px, settings.width_px)
    colour = SlideColour.fresh()
    for number in range(fields):
        if not segment and told(settings, number) is None:
            continue  # blurred: nothing is asked of it, so that it need not be drawn
        pixels = decode(expose(settings, number), "bayer_rg8")

        def find(pixels: Field = pixels, number: int = number) -> Heads | None:
            nonlocal colour
            if not segment:
                return told(settings, number)
            examination = examine(pixels, settings.um_per_px, colour)
            colour, heads = examination.colour, examination.heads
            if examination.skip:
                return None
            kept = heads.accepted
            offsets = offsets_um(heads.centre_px[kept], shape, settings.um_per_px)
            names = tuple(named(settings, number, offsets))
            return Heads(offsets, heads.area_um2[kept], heads.sharpness[kept], names)

        yield Frame(number, pixels, reported_um(settings, number), find)


def told(settings: SyntheticCamera, number: int) -> Heads | None:
    """Return the gradable heads of a field as a segmentation without a mistake would give them."""
    if not is_assessable(settings, number):
        return None
    true = heads_in_field(settings, number)
    places = offsets_um(true.centre_px, (settings.height_px, settings.width_px), settings.um_per_px)
    rng = np.random.default_rng((settings.seed, 99, number))
    area = np.array([np.pi / 4 * one.length_um * one.width_um for one in true.sperm])
    return Heads(
        places + rng.normal(0, 0.1, places.shape),
        area * rng.normal(1, 0.06, len(area)),
        rng.normal(2, 0.2, len(area)),
        tuple(one.id for one in true.sperm),
    )


def named(settings: SyntheticCamera, number: int, offsets: NDArray[np.float64]) -> Iterator[int]:
    """Yield which head of the slide lies at each place (N, 2), in µm from the field's centre; -1: none."""
    sperm = sperm_near(settings, number, 2.0)
    centre = field_centre_um(settings, number)
    places = np.array([(one.x_um, one.y_um) for one in sperm]).reshape(-1, 2) - centre
    for offset in offsets:
        apart = np.linalg.norm(places - offset, axis=1)
        near = bool(len(apart)) and float(apart.min()) < 1.5
        yield sperm[int(apart.argmin())].id if near else -1


def expected(settings: SyntheticCamera, numbers: Iterable[int]) -> dict[int, bool]:
    """Return the heads that a perfect system would count in these fields, and whether each is a binder."""
    shape = (settings.height_px, settings.width_px)
    size_um = (settings.width_px * settings.um_per_px, settings.height_px * settings.um_per_px)
    heads: dict[int, bool] = {}
    for number in numbers:
        true = heads_in_field(settings, number)
        inside = in_frame(offsets_um(true.centre_px, shape, settings.um_per_px), size_um)
        heads |= {one.id: one.bound for one, whole in zip(true.sperm, inside, strict=True) if whole}
    return heads


def off_um(settings: SyntheticCamera, tally: Tally) -> float:
    """Return how far the field of the main island that lies worst is from where it should."""
    kept = [i for i, number in enumerate(tally.numbers) if number in tally.main]
    off = tally.map.centres_um[kept] - [field_centre_um(settings, tally.numbers[i]) for i in kept]
    return float(np.abs(off - np.median(off, axis=0)).max())


def scanned(settings: SyntheticCamera, fields: int, *, segment: bool) -> None:
    """Print what a simulated scan came to, against the truth."""
    tally = scan(drawn(settings, fields, segment=segment), settings.um_per_px, 3.0)
    true = expected(settings, tally.main)
    times = Counter(name for name in tally.counted if name >= 0)
    gradable = sum(name in true for name in tally.counted)
    error = 100 * (gradable - len(true)) / len(true)
    row(
        f"{settings.path}, {settings.slide}, seed {settings.seed}, " + ("segmented" if segment else "told"),
        str(len(true)),
        str(gradable),
        f"{error:+.2f}",
        str(sum(count - 1 for count in times.values())),
        str(len(tally.counted) - gradable),
        f"{100 * (1 - len(tally.main) / len(tally.numbers)):.1f}",
        str(len(set(tally.islands))),
        str(tally.still),
        f"{off_um(settings, tally):.2f}",
        f"{1000 * float(np.median(tally.spent_s)):.1f}",
    )


def real(folder: Path, fields: int) -> None:
    """Print how well windows of 640 x 512 are put on real fields that they pan over."""
    rng, um_per_px = np.random.default_rng(1), 0.052
    errors: list[float] = []
    lost = same = all_heads = twice = placed = 0
    for path in sorted((folder / "images" / "train").glob("*.jpg"))[:fields]:
        whole = read_picture(path)
        heads = examine(whole, um_per_px, SlideColour.fresh()).heads
        tally, corners, shown = pan(whole, heads, um_per_px, rng)
        main = [i for i, island in enumerate(tally.islands) if island == tally.islands[0]]
        off = (tally.map.centres_um - corners * um_per_px)[main] / um_per_px
        errors += np.abs(off - off[0]).max(1)[1:].tolist()
        lost += len(corners) - len(main)
        placed += len(main)
        times = Counter(tally.counted)
        twice += sum(count - 1 for count in times.values())
        all_heads += len(shown)
        same += len(shown & times.keys())
    error = np.array(errors)
    row(
        "fields",
        "windows",
        "not placed",
        "error px: median",
        "95 %",
        "largest",
        "heads",
        "found once",
        "twice",
    )
    figures = (np.median(error), np.percentile(error, 95), error.max())
    row(
        str(fields),
        str(placed + lost),
        str(lost),
        *(f"{one:.2f}" for one in figures),
        str(all_heads),
        str(same - twice),
        str(twice),
    )


def pan(
    whole: Field, heads: FoundHeads, um_per_px: float, rng: np.random.Generator
) -> tuple[Tally, NDArray[np.float64], set[int]]:
    """Return what windows over a field came to, their corners (N, 2) in pixels, and the heads in their frames.

    A path to and fro with random, sub-pixel steps; each window has its own exposure and noise. The heads are those
    of the whole field, so that only placing and counting is measured.
    """
    height, width = whole.shape[:2]
    columns = [i * (width - 641) / 3 for i in range(4)]
    rows = [i * (height - 513) / 3 for i in range(4)]
    grid = [(x, y) for i, y in enumerate(rows) for x in columns[:: 1 - 2 * (i % 2)]]
    corners: NDArray[np.float64] = np.array(grid, np.float64)
    corners = np.clip(corners + rng.uniform(-20, 20, corners.shape), 0, (width - 641, height - 513))
    shown: set[int] = set()

    def windows() -> Iterator[Frame]:
        for number, (x, y) in enumerate(corners.tolist()):
            move = np.array([[1, 0, -x], [0, 1, -y]])
            window = np.asarray(cv2.warpAffine(whole, move, (640, 512), flags=cv2.INTER_LINEAR), np.float32)
            pixels: NDArray[np.float64] = window * rng.uniform(0.96, 1.04) + rng.normal(0, 3, window.shape)
            offsets = offsets_um(heads.centre_px - (x, y), (512, 640), um_per_px)
            kept = np.flatnonzero(
                heads.accepted & (np.abs(offsets) < np.array([640, 512]) / 2 * um_per_px).all(1)
            )
            inside = in_frame(offsets[kept], (640 * um_per_px, 512 * um_per_px))
            shown.update(kept[inside].tolist())
            here = Heads(
                offsets[kept], heads.area_um2[kept], rng.normal(2, 0.2, len(kept)), tuple(kept.tolist())
            )
            yield Frame(
                number, np.clip(np.rint(pixels), 0, 255).astype(np.uint8), None, partial(_as_it_is, here)
            )

    return scan(windows(), um_per_px, 3.0), corners, shown


def _as_it_is(heads: Heads) -> Heads:
    return heads


def unrelated(folder: Path, most: int) -> None:
    """Print how often thumbnails of different places are taken for one place: never, it should be.

    Windows of pictures taken long after one another, mirrored ones (which no field can show), and simulated fields
    of one slide.
    """
    rng = np.random.default_rng(2)
    paths = sorted((folder / "images" / "train").glob("*.jpg"))
    windows = [
        _pattern(picture[y : y + 512, x : x + 640], 0.052)
        for picture in map(read_picture, paths)
        for y, x in rng.integers((0, 0), (picture.shape[0] - 511, picture.shape[1] - 639), (2, 2)).tolist()
    ]
    mirrored = [Pattern(np.asarray(cv2.flip(one.darkness, 1), np.float32)) for one in windows]
    settings = [SyntheticCamera(seed=seed, slide="usual", overlap_percent=0) for seed in (1, 2, 3)]
    drawn = [
        [_pattern(decode(expose(one, number), "bayer_rg8"), one.um_per_px) for number in range(0, 40, 2)]
        for one in settings
    ]
    apart = [(windows[i], windows[j]) for i in range(len(windows)) for j in range(i + 60, len(windows))]
    kinds: dict[str, list[tuple[Pattern, Pattern]]] = {
        "real windows of other times": [apart[i] for i in rng.permutation(len(apart))[:most].tolist()],
        "real windows, one mirrored": [
            (one, mirrored[(i + step) % len(mirrored)])
            for i, one in enumerate(windows)
            for step in range(most // len(windows))
        ],
        "simulated fields of one slide": [
            (one, other) for fields in drawn for i, one in enumerate(fields) for other in fields[:i]
        ],
    }
    row("pairs", "number", "greatest lead, nats", "taken for one place")
    for name, pairs in kinds.items():
        matches = [match for one, other in pairs if (match := register(one, other))]
        likely = max((match.lead for match in matches if match.stain >= 0.8), default=0.0)
        row(name, str(len(pairs)), f"{likely:.1f}", str(sum(map(stands_alone, matches))))


def _pattern(field: Field, um_per_px: float) -> Pattern:
    return Pattern(darkness_of(thumbnail(field, um_per_px)))


def unbiased(samples: int, fields: int) -> None:
    """Print the mean error of k/n over simulated samples, with a perfect classifier, in percentage points."""
    errors: list[float] = []
    for seed in range(1, samples + 1):
        settings = SyntheticCamera(seed=seed, slide="usual", stage_error_um=3.0, overlap_percent=20)
        tally = scan(drawn(settings, fields, segment=True), settings.um_per_px, 3.0)
        bound = {one.id: one.bound for one in heads_shown(settings, fields) if one.gradable}
        classes = [bound[name] for name in tally.counted if name in bound]
        true = expected(settings, range(fields))
        errors.append(100 * (sum(classes) / len(classes) - sum(true.values()) / len(true)))
    row("samples", "fields each", "mean error, points", "standard error", "largest")
    mean, spread = float(np.mean(errors)), float(np.std(errors, ddof=1) / np.sqrt(samples))
    row(str(samples), str(fields), f"{mean:+.3f}", f"{spread:.3f}", f"{max(map(abs, errors)):.2f}")


def cost(length: int) -> None:
    """Print what a field costs early and late in a long scan: the same 200 fields again and again, ever farther on."""
    settings = SyntheticCamera(slide="usual", stage_error_um=3.0)
    kept = list(drawn(settings, 200, segment=False))
    height_um = 10 * settings.height_px * settings.um_per_px * 0.8

    def endless() -> Iterator[Frame]:
        for number in range(length):
            frame, below = kept[number % len(kept)], number // len(kept) * height_um
            x, y = frame.stage_um or (0.0, 0.0)
            yield Frame(number, frame.pixels, (x, y + below), frame.find)

    tally = scan(endless(), settings.um_per_px, 3.0)
    spent = np.array(tally.spent_s) * 1000
    early, late = spent[100:300], spent[-200:]
    row("fields", "ms, fields 100 to 300", "ms, the last 200", "ratio", "known heads")
    cells = (f"{np.median(early):.1f}", f"{np.median(late):.1f}", f"{np.median(late) / np.median(early):.2f}")
    row(str(length), *cells, str(len(tally.map.heads)))


def row(*cells: str) -> None:
    """Print one line of a Markdown table."""
    sys.stdout.write("| " + " | ".join(cells) + " |\n")
    sys.stdout.flush()


def main() -> None:
    """Print the table asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("real", "unrelated", "serpentine", "hand", "unbiased", "cost"))
    parser.add_argument(
        "folder", type=Path, nargs="?", help="for `real` and `unrelated`: of the Sperm Parsing Dataset"
    )
    parser.add_argument("--fields", type=int, default=300)
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument(
        "--segment", action="store_true", help="find the heads, instead of taking the true ones"
    )
    parser.add_argument("--slide", choices=("clean", "usual"), default="usual")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    given = parser.parse_args()
    cv2.setNumThreads(1)
    match given.what:
        case "real":
            real(given.folder, given.fields)
        case "unrelated":
            unrelated(given.folder, given.fields)
        case "unbiased":
            unbiased(given.samples, given.fields)
        case "cost":
            cost(given.fields)
        case _:
            row("scan", *HEADINGS)
            for seed in given.seeds:
                by_hand = given.what == "hand"
                settings = SyntheticCamera(
                    seed=seed,
                    slide=given.slide,
                    path="by_hand" if by_hand else "serpentine",
                    stage=not by_hand,
                    stage_error_um=0.0 if by_hand else 3.0,
                )
                scanned(settings, given.fields, segment=given.segment)


if __name__ == "__main__":
    main()
