"""Are heads still found when camera, light and stain are other than those the method was tuned on?

Changes every field of a folder (labelme polygons per head, as of the Sperm Parsing Dataset) in one way at a time and
prints recall and precision: a head is found if an accepted object covers it with IoU >= 0.5. Needs the data:
`python benchmarks/robustness.py IMAGES LABELS --um-per-px 0.052`.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.colour import SlideColour
from zpscope.imaging.examine import examine
from zpscope.imaging.heads import Heads
from zpscope.imaging.picture import read_picture

Field = NDArray[np.uint8]
_BORDER_PX = 12
_PARTS = ("Acrosome", "Nucleus", "Vacuole")


def _levels(change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Callable[[Field], Field]:
    """Return what maps the levels of a field (H, W, 3) by a change of shares 0 to 1."""
    return lambda field: np.asarray(np.clip(np.rint(change(field / 255.0) * 255), 0, 255), np.uint8)


def _gains(red: float, green: float, blue: float) -> Callable[[Field], Field]:
    return _levels(lambda share: share * np.array([red, green, blue]))


def _gamma(power: float) -> Callable[[Field], Field]:
    return _levels(lambda share: share**power)


def _jpeg(field: Field) -> Field:
    _, content = cv2.imencode(".jpg", field[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)[..., ::-1].copy()


def _noise(field: Field) -> Field:
    noisy = field + np.random.default_rng(0).normal(0, 6, field.shape)
    return np.asarray(np.clip(np.rint(noisy), 0, 255), np.uint8)


def _blur(field: Field) -> Field:
    return np.asarray(cv2.GaussianBlur(field, (0, 0), 1.5), np.uint8)


CHANGES: dict[str, tuple[Callable[[Field], Field], float]] = {
    "as recorded": (lambda field: field, 1.0),
    **{f"red x{k}": (_gains(k, 1, 1), 1.0) for k in (0.85, 1.15)},
    **{f"green x{k}": (_gains(1, k, 1), 1.0) for k in (0.85, 1.15)},
    **{f"blue x{k}": (_gains(1, 1, k), 1.0) for k in (0.85, 1.15)},
    **{f"exposure x{k}": (_gains(k, k, k), 1.0) for k in (0.7, 1.3)},
    **{f"gamma {k}": (_gamma(k), 1.0) for k in (0.8, 1.25)},
    "JPEG quality 60": (_jpeg, 1.0),
    "noise sigma 6": (_noise, 1.0),
    "blur sigma 1.5 px": (_blur, 1.0),
    **{f"scale {k}": (lambda field: field, k) for k in (0.7, 1.4)},
}
"""What is done to a field, and by how much it is then scaled."""


def true_heads(path: Path, shape: tuple[int, int], scale: float) -> list[NDArray[np.bool_]]:
    """Return the mask (H, W) of every annotated head of a labelme file."""
    parts: dict[object, NDArray[np.uint8]] = {}
    for one in json.loads(path.read_text())["shapes"]:
        if one["label"] in _PARTS:
            mask = parts.setdefault(one["group_id"], np.zeros(shape, np.uint8))
            cv2.fillPoly(mask, [np.rint(np.array(one["points"]) * scale).astype(np.int32)], 1)
    return [mask > 0 for mask in parts.values()]


def at_border(mask: NDArray[np.bool_]) -> bool:
    """Return whether a mask (H, W) reaches the field's edge, where heads are mostly not annotated."""
    inner = mask[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX]
    return int(inner.sum()) < int(mask.sum())


def counts(field: Field, labels: Path, um_per_px: float, scale: float) -> tuple[int, int, int]:
    """Return what `compared` does of a field that is scaled first."""
    if scale != 1:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        field = np.asarray(cv2.resize(field, None, fx=scale, fy=scale, interpolation=how), np.uint8)
    return compared(examine(field, um_per_px / scale, SlideColour.fresh()).heads, labels, scale)


def compared(heads: Heads, labels: Path, scale: float = 1.0) -> tuple[int, int, int]:
    """Return how many heads there are, how many objects were accepted, and how many of them are heads."""
    truth = true_heads(labels, heads.field_px, scale)
    edge = [mask for mask in truth if at_border(mask)]
    inner = [mask for mask in truth if not at_border(mask)]
    found = [heads.labels == i + 1 for i in np.flatnonzero(heads.accepted).tolist()]
    found = [one for one in found if not at_border(one) and not any((one & mask).any() for mask in edge)]
    matched = sum(any((one & mask).sum() >= 0.5 * (one | mask).sum() for one in found) for mask in inner)
    return len(inner), len(found), matched


def words(doc: str | None) -> argparse.Namespace:
    """Return the words of the command line: pictures, their labels and scale."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--um-per-px", type=float, required=True)
    return parser.parse_args()


def main() -> int:
    """Print the table; 1 if a change costs more than the bar allows."""
    arguments = words(__doc__)
    cv2.setNumThreads(1)
    below = 0
    sys.stdout.write("| change | recall | precision |\n|---|---|---|\n")
    for name, (change, scale) in CHANGES.items():
        totals = np.zeros(3, np.int64)
        for path in sorted(arguments.labels.glob("*.json")):
            field = change(read_picture(arguments.images / f"{path.stem}.jpg"))
            totals += counts(field, path, arguments.um_per_px, scale)
        heads, found, matched = (int(value) for value in totals)
        recall, precision = matched / max(1, heads), matched / max(1, found)
        below += recall < 0.98 or precision < 0.95
        sys.stdout.write(f"| {name} | {recall:.4f} | {precision:.4f} |\n")
        sys.stdout.flush()
    return int(below > 0)


if __name__ == "__main__":
    sys.exit(main())
