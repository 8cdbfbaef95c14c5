"""How fast are heads found and cut, beside K-means over every pixel, which is what a lab would write first?

Prints, for fields of growing size (PICTURE, repeated like tiles), CPU milliseconds on one core from the decoded
field to its crops, and for the field as it is those of cv2.kmeans with as many clusters: with one attempt, the least
it can do, and with the ten attempts from random centres of OpenCV's tutorial; medians of 5 rounds, in each of which
all take their turn, each on a copy made just before: a field that has just been decoded lies in the caches. The colours
are frozen, as from a slide's ninth field on. Before them, by how much the peak of the process's memory grows over many
fields of one size. Needs a stained field:
`python benchmarks/segment.py PICTURE --um-per-px X`.
"""

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.colour import ADAPTING_FIELDS, REFERENCE, SlideColour
from zpscope.imaging.crop import cut_crops
from zpscope.imaging.examine import examine
from zpscope.imaging.picture import read_picture

_ROUNDS = 5
_FIELDS = 200
"""Over so many is growth of memory looked for."""
_TILES = ((1, 1), (2, 2), (4, 4))


def _spent_ms(work: Callable[[NDArray[np.uint8]], object], field: NDArray[np.uint8]) -> float:
    decoded = field.copy()
    start = time.process_time_ns()
    work(decoded)
    return (time.process_time_ns() - start) / 1e6


def _heads_and_crops(field: NDArray[np.uint8], um_per_px: float, colour: SlideColour) -> NDArray[np.uint8]:
    return cut_crops(field, examine(field, um_per_px, colour).heads, um_per_px)


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _every_pixel(field: NDArray[np.uint8], attempts: int, start: int) -> object:
    colours = cv2.cvtColor(field, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(np.float32)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
    cv2.setRNGSeed(1)
    return cv2.kmeans(colours, len(REFERENCE), np.empty(0, np.int32), stop, attempts, start)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--um-per-px", type=float, required=True)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    field = read_picture(arguments.picture)
    colour = SlideColour.fresh()
    for _ in range(ADAPTING_FIELDS):
        colour = examine(field, arguments.um_per_px, colour).colour
    _heads_and_crops(field, arguments.um_per_px, colour)
    before = _peak_kib()
    for _ in range(_FIELDS):
        _heads_and_crops(field, arguments.um_per_px, colour)
    sys.stdout.write(f"memory grows by {_peak_kib() - before} KiB over {_FIELDS} fields\n")
    ours = partial(_heads_and_crops, um_per_px=arguments.um_per_px, colour=colour)
    for rows, columns in _TILES:
        tiled = np.ascontiguousarray(np.tile(field, (rows, columns, 1)))
        heads = len(_heads_and_crops(tiled, arguments.um_per_px, colour))
        spent = statistics.median(_spent_ms(ours, tiled) for _ in range(_ROUNDS))
        megapixels = tiled.shape[0] * tiled.shape[1] / 1e6
        sys.stdout.write(
            f"{megapixels:6.2f} Mpx {heads:4d} heads {spent:8.1f} ms {spent / megapixels:6.1f} ms/Mpx\n"
        )
    others: dict[str, Callable[[NDArray[np.uint8]], object]] = {
        "1 attempt": partial(_every_pixel, attempts=1, start=cv2.KMEANS_PP_CENTERS),
        "10 attempts": partial(_every_pixel, attempts=10, start=cv2.KMEANS_RANDOM_CENTERS),
    }
    contestants: list[Callable[[NDArray[np.uint8]], object]] = [ours, *others.values()]
    rounds = [[_spent_ms(work, field) for work in contestants] for _ in range(_ROUNDS)]
    for i, name in enumerate(others, 1):
        times = statistics.median(one[i] / one[0] for one in rounds)
        spent = statistics.median(one[i] for one in rounds)
        sys.stdout.write(
            f"cv2.kmeans over all pixels, {name:11s} {spent:8.1f} ms, {times:.0f} times as long\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
