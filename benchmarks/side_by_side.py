"""How far is a simulated field from a real one, to the eye and in figures?

`python benchmarks/side_by_side.py REAL_PICTURE --um-per-px X --out FILE [--seed N]`: both at the simulator's scale,
side by side in one picture, and a table of colours, sharpness and noise.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.synthetic import expose
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.decode import decode
from zpscope.imaging.examine import examine
from zpscope.imaging.picture import read_picture

Field = NDArray[np.uint8]


def main() -> None:
    """Write the picture and print the table."""
    parser = argparse.ArgumentParser(description="Put a simulated field beside a real one.")
    parser.add_argument("real", type=Path)
    parser.add_argument("--um-per-px", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    settings = SyntheticCamera(seed=given.seed, slide="usual")
    scale = given.um_per_px / settings.um_per_px
    real = cv2.resize(read_picture(given.real), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    simulated = decode(expose(settings, 0), "bayer_rg8")
    height, width = (min(sizes) for sizes in zip(real.shape[:2], simulated.shape[:2], strict=True))
    pair = [np.asarray(field[:height, :width], np.uint8) for field in (real, simulated)]
    cv2.imwrite(str(given.out), cv2.cvtColor(np.hstack(pair), cv2.COLOR_RGB2BGR))
    sys.stdout.write("| figure | real | simulated |\n|---|---|---|\n")
    for name, *values in zip(figures(pair[0]), *(figures(field).values() for field in pair), strict=True):
        sys.stdout.write(f"| {name} | {' | '.join(values)} |\n")


def figures(field: Field) -> dict[str, str]:
    """Return the figures of a field (H, W, 3), RGB, at 0.069 µm/px, in words."""
    heads = examine(field, 0.069, SlideColour.fresh()).heads
    mask = np.zeros(field.shape[:2], np.uint8)
    kept = [one for one, accepted in zip(heads.outlines, heads.accepted, strict=True) if accepted]
    cv2.drawContours(mask, kept, -1, 255, -1)
    inside, green = field[mask > 0], field[..., 1]
    dark = inside[:, 1] <= np.median(inside[:, 1]) if len(inside) else np.zeros(0, np.bool_)
    bare = cv2.dilate(mask, np.ones((25, 25), np.uint8)) == 0
    rough = np.abs(cv2.Laplacian(green, cv2.CV_64F))
    steep = np.hypot(cv2.Sobel(green, cv2.CV_64F, 1, 0), cv2.Sobel(green, cv2.CV_64F, 0, 1)) / 8
    rim = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((7, 7), np.uint8)) > 0
    return {
        "background, RGB": colour(field[bare]),
        "darker half of the heads, RGB": colour(inside[dark]),
        "paler half of the heads, RGB": colour(inside[~dark]),
        "steepest tenth of the rims, levels per px": f"{np.percentile(steep[rim], 90):.0f}"
        if rim.any()
        else "",
        "noise of the background, median Laplacian, levels": f"{np.median(rough[bare]):.1f}",
    }


def colour(pixels: Field) -> str:
    """Return the median colour of pixels (N, 3) in words."""
    return ", ".join(f"{value:.0f}" for value in np.median(pixels, axis=0)) if len(pixels) else ""


if __name__ == "__main__":
    main()
