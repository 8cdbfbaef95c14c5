"""The seam to a camera: what a driver is, and what it hands over.

A driver knows its device and nothing else: no sample, no socket, no model.
"""

import math
from dataclasses import dataclass
from typing import Protocol, Self, TypeGuard

import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.decode import PixelLayout

_FARTHEST_UM = 1e7


def place_um(x_um: float, y_um: float) -> tuple[float, float]:
    """Return a stage position that a device or a file states; raise ValueError if no stage can be there."""
    if not all(math.isfinite(one) and abs(one) < _FARTHEST_UM for one in (x_um, y_um)):
        msg = f"a stage position of {x_um:g}, {y_um:g} µm cannot be"
        raise ValueError(msg)
    return x_um, y_um


@dataclass(frozen=True)
class PixelFormat:
    """What every exposure of one stream looks like."""

    height_px: int
    width_px: int
    layout: PixelLayout
    um_per_px: float | None = None
    """The scale that the exposures themselves state; None: the one in the settings holds."""
    serial: str = ""
    """Of the device; empty where the driver is not told, and for recordings."""
    simulated: bool = False
    """A program draws the exposures: they show no slide."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the pixels: (H, W), or (H, W, 3) for `rgb8`."""
        plane = (self.height_px, self.width_px)
        return (*plane, 3) if self.layout == "rgb8" else plane

    def fits(self, pixels: NDArray[np.uint8]) -> bool:
        """Return whether an exposure is whole: neither cut short nor of another shape."""
        return pixels.shape == self.shape and pixels.dtype == np.uint8


@dataclass(frozen=True)
class Grab:
    """One exposure: a frame before it has a number."""

    pixels: NDArray[np.uint8]
    """(H, W) or (H, W, 3) as `PixelFormat` says; borrowed, valid until the next grab, or longer if `kept`.

    One that is cut short is handed over as it is; `daemon/capture.py` counts it as lost.
    """
    device_ns: int
    """When it was exposed, in ns of the host's monotonic clock; by the device's own clock where it has one."""
    stage_um: tuple[float, float] | None
    """Position of the field's centre on the slide, (x, y) in µm, at exposure; None without a stage."""
    lost: int
    """Exposures lost at the driver since the previous grab."""
    source: str
    """Name of the recorded picture without its ending, or empty."""
    kept: bool = False
    """Whether the pixels stay what they are for as long as they are held, so that nobody need copy them."""


class EndOfStream(Exception):  # noqa: N818  (an end, not an error)
    """A recording or a simulated scan has no more exposures; `lost` were lost since the last grab."""

    def __init__(self, lost: int = 0) -> None:
        super().__init__(lost)
        self.lost = lost


class Camera(Protocol):
    """A camera. Entering starts the stream, leaving stops it and lets the device go; both can be repeated."""

    @property
    def format(self) -> PixelFormat:
        """Shape and layout of every exposure; known once entered."""
        ...

    def grab(self, timeout_s: float) -> Grab:
        """Return the next exposure; raise GrabTimeout, CameraLost, or EndOfStream."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class Recording(Camera, Protocol):
    """A camera whose stream has a beginning, and shows the same again each time it is entered."""

    @property
    def repeats(self) -> bool:
        """Whether an exposure that was made and came to nothing can be made again."""
        ...

    def skip(self, exposures: int) -> None:
        """Go on after so many exposures, those that would be lost included; called once, right after entering."""
        ...


def is_recording(camera: Camera) -> TypeGuard[Recording]:
    """Return whether it is one; asks the class, for a camera that is not entered has no format to look at."""
    return hasattr(type(camera), "skip")
