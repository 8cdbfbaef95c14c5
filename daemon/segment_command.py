"""`zpscope segment`: label pictures and a table of heads, to look at and to benchmark."""

import argparse
import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import FieldRefused, PictureRefused, SettingsError, StoreError
from zpscope.daemon.process import add_reference_argument, add_scale_argument, scale_of
from zpscope.daemon.skips import remedy
from zpscope.drivers.open_source import open_source
from zpscope.drivers.replay import stated_scale
from zpscope.drivers.source import Source
from zpscope.imaging.colour import Centroids, SlideColour
from zpscope.imaging.decode import decode
from zpscope.imaging.examine import examine
from zpscope.imaging.heads import Heads
from zpscope.imaging.reference import read_reference

HELP = "write which heads are found in pictures, as label pictures and a table"
_COLUMNS = (
    "field",
    "head_id",
    "x_px",
    "y_px",
    "angle_deg",
    "accepted",
    "reason",
    "area_um2",
    "length_um",
    "width_um",
    "sharpness",
    "angle_confidence",
)
_GREEN, _RED = (0, 160, 0), (220, 0, 0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="pictures, folders of them, recordings, TIFF stacks, slides",
    )
    add_scale_argument(parser)
    add_reference_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--overlay", action="store_true", help="also write pictures with outlines, tips and reasons"
    )


def run(arguments: argparse.Namespace) -> int:
    """Segment every picture as a slide of its own; 1 if one could not be used."""
    um_per_px = scale_of(arguments)
    reference = read_reference(arguments.reference)
    sources = [
        (source, um_per_px or stated_scale(source, path))
        for path, source in [(path, open_source(path)) for path in arguments.paths]
    ]
    _check_names(arguments.paths, [source for source, _ in sources])
    _check_out(arguments.paths, arguments.out)
    refused = 0
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        with (arguments.out / "heads.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(_COLUMNS)
            for source, scale in sources:
                for index in range(len(source)):
                    refused += not _segment(source, index, scale, reference, table.writerows, arguments)
    except OSError as error:
        msg = f"{arguments.out} cannot be written to: {error.strerror}; name another folder with --out"
        raise StoreError(msg) from error
    return int(refused > 0)


def _check_out(paths: list[Path], out: Path) -> None:
    """Raise SettingsError if results would come to lie beside the pictures, or in their place."""
    files = [one for path in paths for one in (path.iterdir() if path.is_dir() else [path])]
    folders = {folder for one in files for folder in (one.parent.resolve(), one.resolve().parent)}
    if out.resolve() in folders or (out.is_dir() and any(one.is_symlink() for one in out.iterdir())):
        msg = f"{out} holds the pictures themselves, or links, which the results would replace: name another with --out"
        raise SettingsError(msg)


def _segment(
    source: Source,
    index: int,
    um_per_px: float,
    reference: Centroids,
    write_rows: Callable[[Iterator[tuple[object, ...]]], object],
    arguments: argparse.Namespace,
) -> bool:
    """Write what one field holds; return whether it could be used."""
    name = source.name(index)
    try:
        field = decode(source.read(index).pixels, source.layout)
        examination = examine(field, um_per_px, SlideColour.fresh(reference))
    except PictureRefused as error:
        sys.stderr.write(f"zpscope: {error}\n")
        return False
    except FieldRefused as error:
        sys.stderr.write(f"zpscope: {name}: {error}\n")
        return False
    if examination.skip:
        sys.stderr.write(f"zpscope: {name} is skipped: {remedy(examination.skip)}\n")
    heads = examination.heads
    write_rows(_rows(name, heads))
    _write(arguments.out / f"{name}.png", heads.labels)
    if arguments.overlay:
        drawn = cv2.cvtColor(overlay(field, heads), cv2.COLOR_RGB2BGR)
        _write(arguments.out / f"{name}.overlay.png", drawn)
    return True


def _write(path: Path, picture: NDArray[Any]) -> None:
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def overlay(field: NDArray[np.uint8], heads: Heads) -> NDArray[np.uint8]:
    """Return the field (H, W, 3), RGB, with outlines, anterior tips and reasons drawn on it."""
    drawn = field.copy()
    for i, reason in enumerate(heads.reason):
        colour = _RED if reason else _GREEN
        cv2.polylines(drawn, [heads.outlines[i]], True, colour, 1, cv2.LINE_AA)
        direction = np.array([np.cos(np.radians(heads.angle_deg[i])), np.sin(np.radians(heads.angle_deg[i]))])
        reach = float(((heads.outlines[i] - heads.centre_px[i]) @ direction).max())
        start, end = heads.centre_px[i] + direction * reach, heads.centre_px[i] + direction * (reach + 12)
        cv2.line(drawn, _point(start), _point(end), colour, 2, cv2.LINE_AA)
        if reason:
            corner = heads.outlines[i].min(0)
            cv2.putText(
                drawn, reason, _point(corner - [0, 4]), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA
            )
    return drawn


def _check_names(paths: list[Path], sources: list[Source]) -> None:
    """Raise SettingsError if two fields would give one result."""
    names: dict[str, Path] = {}
    for path, source in zip(paths, sources, strict=True):
        for name in map(source.name, range(len(source))):
            if name in names:
                msg = f"{path} and {names[name]} would both give {name}.png: rename one of them"
                raise SettingsError(msg)
            names[name] = path


def _rows(field: str, heads: Heads) -> Iterator[tuple[object, ...]]:
    for i, reason in enumerate(heads.reason):
        place = (f"{heads.centre_px[i, 0]:.2f}", f"{heads.centre_px[i, 1]:.2f}", f"{heads.angle_deg[i]:.2f}")
        size = (f"{heads.area_um2[i]:.3f}", f"{heads.length_um[i]:.3f}", f"{heads.width_um[i]:.3f}")
        sure = (f"{heads.sharpness[i]:.3f}", f"{heads.angle_confidence[i]:.3f}")
        yield (field, i + 1, *place, "false" if reason else "true", reason, *size, *sure)


def _point(place: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))
