"""Is the head found that a crop of the HuSHeM set shows in its middle, on a stain and a scale not tuned on?

For every crop: is there an accepted head whose outline holds the crop's centre? Prints the share and, for the other
crops, why. Crops with an even place in the sorted list (half of them) may serve to pick thresholds, those with an odd
one not: the two are reported apart. Exits with 1 below the bar of 97 %.
Needs the data: `python benchmarks/hushem.py FOLDER --um-per-px 0.1`.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.colour import SlideColour
from zpscope.imaging.examine import examine
from zpscope.imaging.picture import read_picture

_BAR = 0.97


def verdict(crop: NDArray[np.uint8], um_per_px: float) -> str:
    """Return what becomes of the head in the middle of a crop (H, W, 3): empty if accepted, else why not."""
    seen = examine(crop, um_per_px, SlideColour.fresh())
    label = int(seen.heads.labels[crop.shape[0] // 2, crop.shape[1] // 2])
    return (seen.skip and f"field {seen.skip}") or (seen.heads.reason[label - 1] if label else "not found")


def main() -> int:
    """Print the shares; 1 if they are below the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--um-per-px", type=float, default=0.1)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    crops = sorted(arguments.folder.glob("*/*.png"))
    if not crops:
        parser.error(f"no crops (*/*.png) in {arguments.folder}")
    verdicts = [verdict(read_picture(path), arguments.um_per_px) for path in crops]
    for name, half in (("even", verdicts[::2]), ("odd", verdicts[1::2]), ("all", verdicts)):
        found = half.count("")
        sys.stdout.write(f"{name}: {found} of {len(half)}, {found / len(half):.4f}\n")
    for path, why in zip(crops, verdicts, strict=True):
        if why:
            sys.stdout.write(f"{path.relative_to(arguments.folder)}: {why}\n")
    sys.stdout.write(f"{dict(Counter(why for why in verdicts if why))}\n")
    return int(verdicts.count("") / len(verdicts) < _BAR)


if __name__ == "__main__":
    sys.exit(main())
