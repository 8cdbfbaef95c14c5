"""What placing a field costs, early and late in a long scan: `python -m benchmarks.place_cost`; see the README."""

import argparse
from collections.abc import Iterator

import cv2
import numpy as np

from benchmarks.place import Frame, row, scan
from benchmarks.place_simulated import drawn
from zpscope.config.settings import SyntheticCamera


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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fields", type=int, default=10000)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    cost(given.fields)


if __name__ == "__main__":
    main()
