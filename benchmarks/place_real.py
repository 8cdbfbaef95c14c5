"""Are windows of real fields put where they are, and no two places taken for one?

`python -m benchmarks.place_real real FOLDER | unrelated FOLDER`, of the Sperm Parsing Dataset: see the README.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.place import Field, Frame, Heads, Tally, row, scan
from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.synthetic import expose
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.decode import decode
from zpscope.imaging.examine import examine
from zpscope.imaging.heads import Heads as FoundHeads
from zpscope.imaging.picture import read_picture
from zpscope.imaging.place import in_frame, offsets_um
from zpscope.imaging.register import Pattern, register
from zpscope.imaging.slide_map import stands_alone
from zpscope.imaging.thumbnail import darkness_of, thumbnail


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


def main() -> None:
    """Print the table asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("real", "unrelated"))
    parser.add_argument("folder", type=Path, help="of the Sperm Parsing Dataset")
    parser.add_argument("--fields", type=int, default=40, help="or, for `unrelated`, pairs of fields")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    (real if given.what == "real" else unrelated)(given.folder, given.fields)


if __name__ == "__main__":
    main()
