"""Are fields skipped that are too blurred or smeared to find their heads, and are heads found in the others?

`python -m benchmarks.blurred IMAGES LABELS --um-per-px 0.052`: every twelfth field of a folder (labels as for
`robustness.py`) out of focus, by a Gaussian, and dragged along a line, each in another direction. Prints how many
fields are skipped, by reason, and recall and precision over those that are scored.
"""

import math
import sys
from collections import Counter
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.robustness import Field, compared, words
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.examine import examine
from zpscope.imaging.picture import read_picture

_EVERY = 12
_SIGMAS_PX = (2, 3, 4, 5, 7)
_DRAGGED_UM = (0.8, 1.3)
_DIRECTIONS = 8
"""In half a turn, in turn."""
_FINER = 16
"""Points of a line in a pixel."""


def blurred(field: Field, sigma_px: float) -> Field:
    """Return a field (H, W, 3) out of focus."""
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma_px), np.uint8)


def dragged(field: Field, length_px: float, direction: int) -> Field:
    """Return a field (H, W, 3) that moved by so much while it was exposed."""
    return np.asarray(cv2.filter2D(field, -1, _line(length_px, math.pi * direction / _DIRECTIONS)), np.uint8)


def _line(length_px: float, angle: float) -> NDArray[np.float64]:
    """Return how long each pixel (S, S) is seen through the middle one; sums to 1."""
    reach = math.ceil(length_px / 2) + 1
    along = (np.arange(round(length_px * _FINER)) + 0.5) / _FINER - length_px / 2
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    x, y = reach + along * math.cos(angle), reach + along * math.sin(angle)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for right, below in ((0, 0), (0, 1), (1, 0), (1, 1)):
        share = np.abs(1 - right - (x - left)) * np.abs(1 - below - (y - top))
        np.add.at(kernel, (top + below, left + right), share)
    return np.asarray(kernel / kernel.sum())


def changes(um_per_px: float) -> dict[str, Callable[[Field, int], Field]]:
    """Return by name what is done to a field, given its number."""

    def out_of_focus(sigma_px: float) -> Callable[[Field, int], Field]:
        return lambda field, _: blurred(field, sigma_px)

    def moving(length_um: float) -> Callable[[Field, int], Field]:
        return lambda field, number: dragged(field, length_um / um_per_px, number)

    return {
        "none": lambda field, _: field,
        **{f"sigma {sigma} px": out_of_focus(sigma) for sigma in _SIGMAS_PX},
        **{f"dragged by {length} µm": moving(length) for length in _DRAGGED_UM},
    }


def main() -> int:
    """Print the table; 1 if recall or precision on the fields that are scored is below the bar of `robustness.py`."""
    arguments = words(__doc__)
    um_per_px: float = arguments.um_per_px
    cv2.setNumThreads(1)
    paths = sorted(arguments.labels.glob("*.json"))[::_EVERY]
    below = 0
    sys.stdout.write(
        f"{len(paths)} fields\n\n| change | skipped | heads on the others | recall | precision |\n"
    )
    sys.stdout.write("|---|---|---|---|---|\n")
    for name, change in changes(um_per_px).items():
        totals, skipped = np.zeros(3, np.int64), Counter[str]()
        for number, path in enumerate(paths):
            field = change(read_picture(arguments.images / f"{path.stem}.jpg"), number)
            seen = examine(field, um_per_px, SlideColour.fresh())
            if seen.skip:
                skipped[seen.skip] += 1
            else:
                totals += compared(seen.heads, path)
        heads, found, matched = totals.tolist()
        told = ", ".join(f"{count} `{reason}`" for reason, count in skipped.items()) or "0"
        shares = (f"{matched / heads:.4f}", f"{matched / max(1, found):.4f}") if heads else ("", "")
        below += heads > 0 and (matched < 0.98 * heads or matched < 0.95 * found)
        sys.stdout.write(f"| {name} | {told} | {heads} | {shares[0]} | {shares[1]} |\n")
        sys.stdout.flush()
    return int(below > 0)


if __name__ == "__main__":
    sys.exit(main())
