"""How much of a head may another one hide, for people to annotate it still?

`python -m benchmarks.covered_heads LABELS --um-per-px 0.052`: the heads of a folder of labelme files (labels as of the
Sperm Parsing Dataset), those at a field's edge left out. People draw what they see, so that their outlines hardly
overlap; what is hidden is found as in the simulator's truth, by whole ellipses: each is fitted to the part of a head's
outline that lies free, and covered by what other heads are drawn on it.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.robustness import at_border, true_heads

_FREE_UM, _TOUCHING_UM = 0.5, 0.2
"""From the next head: outline that is nobody else's, and heads that touch."""
_LEAST_POINTS = 20
_ROOM_PX = 80
_SHARES = (0.02, 0.05, 0.1, 0.15, 0.2)


@dataclass(frozen=True)
class Annotated:
    """One head as people drew it."""

    apart_um: float
    """From the nearest other head; infinite if there is none near."""
    covered: float
    """Share of its whole ellipse that other heads lie on."""


def annotated(labels: Path, shape: tuple[int, int], um_per_px: float) -> Iterator[Annotated]:
    """Yield the heads of a field (H, W) that do not reach its edge."""
    heads = true_heads(labels, shape, 1.0)
    everyone = np.asarray(np.array(heads, np.uint8).reshape(-1, *shape).sum(0))
    for head in heads:
        if at_border(head):
            continue
        left, top, width, height = cv2.boundingRect(head.astype(np.uint8))
        window = np.s_[
            max(0, top - _ROOM_PX) : top + height + _ROOM_PX,
            max(0, left - _ROOM_PX) : left + width + _ROOM_PX,
        ]
        own = head[window]
        yield _annotated(own, (everyone[window] - own) > 0, um_per_px)


def _annotated(own: NDArray[np.bool_], others: NDArray[np.bool_], um_per_px: float) -> Annotated:
    if not others.any():
        return Annotated(np.inf, 0.0)
    apart_um = (
        np.asarray(cv2.distanceTransform((~others).astype(np.uint8), cv2.DIST_L2, 5), np.float64) * um_per_px
    )
    contours = cv2.findContours(own.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    outline = np.asarray(max(contours, key=len), np.intp)[:, 0]
    free = outline[apart_um[tuple(outline.T[::-1])] > _FREE_UM]
    whole = np.zeros(own.shape, np.uint8)
    if len(free) >= _LEAST_POINTS:
        cv2.ellipse(whole, cv2.fitEllipseDirect(free.astype(np.float32)[:, None]), 1, -1)
    covered = int(whole[others].sum()) / max(1, int(whole.sum()))
    return Annotated(float(apart_um[own].min()), covered)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--um-per-px", type=float, required=True)
    parser.add_argument(
        "--shape", type=int, nargs=2, default=(1024, 1280), help="rows and columns of a field"
    )
    given = parser.parse_args()
    rows, columns = given.shape
    heads = [
        one
        for path in sorted(given.labels.glob("*.json"))
        for one in annotated(path, (rows, columns), given.um_per_px)
    ]
    touching = sum(one.apart_um < _TOUCHING_UM for one in heads)
    sys.stdout.write(f"{len(heads)} heads, {touching} of them touch another\n")
    for share in _SHARES:
        sys.stdout.write(f"covered by more than {share}: {sum(one.covered > share for one in heads)}\n")


if __name__ == "__main__":
    main()
