"""Fields of known class, donor and slide, cut into a crop set by the daemon's own imaging.

Each slide is a folder of pictures, a recording, a TIFF stack or a whole-slide file, as `zpscope score` takes it. Each
crop is written with the mask of its head, which explanations need. Knows no network and no split.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import FieldRefused, PictureRefused, SettingsError
from zpscope.drivers.open_source import open_source
from zpscope.drivers.replay import stated_scale
from zpscope.drivers.source import Source
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.crop import cut_crops, cut_masks
from zpscope.imaging.decode import decode
from zpscope.imaging.examine import examine
from zpscope.training.crop_set import check_faults, write_crops
from zpscope.training.network import CLASSES

CROPS, MASKS = "crops", "masks"
"""Folders of a run: a crop set, and the masks under the same names."""


def cut_fields(
    folder: Path,
    um_per_px: float | None,
    out: Path,
    refused: Callable[[str], object],
    slide_done: Callable[[], object],
) -> None:
    """Write the crop set `out/crops` and `out/masks` of all slides in a folder.

    Args:
        folder: Holds `bound` and `unbound`, in each a folder for each donor and slide, or for each slide.
        um_per_px: Of the fields; None: what the files state.
        out: The run's folder.
        refused: Hears of every field that cannot be used.
        slide_done: Is called after each slide.

    Raises:
        SettingsError: A folder is missing, a scale is, or too many fields cannot be used.
        StoreError: The disk is full or may not be written.
    """
    fields = faults = 0
    for path, origin in slides(folder):
        source = open_source(path)
        scale = um_per_px or stated_scale(source, path)
        for name, crops, masks in _cut(source, scale):
            fields += 1
            if isinstance(crops, str) or masks is None:
                refused(f"{path}: {name}: {crops}")
                faults += 1
                continue
            names = [f"{origin}/{name}-{i}.png" for i in range(len(crops))]
            write_crops(out / CROPS, crops, names)
            write_crops(out / MASKS, masks, names)
        slide_done()
    check_faults(faults, fields)


def slides(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield each slide in a folder and its `CLASS/DONOR/SLIDE`; raise SettingsError as `cut_fields`."""
    for name in CLASSES:
        if not (folder / name).is_dir():
            msg = (
                f"{folder} has no folder `{name}`: put the pictures into {folder}/bound and {folder}/unbound"
            )
            raise SettingsError(msg)
        found = list(_leaves(folder / name))
        if not found:
            msg = f"{folder / name} holds no slide's folder: put the pictures into {name}/SLIDE or {name}/DONOR/SLIDE"
            raise SettingsError(msg)
        for path in found:
            yield path, path.relative_to(folder).with_suffix("").as_posix()


def _leaves(folder: Path, depth: int = 2) -> Iterator[Path]:
    """Yield the folders without folders, and the files beside folders."""
    for path in sorted(folder.iterdir()):
        if depth > 1 and path.is_dir() and any(inner.is_dir() for inner in path.iterdir()):
            yield from _leaves(path, depth - 1)
        else:
            yield path


def _cut(
    source: Source, um_per_px: float
) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[np.uint8]] | tuple[str, str, None]]:
    """Yield name, crops (A, 128, 128) and masks of each field of a slide, or its name and why there are none."""
    colour = SlideColour.fresh()
    for index in range(len(source)):
        name = source.name(index)
        try:
            field = decode(source.read(index).pixels, source.layout)
            seen = examine(field, um_per_px, colour)
        except (PictureRefused, FieldRefused) as error:
            yield name, str(error), None
            continue
        colour = seen.colour
        if seen.skip:
            yield name, f"skipped, {seen.skip}", None
            continue
        yield name, cut_crops(field, seen.heads, um_per_px), cut_masks(seen.heads, um_per_px)
