# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""A whole-slide picture, cut into overlapping fields at full resolution; knows tiffslide."""

import time
from itertools import product
from pathlib import Path

import numpy as np
import tifffile
import tiffslide

from zpscope.config.errors import PictureRefused, SettingsError
from zpscope.drivers.camera import Grab
from zpscope.imaging.decode import PixelLayout

FIELD_PX = (1280, 1024)
"""Width and height of a field."""
OVERLAP_PX = 256
"""What neighbours share, so that a head on the edge of one is whole in the other: 13 µm at 0.05 µm/px."""


class WholeSlide:
    """See `Source`. Fields go row by row, with their positions on the slide."""

    layout: PixelLayout = "rgb8"
    simulated = False

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with tiffslide.TiffSlide(path) as slide:
                known = slide.properties.get("tiffslide.vendor")
                mpp = slide.properties.get("tiffslide.mpp-x")
                mpp_y = slide.properties.get("tiffslide.mpp-y")
                width, height = slide.dimensions
        except (tifffile.TiffFileError, ValueError, KeyError, OSError) as error:
            msg = f"{path} is not a slide that can be read ({error}): export it as OME-TIFF or Aperio SVS"
            raise SettingsError(msg) from error
        if not known:
            msg = f"{path} is a slide of an unknown vendor: export it as Aperio SVS, or cut it into pictures"
            raise SettingsError(msg)
        if mpp and mpp_y and abs(float(mpp) / float(mpp_y) - 1) > 0.01:
            msg = f"{path} states {mpp} µm/px across and {mpp_y} down: its pixels must be square"
            raise SettingsError(msg)
        if width < FIELD_PX[0] or height < FIELD_PX[1]:
            msg = f"{path} is {width} x {height} px, less than one field: save it as a picture"
            raise SettingsError(msg)
        self.um_per_px = float(mpp) if mpp else None
        columns, rows = (_starts(whole, part) for whole, part in zip((width, height), FIELD_PX, strict=True))
        self._corners = [(x, y) for y, x in product(rows, columns)]

    def __len__(self) -> int:
        return len(self._corners)

    def name(self, index: int) -> str:
        """Return the file's name and the field's first pixel."""
        x, y = self._corners[index]
        return f"{self._path.stem}-x{x:06}-y{y:06}"

    def lost_before(self, index: int) -> int:
        """Return 0: it does not say."""
        del index
        return 0

    def read(self, index: int) -> Grab:
        """Cut out a field."""
        x, y = self._corners[index]
        try:
            with tiffslide.TiffSlide(self._path) as slide:
                pixels = np.asarray(slide.read_region((x, y), 0, FIELD_PX, as_array=True), np.uint8)
        except (ValueError, OSError, RuntimeError) as error:
            msg = f"{self._path} cannot be read at {x}, {y} ({error}): copy the file again"
            raise PictureRefused(msg) from error
        scale = self.um_per_px
        middle = (x + (FIELD_PX[0] - 1) / 2, y + (FIELD_PX[1] - 1) / 2)
        place = (middle[0] * scale, middle[1] * scale) if scale else None
        return Grab(pixels[..., :3], time.monotonic_ns(), place, 0, self.name(index))


def _starts(whole_px: int, part_px: int) -> list[int]:
    """Return where parts begin so that they cover the whole, the last one at its end."""
    return [*range(0, whole_px - part_px, part_px - OVERLAP_PX), whole_px - part_px]
