"""The work of `zpscope explain`: maps of validation heads, and how much of them lies where.

The test set stays closed. Masks are those that segmentation cut with the crops.
"""

import argparse
import csv
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from zpscope.config.errors import SettingsError, StoreError
from zpscope.imaging.picture import read_grey
from zpscope.training.crop_set import CropSet
from zpscope.training.cut_fields import MASKS
from zpscope.training.device import repeatable
from zpscope.training.network import CLASSES
from zpscope.training.regions import REGIONS, shares, summary
from zpscope.training.run import Run
from zpscope.training.saliency import saliency
from zpscope.training.split import VALIDATION

_SHOWN = 8
"""Heads of each class in the picture."""


def explain(arguments: argparse.Namespace) -> int:
    """Write the table and the picture."""
    if arguments.heads < 1:
        msg = f"--heads {arguments.heads} will not do: give 1 or more"
        raise SettingsError(msg)
    run = Run(arguments.run_folder)
    repeatable(run.plan.schedule.seed)
    crops = _some(run.crops.only(run.sets == VALIDATION), arguments.heads, run.plan.schedule.seed)
    masks = _masks(arguments.masks or Path(run.plan.crops).with_name(MASKS), crops)
    maps = saliency(run.trained(), crops.crops, crops.bound)
    found = shares(maps, masks)
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        _write_table(arguments.out / "importance.csv", crops, found)
        picture = np.vstack([_strip(crops, masks, maps, bound) for bound in (True, False)])
        (arguments.out / "saliency.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    except OSError as error:
        msg = f"{arguments.out} cannot be written ({error.strerror}): make room or choose another folder"
        raise StoreError(msg) from error
    table = Table("class", "heads", "region", "importance, mean ± SEM", "area", "times its area")
    for bound in (True, False):
        for name, one in summary(found[crops.bound == bound]).items():
            mean = f"{one.importance:.1%} ± {one.sem:.1%}"
            table.add_row(
                CLASSES[bound], str(one.crops), name, mean, f"{one.area:.1%}", f"{one.enrichment:.2f}"
            )
    Console(width=110).print(table)
    sys.stdout.write(f"{arguments.out / 'saliency.png'}\n")
    return 0


def _some(crops: CropSet, count: int, seed: int) -> CropSet:
    """Return at most so many crops of each class, drawn at random."""
    random = np.random.default_rng(seed)
    chosen = [random.permutation(np.flatnonzero(crops.bound == bound))[:count] for bound in (True, False)]
    return crops.only(np.sort(np.concatenate(chosen)))


def _masks(folder: Path, crops: CropSet) -> NDArray[np.bool_]:
    """Return the masks (N, 128, 128) of crops; raise SettingsError if there are none."""
    missing = [name for name in crops.name.tolist() if not (folder / name).is_file()]
    if missing:
        msg = f"{folder} has no mask of {missing[0]}: train from fields (--um-per-px), or name the folder with --masks"
        raise SettingsError(msg)
    return np.stack([read_grey(folder / name) > 127 for name in crops.name.tolist()])


def _write_table(path: Path, crops: CropSet, found: NDArray[np.float64]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(
            ("crop", "class", *(f"{name}_{kind}" for kind in ("importance", "area") for name in REGIONS))
        )
        for name, bound, row in zip(crops.name.tolist(), crops.bound.tolist(), found, strict=True):
            table.writerow((name, CLASSES[bound], *(f"{share:.5f}" for share in row.ravel())))


def _strip(
    crops: CropSet, masks: NDArray[np.bool_], maps: NDArray[np.float32], bound: bool
) -> NDArray[np.uint8]:
    """Return crops of one class above their maps, the head's outline in both (256, 128 * shown, 3), BGR."""
    columns: list[NDArray[np.uint8]] = []
    for i in np.flatnonzero(crops.bound == bound)[:_SHOWN]:
        heat = cv2.GaussianBlur(maps[i], (0, 0), 1.0)
        heat = np.asarray(255 * heat / max(float(heat.max()), 1e-12), np.uint8)
        pair = [
            cv2.cvtColor(crops.crops[i], cv2.COLOR_GRAY2BGR),
            cv2.applyColorMap(heat, cv2.COLORMAP_INFERNO),
        ]
        outlines, _ = cv2.findContours(masks[i].astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        for one in pair:
            cv2.drawContours(one, outlines, -1, (0, 200, 0), 1)
        columns.append(np.vstack(pair).astype(np.uint8))
    empty = np.zeros((256, 128, 3), np.uint8)
    return np.hstack([*columns, *[empty] * (_SHOWN - len(columns))])
