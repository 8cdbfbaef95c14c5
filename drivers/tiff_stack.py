# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
"""A TIFF file of one or many pages as recorded fields, OME-TIFF and ImageJ included; knows tifffile.

Scale and stage positions are those that the file states, or none; a unit that is not a length is no statement.
"""

import math
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tifffile

from zpscope.config.errors import PictureRefused, SettingsError
from zpscope.drivers.camera import Grab, place_um
from zpscope.imaging.decode import PixelLayout

_UM = {
    "µm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "\\u00B5m": 1.0,
    "μm": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "nm": 1e-3,
    "m": 1e6,
    "inch": 25400.0,
}
_RESOLUTION_UM = {2: 25400.0, 3: 1e4}
"""TIFF's ResolutionUnit in µm: inch, centimetre."""
Place = tuple[float, float] | None


class TiffStack:
    """See `Source`. Every page is a field."""

    layout: PixelLayout = "rgb8"
    simulated = False

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with tifffile.TiffFile(path) as file:
                self._pages = [
                    page.index for series in file.series for page in series.pages if page is not None
                ]
                self.um_per_px, self._places = _stated(file, path, len(self._pages))
        except (tifffile.TiffFileError, OSError, ValueError, ElementTree.ParseError) as error:
            msg = f"{path} is not a TIFF file, or is damaged ({error}): copy it again from where it was recorded"
            raise SettingsError(msg) from error

    def __len__(self) -> int:
        return len(self._pages)

    def name(self, index: int) -> str:
        """Return the file's name and the page, from 1."""
        stem = self._path.name.split(".")[0]
        return stem if len(self._pages) == 1 else f"{stem}-{index + 1:04}"

    def lost_before(self, index: int) -> int:
        """Return 0: it does not say."""
        del index
        return 0

    def read(self, index: int) -> Grab:
        """Return a page."""
        where = f"{self._path}, page {index + 1},"
        try:
            with tifffile.TiffFile(self._path) as file:
                pixels = file.pages[self._pages[index]].asarray()
        except (ValueError, OSError, IndexError) as error:
            msg = f"{where} cannot be read ({error}): copy the file again from where it was recorded"
            raise PictureRefused(msg) from error
        if pixels.dtype != np.uint8:
            msg = f"{where} has {8 * pixels.itemsize} bits per channel: save it with 8"
            raise PictureRefused(msg)
        if pixels.ndim != 3 or pixels.shape[2] != 3 or (pixels[..., :1] == pixels).all():
            msg = f"{where} is not an RGB picture: record it in colour, the three channels side by side"
            raise PictureRefused(msg)
        return Grab(pixels, time.monotonic_ns(), self._places[index], 0, self.name(index))


def _stated(file: tifffile.TiffFile, path: Path, pages: int) -> tuple[float | None, list[Place]]:
    """Return the scale, in µm/px, and the stage position, in µm, of every page."""
    if file.is_ome and file.ome_metadata:
        return _ome(file.ome_metadata, path, pages)
    if file.is_imagej and (about := file.imagej_metadata):
        tag = file.pages.first.tags.get("XResolution")
        unit = _UM.get(str(about.get("unit", "")))
        return (unit * tag.value[1] / tag.value[0] if unit and tag and tag.value[0] else None), [None] * pages
    tags = file.pages.first.tags
    tag, unit_tag = tags.get("XResolution"), tags.get("ResolutionUnit")
    unit = _RESOLUTION_UM.get(int(unit_tag.value)) if unit_tag else None
    scale = unit * tag.value[1] / tag.value[0] if unit and tag and tag.value[0] else None
    # 72 dpi and the like are what programs write who know nothing of the scale.
    return (scale if scale and scale < 10 else None), [None] * pages


def _ome(text: str, path: Path, pages: int) -> tuple[float | None, list[Place]]:
    scales: set[float] = set()
    places: list[Place] = []
    for pixels in ElementTree.fromstring(text).iterfind("{*}Image/{*}Pixels"):
        if int(pixels.get("SizeZ", "1")) > 1:
            msg = f"{path} holds stacks in depth: export one plane for each field, or heads are counted twice"
            raise SettingsError(msg)
        size, unit = pixels.get("PhysicalSizeX"), _UM.get(pixels.get("PhysicalSizeXUnit", "µm"))
        if size and unit:
            scales.add(_scale(size, unit))
        found: dict[int, Place] = {}
        for plane in pixels.iterfind("{*}Plane"):
            found[int(plane.get("TheT", "0"))] = _place(plane)
        places += [found.get(time_point) for time_point in range(int(pixels.get("SizeT", "1")))]
    if len(scales) > 1:
        msg = f"{path} states several scales ({', '.join(map(str, sorted(scales)))} µm/px): split it by scale"
        raise SettingsError(msg)
    if len(places) != pages:
        places = [None] * pages
    return (scales.pop() if scales else None), places


def _scale(size: str, unit: float) -> float:
    scale = round(float(size) * unit, 9)
    if not (math.isfinite(scale) and scale > 0):
        msg = f"a pixel of {size} cannot be"
        raise ValueError(msg)
    return scale


def _place(plane: ElementTree.Element) -> Place:
    x, y = plane.get("PositionX"), plane.get("PositionY")
    units = [_UM.get(plane.get(key, "")) for key in ("PositionXUnit", "PositionYUnit")]
    if x is None or y is None or units[0] is None or units[1] is None:
        return None
    return place_um(float(x) * units[0], float(y) * units[1])
