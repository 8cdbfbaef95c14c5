"""The work on every pixel of a field in torch, on a GPU: the twin of `imaging.pixels.OpenCvPixels`.

Whole numbers wherever OpenCV has them, and floats in its order: decoded and shrunk fields are the same bit by bit,
white-balanced ones and crops within one grey level. A field goes up once as the sensor gave it; down come its colours,
what the look-up table says of it, and the crops. It runs on any device; the tests run it on the processor.
"""

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zpscope.imaging.colour import BIN_BITS, BINS
from zpscope.imaging.decode import PixelLayout
from zpscope.imaging.light import gain_of
from zpscope.imaging.pixels import Cut, OpenPixels

_RED_AT = {"bayer_rg8": (0, 0), "bayer_gr8": (0, 1), "bayer_gb8": (1, 0), "bayer_bg8": (1, 1)}
"""Row and column of the first red pixel."""
_RED, _GREEN, _BLUE = range(3)
_GREY = (9798, 19235, 3735)
"""ITU-R BT.601 luma, in parts of 2^15, as OpenCV rounds them."""
_GREY_BITS = 15


def open_pixels_on(device: str) -> OpenPixels:
    """Return what opens fields on a device of torch: `cuda`, or `cpu`."""
    return partial(TorchPixels.opened, device)


class TorchPixels:
    """On a device of torch; see `Pixels`."""

    def __init__(self, field: Tensor) -> None:
        self._field = field  # (3, H, W) uint8

    @classmethod
    def opened(cls, device: str, pixels: NDArray[np.uint8], layout: PixelLayout) -> Self:
        """Return the field that a sensor's pixels are."""
        sent = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=device != "cpu")
        sent.numpy()[...] = pixels
        there = sent.to(device, non_blocking=True)
        return cls(there.permute(2, 0, 1).contiguous() if layout == "rgb8" else _decoded(there, layout))

    @property
    def shape(self) -> tuple[int, int]:
        """H, W."""
        return self._field.shape[1], self._field.shape[2]

    @cached_property
    def _all_levels(self) -> NDArray[np.uint8]:
        return _fetched(self._field.permute(1, 2, 0))

    def levels(self, stride: int = 1) -> NDArray[np.uint8]:
        """Return every so many-th pixel of every so many-th row (h, w, 3)."""
        if stride == 1:
            return self._all_levels
        return _fetched(self._field[:, ::stride, ::stride].permute(1, 2, 0))

    def shrunk(self, times: int) -> Self:
        """Return the means of squares of times x times pixels."""
        if times == 1:
            return self
        height, width = (side // times for side in self.shape)
        whole = self._field[:, : height * times, : width * times].reshape(3, height, times, width, times)
        sums = whole.sum(dim=(2, 4), dtype=torch.int32)
        if times == 2:  # OpenCV's own way of rounding here
            return type(self)(((sums + 2) >> 2).to(torch.uint8))
        return type(self)((sums.float() * float(np.float32(1 / times**2))).round().to(torch.uint8))

    def balanced(self, empty: NDArray[np.float32]) -> Self:
        """Return it as if its empty slide had the reference's colour."""
        gain = torch.from_numpy(gain_of(empty)).to(self._field.device).permute(2, 0, 1)
        height, width = self.shape
        light = self._field.float() * _stretched(_stretched(gain, 2, width), 1, height)
        return type(self)(light.round().clamp(0, 255).to(torch.uint8))

    def bins(self) -> "TorchBins":
        """Return the colour bin of each pixel."""
        red, green, blue = (self._field.to(torch.int32) >> 8 - BIN_BITS).unbind()
        return TorchBins(red << 2 * BIN_BITS | green << BIN_BITS | blue)

    def turned(self, cuts: Sequence[Cut], side_px: int) -> NDArray[np.uint8]:
        """Return grey crops (A, side, side)."""
        if not cuts:
            return np.empty((0, side_px, side_px), np.uint8)
        device = self._field.device
        back = np.stack([np.linalg.inv(np.vstack([cut.matrix, [0, 0, 1]]))[:2] for cut in cuts])
        matrix = torch.from_numpy(back).to(device)[..., None, None]  # (A, 2, 3, 1, 1)
        along = torch.arange(side_px, dtype=torch.float64, device=device)
        x, y = along[None, None, :], along[None, :, None]
        places = [matrix[:, i, 0] * x + matrix[:, i, 1] * y + matrix[:, i, 2] for i in range(2)]
        first = [place.floor() for place in places]
        right, down = (place - whole for place, whole in zip(places, first, strict=True))
        ends = torch.tensor([(cut.left, cut.top, cut.right, cut.bottom) for cut in cuts], device=device)
        columns = [_reflected(first[0].long() + step, ends[:, 0], ends[:, 2]) for step in (0, 1)]
        rows = [_reflected(first[1].long() + step, ends[:, 1], ends[:, 3]) for step in (0, 1)]
        above, below = (
            self._grey(row, columns[0]) * (1 - right) + self._grey(row, columns[1]) * right for row in rows
        )
        return _fetched((above * (1 - down) + below * down).round().to(torch.uint8))

    def _grey(self, row: Tensor, column: Tensor) -> Tensor:
        """Return the grey levels of pixels (...), whole numbers in float64."""
        red, green, blue = (
            self._field[i][row, column].to(torch.int32) * part for i, part in enumerate(_GREY)
        )
        return ((red + green + blue + (1 << _GREY_BITS - 1)) >> _GREY_BITS).double()


class TorchBins:
    """On a device of torch; see `Bins`."""

    def __init__(self, seen: Tensor) -> None:
        self._seen = seen  # (H, W) int32

    def histogram(self, stride: int = 1) -> NDArray[np.float32]:
        """Return how many of every so many-th pixel of every so many-th row each bin has (BINS,)."""
        some = self._seen[::stride, ::stride]
        return np.asarray(_fetched(torch.bincount(some.flatten(), minlength=BINS)), np.float32)

    def looked_up(self, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what a table (TABLE,) says of each pixel (H, W)."""
        there = torch.from_numpy(table).to(self._seen.device)
        return _fetched(there.index_select(0, self._seen.flatten()).view(self._seen.shape))


def _decoded(mosaic: Tensor, layout: PixelLayout) -> Tensor:
    """Return the field (3, H, W) of a Bayer mosaic (H, W): means of the nearest pixels of each colour.

    The outermost rows and columns repeat those next to them, as in OpenCV.
    """
    height, width = mosaic.shape
    wide = mosaic.to(torch.int16)
    inner = wide[1:-1, 1:-1]
    beside = wide[1:-1, :-2] + wide[1:-1, 2:]
    upright = wide[:-2, 1:-1] + wide[2:, 1:-1]
    corners = wide[:-2, :-2] + wide[:-2, 2:] + wide[2:, :-2] + wide[2:, 2:]
    across, along, diagonal = (upright + beside + 2) >> 2, (beside + 1) >> 1, (corners + 2) >> 2
    above = (upright + 1) >> 1
    red_row, red_column = _RED_AT[layout]
    field = torch.empty((3, height, width), dtype=torch.uint8, device=mosaic.device)
    colours = field[:, 1:-1, 1:-1]
    for row in (0, 1):
        for column in (0, 1):
            on_red = (row + 1) % 2 == red_row, (column + 1) % 2 == red_column  # its row, its column
            red, green, blue = {
                (True, True): (inner, across, diagonal),
                (True, False): (along, inner, above),
                (False, True): (above, inner, along),
                (False, False): (diagonal, across, inner),
            }[on_red]
            quarter = np.s_[row::2, column::2]
            for channel, plane in ((_RED, red), (_GREEN, green), (_BLUE, blue)):
                colours[channel][quarter] = plane[quarter].to(torch.uint8)
    field[:, :, 0], field[:, :, -1] = field[:, :, 1], field[:, :, -2]
    field[:, 0], field[:, -1] = field[:, 1], field[:, -2]
    return field


def _stretched(gain: Tensor, axis: int, length: int) -> Tensor:
    """Return a gain with one axis made as long as the field's, by linear interpolation, as OpenCV does."""
    before = gain.shape[axis]
    at = ((np.arange(length) + 0.5) * (before / length) - 0.5).astype(np.float32)
    low = np.floor(at)
    share = np.where((low < 0) | (low >= before - 1), np.float32(0), at - low)
    first = np.clip(low, 0, before - 1).astype(np.int64)
    starts, nexts = (
        torch.from_numpy(places).to(gain.device) for places in (first, np.minimum(first + 1, before - 1))
    )
    weight = torch.from_numpy(share).to(gain.device).view([-1 if i == axis else 1 for i in range(3)])
    return gain.index_select(axis, starts) * (1 - weight) + gain.index_select(axis, nexts) * weight


def _reflected(place: Tensor, first: Tensor, end: Tensor) -> Tensor:
    """Return places (A, side, side) of windows as places of the field; what lies outside a window is reflected."""
    length = (end - first)[:, None, None]
    around = place.remainder(2 * length)
    return first[:, None, None] + torch.minimum(around, 2 * length - 1 - around)


def _fetched(values: Tensor) -> NDArray[np.uint8]:
    """Return values in this process's memory, by page-locked memory from a GPU."""
    if values.device.type == "cpu":
        return np.ascontiguousarray(values.numpy())
    here = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    here.copy_(values)
    return np.asarray(here.numpy())
