"""Is segmentation as good on simulated fields as on real ones, and is the simulator fast enough?

`python benchmarks/simulator.py [--real FOLDER]`: for the clean and the usual slide, the share of the gradable heads
that are found (recall), of the accepted objects that are sperm heads (precision), how well the outlines fit (mean
intersection over union), and fields drawn per second of one core. With the folder of the Sperm Parsing Dataset, the
same figures for its real fields.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.optics import SHARP_UM, focus_um
from zpscope.drivers.slide_layout import Sperm
from zpscope.drivers.smear_drawing import head_at
from zpscope.drivers.synthetic import expose, field_centre_um, sperm_near
from zpscope.drivers.truth import heads_in_field
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.decode import decode
from zpscope.imaging.examine import examine
from zpscope.imaging.heads import Heads
from zpscope.imaging.picture import read_picture

NEAR_UM = 1.5
BORDER_PX = 12
"""Nearer to the edge nobody counts, in real fields as in simulated ones."""
REAL_UM_PER_PX = 0.052
Points = NDArray[np.float64]
Outline = NDArray[np.int32]
"""(M, 2): x, y in pixels."""


@dataclass(frozen=True)
class Seen:
    """One field: what is there, and what was accepted."""

    must_px: Points
    """(M, 2): heads that must be found."""
    may_px: Points
    """(N, 2): every head that an accepted object may be, those that must be found included."""
    accepted_px: Points
    """(A, 2)."""
    must_outlines: list[list[Outline]]
    """Of each head that must be found, the outlines of its parts."""
    accepted_outlines: list[Outline]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Compare segmentation on simulated and on real fields.")
    parser.add_argument("--real", type=Path, help="folder of data/spd")
    parser.add_argument("--part", choices=("train", "val"), default="val")
    parser.add_argument("--slides", choices=("clean", "usual"), nargs="+", default=["clean", "usual"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--fields", type=int, default=40, help="per simulated slide")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    print_row("fields", "heads", "recall", "precision", "IoU", "fields/s")
    pooled: list[Seen] = []
    for slide in given.slides:
        for seed in given.seeds:
            settings = SyntheticCamera(seed=seed, slide=slide)
            fields = list(simulated(settings, given.fields))
            row(f"{slide} slide, seed {seed}", fields, f"{pace(settings):.0f}")
            pooled += fields if slide == "usual" else []
    row("usual slides together", pooled, "")
    if given.real:
        row(f"real, spd/{given.part}", list(real(given.real, given.part)), "")


def row(name: str, fields: list[Seen], fields_per_s: str) -> None:
    """Print the figures of one set of fields."""
    wanted = sum(len(field.must_px) for field in fields)
    found = sum(hits(field.must_px, field.accepted_px) for field in fields)
    accepted = sum(len(field.accepted_px) for field in fields)
    right = sum(hits(field.accepted_px, field.may_px) for field in fields)
    overlaps = [one for field in fields for one in ious(field)]
    cells = (f"{found / wanted:.3f}", f"{right / accepted:.3f}", f"{np.mean(overlaps):.3f}", fields_per_s)
    print_row(name, str(wanted), *cells)


def print_row(*cells: str) -> None:
    """Print one line of a Markdown table."""
    sys.stdout.write("| " + " | ".join(cells) + " |\n")


def hits(points: Points, others: Points) -> int:
    """Return how many points have one of the others near; `NEAR_UM` counts as so many pixels at 0.069 µm/px."""
    if not len(points) or not len(others):
        return 0
    apart = np.linalg.norm(points[:, None] - others[None], axis=2)
    return int((apart.min(1) <= NEAR_UM / 0.069).sum())


def ious(field: Seen) -> Iterator[float]:
    """Yield the intersection over union of each head that must be found with the accepted outline nearest to it."""
    for at, parts in zip(field.must_px, field.must_outlines, strict=True):
        apart = np.linalg.norm(field.accepted_px - at, axis=1)
        if not len(apart) or apart.min() > NEAR_UM / 0.069:
            continue
        found = field.accepted_outlines[int(apart.argmin())]
        x, y, width, height = cv2.boundingRect(np.concatenate([*parts, found]))
        true, seen = np.zeros((2, height, width), np.uint8)
        for part in parts:
            cv2.fillPoly(true, [part - (x, y)], 1)
        cv2.fillPoly(seen, [found - (x, y)], 1)
        yield float((true & seen).sum() / (true | seen).sum())


def outline_of(one: Sperm, centre_px: Points, um_per_px: float) -> Outline:
    """Return the outline of a simulated head that lies at a place (2,) of a field."""
    reach = int(one.length_um / um_per_px)
    first = np.rint(centre_px).astype(int) - reach
    axis = np.arange(2 * reach + 1, dtype=np.float32)
    dx, dy = ((axis + low - at) * np.float32(um_per_px) for low, at in zip(first, centre_px, strict=True))
    mask = (head_at(one, dx[None], dy[:, None])[0] > 0).astype(np.uint8)
    contours = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    return np.asarray(max(contours, key=len)[:, 0] + first, np.int32)


def simulated(settings: SyntheticCamera, fields: int) -> Iterator[Seen]:
    """Yield what is seen in the sharp fields of a simulated slide."""
    colour, middle = SlideColour.fresh(), np.array([settings.width_px - 1, settings.height_px - 1]) / 2
    for number in range(fields):
        if settings.slide == "usual" and abs(focus_um(settings.seed, number)) > SHARP_UM:
            continue
        examination = examine(decode(expose(settings, number), "bayer_rg8"), settings.um_per_px, colour)
        colour, heads = examination.colour, examination.heads
        places = [(one.x_um, one.y_um) for one in sperm_near(settings, number, 2.0)]
        centre_um = np.array(field_centre_um(settings, number))
        may = (np.array(places).reshape(-1, 2) - centre_um) / settings.um_per_px + middle
        true = heads_in_field(settings, number)
        drawn = [
            [outline_of(one, at, settings.um_per_px)]
            for one, at in zip(true.sperm, true.centre_px, strict=True)
        ]
        accepted = heads.centre_px[heads.accepted]
        yield Seen(true.centre_px, may, accepted, drawn, accepted_outlines(heads))


def accepted_outlines(heads: Heads) -> list[Outline]:
    """Return the outlines of the accepted objects."""
    return [
        np.asarray(one, np.int32) for one, kept in zip(heads.outlines, heads.accepted, strict=True) if kept
    ]


def real(folder: Path, part: str) -> Iterator[Seen]:
    """Yield what is seen in real fields with hand-drawn heads."""
    colour = SlideColour.fresh()
    for path in sorted((folder / "labels" / part).glob("*.json")):
        field = read_picture(folder / "images" / part / f"{path.stem}.jpg")
        examination = examine(field, REAL_UM_PER_PX, colour)
        colour, heads = examination.colour, examination.heads
        drawn = drawn_heads(path)
        boxes = [cv2.boundingRect(np.concatenate(parts)) for parts in drawn]
        centres = np.array([(x + w / 2, y + h / 2) for x, y, w, h in boxes]).reshape(-1, 2)
        must = np.array([inside(box, field.shape) for box in boxes], np.bool_)
        accepted = heads.centre_px[heads.accepted]
        outlines = accepted_outlines(heads)
        counted = np.array([inside(cv2.boundingRect(one), field.shape) for one in outlines], np.bool_)
        yield Seen(
            centres[must],
            centres,
            accepted[counted],
            [parts for parts, kept in zip(drawn, must, strict=True) if kept],
            [one for one, kept in zip(outlines, counted, strict=True) if kept],
        )


def drawn_heads(path: Path) -> list[list[Outline]]:
    """Return the outlines of the parts of each head of a labelme file."""
    parts: dict[int, list[NDArray[np.int32]]] = {}
    for shape in json.loads(path.read_text())["shapes"]:
        if shape["label"] in ("Acrosome", "Nucleus"):
            parts.setdefault(shape["group_id"], []).append(np.rint(shape["points"]).astype(np.int32))
    return list(parts.values())


def inside(box: "cv2.typing.Rect", shape: tuple[int, ...]) -> bool:
    """Return whether a box (x, y, width, height) keeps off the border of a field (H, W, ...)."""
    x, y, width, height = box
    right, bottom = shape[1] - BORDER_PX, shape[0] - BORDER_PX
    return min(x, y) >= BORDER_PX and x + width <= right and y + height <= bottom


def pace(settings: SyntheticCamera) -> float:
    """Return the fields drawn per second of one core, over 30 fields of a scan."""
    started_s = time.process_time()
    for number in range(30):
        expose(settings, number)
    return 30 / (time.process_time() - started_s)


if __name__ == "__main__":
    main()
