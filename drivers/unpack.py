"""Sensor words of 10 and 12 bits to the 8 that the rest of zpscope computes with: the upper ones (ADR 0009).

Names and bit orders are those of the GenICam Pixel Format Naming Convention 2.4. Knows no camera.
"""

from collections.abc import Callable
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.decode import PixelLayout

Bytes = NDArray[np.uint8]


def eight_bits(sent: Bytes, packing: str, shape: tuple[int, ...]) -> Bytes:
    """Return the upper 8 bits of every word, in `shape`.

    Args:
        sent: (N,) bytes as they arrived; for `8`, returned as they are, not copied.
        packing: `8`; `10` or `12` (16-bit words); `10p` or `12p` (no gaps); `12Packed` (GigE Vision).
        shape: (H, W) or (H, W, 3); its size is a multiple of 4.

    Raises:
        ValueError: there are not as many bytes as the shape needs.
    """
    return _UNPACK[packing](sent).reshape(shape)


def layout_of(pixel_format: str) -> tuple[PixelLayout, str] | None:
    """Return layout and packing of a format by its GenICam name; None if zpscope cannot use it."""
    if pixel_format in ("RGB8", "RGB8Packed"):
        return "rgb8", "8"
    order, packing = pixel_format[:7].lower(), pixel_format[7:]
    layout = f"{order[:5]}_{order[5:]}8"
    if layout not in get_args(PixelLayout) or packing not in _UNPACK:
        return None
    return cast("PixelLayout", layout), packing


def _words(bits: int) -> Callable[[Bytes], Bytes]:
    return lambda sent: (sent.view("<u2") >> (bits - 8)).astype(np.uint8)


def _unpack_10p(sent: Bytes) -> Bytes:
    """Four pixels in five bytes, lowest bit first."""
    group = sent.reshape(-1, 5)
    pixels = np.empty((len(group), 4), np.uint8)
    for place in range(4):
        low, high = group[:, place], group[:, place + 1]
        pixels[:, place] = (low >> (2 * place + 2)) | (high << (6 - 2 * place))
    return pixels


def _unpack_12p(sent: Bytes) -> Bytes:
    """Two pixels in three bytes, lowest bit first."""
    group = sent.reshape(-1, 3)
    first = (group[:, 0] >> 4) | (group[:, 1] << 4)
    return np.stack([first, group[:, 2]], 1).astype(np.uint8, copy=False)


def _unpack_12_packed(sent: Bytes) -> Bytes:
    """Two pixels in three bytes: upper 8 bits, both lower 4, upper 8 bits."""
    return np.ascontiguousarray(sent.reshape(-1, 3)[:, ::2])


_UNPACK: dict[str, Callable[[Bytes], Bytes]] = {
    "8": lambda sent: sent,
    "10": _words(10),
    "12": _words(12),
    "10p": _unpack_10p,
    "12p": _unpack_12p,
    "12Packed": _unpack_12_packed,
}
