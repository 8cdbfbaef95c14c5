"""What an operator may set about a real camera. Knows no driver and no device."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from zpscope.config.model import Model, UmPerPx


class PylonCamera(Model):
    """A Basler camera, through the pylon SDK."""

    driver: Literal["pylon"]
    name: str = "pylon"
    um_per_px: UmPerPx
    serial: Annotated[str, Field(min_length=1)] | None = None
    """Printed on the camera; without it, the one that is there. An emulated camera must be named."""
    pixel_format: str | None = None
    """The camera's own name for it, such as `BayerRG8` or `BayerRG12p`; without it, its 8-bit Bayer format."""
    width_px: PositiveInt | None = None
    """Region of interest; without it, the whole sensor."""
    height_px: PositiveInt | None = None
    left_px: NonNegativeInt = 0
    top_px: NonNegativeInt = 0
    exposure_us: PositiveFloat | None = None
    """Without it, as the camera is set."""
    gain_db: NonNegativeFloat | None = None
    """Without it, as the camera is set."""
    white_balance: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    """What the camera multiplies red, green and blue by; without it, as the camera is set."""
    frame_rate_hz: PositiveFloat | None = None
    """At most so many exposures per second; without it, as fast as the camera goes."""
    trigger: Literal["free_running", "software", "hardware"] = "free_running"
    """`free_running`: the camera exposes by itself. `software`: when zpscope asks. `hardware`: on `trigger_line`."""
    trigger_line: str = "Line1"
    emulated_folder: Path | None = None
    """Pictures that Basler's camera emulator shows, in name order; a real camera has no such thing."""


class OpencvCamera(Model):
    """A video file, a USB camera (UVC) or a network stream, through OpenCV."""

    driver: Literal["opencv"]
    name: str = "opencv"
    um_per_px: UmPerPx
    source: Annotated[str, Field(min_length=1)]
    """A device's number or path (`0`, `/dev/video0`), a URL (`rtsp://...`), or the path of a video."""
    width_px: PositiveInt | None = None
    """Ask a device for this size; without it, its own."""
    height_px: PositiveInt | None = None
    pace_hz: PositiveFloat | None = None
    """At most so many frames of a video file per second; without it, as fast as they are asked for."""
