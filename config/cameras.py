"""What an operator may set about a real camera. Knows no driver and no device."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from zpscope.config.model import Model, UmPerPx

Point = tuple[float, float, float]
"""x, y, z in µm."""


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


class Scan(Model):
    """A part of the slide, and how the stage goes over it. Places are those of the field's centre on the slide."""

    left_um: float
    top_um: float
    width_um: PositiveFloat
    height_um: PositiveFloat
    pattern: Literal["serpentine", "random"] = "serpentine"
    """`serpentine`: row by row. `random`: one place drawn in each of `fields` cells of about equal area."""
    fields: PositiveInt | None = None
    """`random`: how many. `serpentine`: at most so many; without it, all."""
    overlap_percent: Annotated[int, Field(ge=0, le=30)] = 0
    seed: NonNegativeInt = 1
    settle_ms: NonNegativeInt = 50
    """Wait after each move."""
    tilt_um: tuple[Point, Point, Point] | None = None
    """Three places (x, y, z) in focus: fields are put on the plane through them."""
    autofocus_um: tuple[PositiveFloat, PositiveFloat] | None = None
    """Focus each field on its heads: how far down and up to look, and in which steps."""

    @model_validator(mode="after")
    def _can_be_scanned(self) -> Self:
        if self.pattern == "random" and self.fields is None:
            msg = "pattern random needs fields, how many"
            raise ValueError(msg)
        if self.tilt_um is not None:
            (ax, ay, _), (bx, by, _), (cx, cy, _) = self.tilt_um
            if abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) < 1:
                msg = "the three places of tilt_um lie on a line: give three corners"
                raise ValueError(msg)
        return self


class MicromanagerCamera(Model):
    """A camera, and a stage, that Micro-Manager drives."""

    driver: Literal["micromanager"]
    name: str = "micromanager"
    um_per_px: UmPerPx
    config_file: Path
    """Micro-Manager's configuration (`.cfg`), as its Hardware Configuration Wizard writes it."""
    camera: str | None = None
    """The camera's label; without it, the configuration's own choice."""
    exposure_ms: PositiveFloat | None = None
    mosaic: Literal["RGGB", "BGGR", "GRBG", "GBRG"] | None = None
    """Colours of the first two rows, for a Bayer sensor that Micro-Manager shows as grey."""
    stage_signs: tuple[Literal[-1, 1], Literal[-1, 1]] = (1, 1)
    """-1 where the stage's x (y) grows as the field moves to the left (up) on the slide."""
    scan: Scan | None = None
    """zpscope drives the stage; without it, somebody else does."""
