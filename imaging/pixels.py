"""The work on every pixel of a field, wherever its pixels lie: the seam between OpenCV and its twin on a GPU.

`engines/torch_pixels.py` is the twin. Both give the same within one grey level, and the same heads
(`tests/contract/test_pixels.py`). What is done at a few places only, as along the rays of an outline, is no part of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.colour import BINS, bins, looked_up
from zpscope.imaging.decode import PixelLayout, decode
from zpscope.imaging.light import balance, gain_of


@dataclass(frozen=True)
class Cut:
    """Where a crop is taken from a field."""

    left: int
    top: int
    right: int
    """Left and top of the window are in it, right and bottom are not; what lies outside of it is its reflection."""
    bottom: int
    matrix: NDArray[np.float64]
    """(2, 3): takes a place (x, y) of the window to its place in the crop."""


class Bins(Protocol):
    """The colour bin of each pixel of a white-balanced field (H, W)."""

    def histogram(self, stride: int = 1) -> NDArray[np.float32]:
        """Return how many of every so many-th pixel of every so many-th row each bin has (BINS,)."""
        ...

    def looked_up(self, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what a table (TABLE,) says of each pixel (H, W)."""
        ...


class Pixels(Protocol):
    """A colour field (H, W, 3), RGB, 8 bits."""

    @property
    def shape(self) -> tuple[int, int]:
        """H, W."""
        ...

    def levels(self, stride: int = 1) -> NDArray[np.uint8]:
        """Return every so many-th pixel of every so many-th row (h, w, 3); not to be written to."""
        ...

    def shrunk(self, times: int) -> Self:
        """Return the means of squares of times x times pixels; what is left over at the right and below is lost."""
        ...

    def balanced(self, empty: NDArray[np.float32]) -> Self:
        """Return it as if its empty slide had the reference's colour; see `light.balance`."""
        ...

    def bins(self) -> Bins:
        """Return the colour bin of each pixel, this field being white-balanced."""
        ...

    def turned(self, cuts: Sequence[Cut], side_px: int) -> NDArray[np.uint8]:
        """Return grey crops (A, side, side) by linear interpolation."""
        ...


OpenPixels = Callable[[NDArray[np.uint8], PixelLayout], Pixels]
"""Takes a sensor's pixels, `Pixels` out; see `decode`."""


class OpenCvPixels:
    """On the CPU; see `Pixels`."""

    def __init__(self, field: NDArray[np.uint8]) -> None:
        self._field = field

    @classmethod
    def opened(cls, pixels: NDArray[np.uint8], layout: PixelLayout) -> Self:
        """Return the field that a sensor's pixels are."""
        return cls(decode(pixels, layout))

    @property
    def shape(self) -> tuple[int, int]:
        """H, W."""
        return self._field.shape[0], self._field.shape[1]

    def levels(self, stride: int = 1) -> NDArray[np.uint8]:
        """Return every so many-th pixel of every so many-th row (h, w, 3)."""
        return self._field[::stride, ::stride]

    def shrunk(self, times: int) -> Self:
        """Return the means of squares of times x times pixels."""
        if times == 1:
            return self
        height, width = (side // times for side in self.shape)
        whole = self._field[: height * times, : width * times]
        return type(self)(
            np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        )

    def balanced(self, empty: NDArray[np.float32]) -> Self:
        """Return it as if its empty slide had the reference's colour."""
        return type(self)(balance(self._field, gain_of(empty)))

    def bins(self) -> "OpenCvBins":
        """Return the colour bin of each pixel."""
        return OpenCvBins(bins(self._field))

    def turned(self, cuts: Sequence[Cut], side_px: int) -> NDArray[np.uint8]:
        """Return grey crops (A, side, side)."""
        crops = np.empty((len(cuts), side_px, side_px), np.uint8)
        for crop, cut in zip(crops, cuts, strict=True):
            window = self._field[cut.top : cut.bottom, cut.left : cut.right]
            grey = cv2.cvtColor(window, cv2.COLOR_RGB2GRAY)
            cv2.warpAffine(grey, cut.matrix, (side_px, side_px), crop, borderMode=cv2.BORDER_REFLECT)
        return crops


class OpenCvBins:
    """On the CPU; see `Bins`."""

    def __init__(self, seen: NDArray[np.uint16]) -> None:
        self._seen = seen

    def histogram(self, stride: int = 1) -> NDArray[np.float32]:
        """Return how many of every so many-th pixel of every so many-th row each bin has (BINS,)."""
        some = np.ascontiguousarray(self._seen[::stride, ::stride])
        counts = cv2.calcHist([some], [0], None, [BINS], [0, BINS])
        return np.asarray(counts.ravel(), np.float32)

    def looked_up(self, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what a table (TABLE,) says of each pixel (H, W)."""
        return looked_up(self._seen, table)


def pixels_of(field: NDArray[np.uint8] | Pixels) -> Pixels:
    """Return a decoded field (H, W, 3) as what it can be worked on; nothing is copied."""
    return OpenCvPixels(field) if isinstance(field, np.ndarray) else field
