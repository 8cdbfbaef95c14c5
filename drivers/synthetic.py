"""The simulated camera: a Diff-Quik slide, scanned along a path, as a Bayer sensor sees it."""

import threading
import time
from functools import lru_cache
from itertools import islice
from typing import Self, assert_never

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import CameraLost
from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.camera import EndOfStream, Grab, PixelFormat
from zpscope.drivers.faults import Delivery, deliveries
from zpscope.drivers.film import film_density
from zpscope.drivers.litter import REACH_UM, WIDE_REACH_UM, litter_on_tile, wide_on_tile
from zpscope.drivers.optics import bare_glass, defocus, drag, focus_um, sense, tilt
from zpscope.drivers.pace import Pace
from zpscope.drivers.scan_path import Place, by_hand, lag_um, random_um, serpentine_um
from zpscope.drivers.slide_drawing import draw_field
from zpscope.drivers.slide_layout import TILE_UM, Sperm, sperm_on_tile
from zpscope.drivers.smear_drawing import draw_smear
from zpscope.drivers.smear_layout import smear_on_tile

TAIL_REACH_UM = 52.0
"""A head so far outside a field can still show its tail in it."""
_NOISE_LEVELS = 1.6
_STAIN_LEAST, _STAIN_RANGE = 0.7, 2.0
"""How strongly the palest of usual slides is stained, and how many times as strongly the darkest."""


class Synthetic:
    """See `Camera`. The same settings give the same bytes, always."""

    def __init__(self, settings: SyntheticCamera) -> None:
        self._settings = settings
        self._start(0)

    @property
    def format(self) -> PixelFormat:
        """A Bayer mosaic with red first."""
        return PixelFormat(self._settings.height_px, self._settings.width_px, "bayer_rg8", simulated=True)

    def grab(self, timeout_s: float) -> Grab:
        """Expose the next field of the scan."""
        settings = self._settings
        self._fail_on_request()
        if settings.timing == "free_running":
            for _ in range(self._pace.missed()):
                self._let_go()
        while self._ahead is not None and self._ahead.fate == "dropped":
            self._let_go()
        if self._ahead is None:
            raise EndOfStream(self._take_lost())
        if settings.unplugged_after is not None and self._taken >= settings.unplugged_after:
            msg = f"{settings.name} is unplugged, as camera.unplugged_after asks for: take it out to go on"
            raise CameraLost(msg)
        self._pace.wait(timeout_s)
        delivery = self._ahead
        self._advance()
        pixels = expose(settings, delivery.number)
        if delivery.fate == "truncated":
            pixels = pixels[: settings.height_px // 2]
        stage_um = reported_um(settings, delivery.number)
        return Grab(pixels, self._clock_ns(delivery), stage_um, self._take_lost(), "")

    def _fail_on_request(self) -> None:
        fault_file = self._settings.fault_file
        match fault_file.read_text("utf-8").strip() if fault_file and fault_file.exists() else "":
            case "unplugged":
                msg = (
                    f"{self._settings.name} is unplugged, as {fault_file} asks for: empty that file to go on"
                )
                raise CameraLost(msg)
            case "hung":
                threading.Event().wait()
            case _:
                pass

    def _start(self, exposures: int) -> None:
        """Begin after so many exposures of the scan."""
        self._stream = deliveries(self._settings.faults, self._settings.seed, self._settings.fields)
        self._taken = sum(1 for _ in islice(self._stream, exposures))
        self._ahead = next(self._stream, None)
        self._lost = 0
        self._device_ns = 0
        self._pace = Pace(self._settings.pace_hz)

    def _advance(self) -> None:
        self._taken += 1
        self._ahead = next(self._stream, None)

    def _let_go(self) -> None:
        """Lose an exposure, if there is one more."""
        if self._ahead is not None:
            self._lost += 1
            self._advance()

    def _take_lost(self) -> int:
        """Return how many exposures were lost since the last that was handed over."""
        lost, self._lost = self._lost, 0
        return lost

    def _clock_ns(self, delivery: Delivery) -> int:
        """Return the device's time of an exposure; a repeated buffer has its old one, a late one is of before."""
        if delivery.fate == "late":
            return self._device_ns - 1
        if delivery.fate != "repeated":
            self._device_ns = time.monotonic_ns() + delivery.clock_ns
        return self._device_ns

    @property
    def repeats(self) -> bool:
        """The scan can go back, but what a free-running camera showed is gone."""
        return self._settings.timing == "on_demand"

    def skip(self, exposures: int) -> None:
        """Go on after so many exposures of the scan."""
        self._start(exposures)

    def __enter__(self) -> Self:
        self._fail_on_request()
        self._start(0)
        return self

    def __exit__(self, *exc: object) -> None:
        self._start(0)


def field_centre_um(settings: SyntheticCamera, number: int) -> tuple[float, float]:
    """Return where on the slide the centre of the field of this number truly is: (x, y) in µm."""
    return field_place(settings, number).centre_um


def field_place(settings: SyntheticCamera, number: int) -> Place:
    """Return where on the slide the field of this number truly is, and how far it moved while exposed."""
    planned = _planned(settings, number)
    if settings.path == "by_hand":
        return planned
    before_um = _planned(settings, max(0, number - 1)).centre_um
    lag = lag_um(planned.centre_um, before_um, settings.stage_backlash_um)
    jitter = _error(settings, 9, number, settings.stage_jitter_um)
    x_um, y_um = (sum(parts) for parts in zip(planned.centre_um, lag, jitter, strict=True))
    return Place((x_um, y_um))


def reported_um(settings: SyntheticCamera, number: int) -> tuple[float, float] | None:
    """Return where the stage says the centre of a field is: (x, y) in µm, off by up to its error; None without one.

    A motorised stage says where it was sent, and knows nothing of its backlash and jitter.
    """
    if not settings.stage:
        return None
    x_um, y_um = _planned(settings, number).centre_um
    off_x, off_y = _error(settings, 8, number, settings.stage_error_um)
    return x_um + off_x, y_um + off_y


def _planned(settings: SyntheticCamera, number: int) -> Place:
    width_um, height_um = settings.width_px * settings.um_per_px, settings.height_px * settings.um_per_px
    match settings.path:
        case "serpentine":
            return Place(serpentine_um(number, width_um, height_um, settings.overlap_percent / 100))
        case "random":
            return Place(random_um(number, width_um, height_um, settings.seed))
        case "by_hand":
            return by_hand(number, width_um, height_um, settings.seed)
        case _:
            assert_never(settings.path)


def _error(settings: SyntheticCamera, stream: int, number: int, most_um: float) -> tuple[float, float]:
    rng = np.random.default_rng((settings.seed, stream, number))
    right, down = rng.uniform(-most_um, most_um, 2).tolist()
    return right, down


def sperm_near(settings: SyntheticCamera, number: int, margin_um: float) -> list[Sperm]:
    """Return the sperm whose heads lie in the field of this number, or within a margin around it."""
    lie_on = sperm_on_tile if settings.slide == "clean" else smear_on_tile
    x_um, y_um = field_centre_um(settings, number)
    half_x, half_y = _half_um(settings, margin_um)
    found = [
        one
        for tile in _tiles_near(settings, number, margin_um)
        for one in lie_on(settings.seed, settings.binding_percent, *tile, settings.difference)
    ]
    return [one for one in found if abs(one.x_um - x_um) <= half_x and abs(one.y_um - y_um) <= half_y]


def expose(settings: SyntheticCamera, number: int) -> NDArray[np.uint8]:
    """Return the mosaic (H, W) of the field of this number."""
    rng = np.random.default_rng((settings.seed, 1))
    match settings.slide:
        case "clean":
            return _expose_clean(settings, number, float(rng.uniform(0.85, 1.15)))
        case "usual":
            return _expose_usual(settings, number, _STAIN_LEAST * _STAIN_RANGE ** float(rng.uniform()))
        case _:
            assert_never(settings.slide)


def _expose_clean(settings: SyntheticCamera, number: int, stain: float) -> NDArray[np.uint8]:
    shape = (settings.height_px, settings.width_px)
    sperm = sperm_near(settings, number, TAIL_REACH_UM)
    field = draw_field(sperm, field_centre_um(settings, number), shape, settings.um_per_px, stain)
    field = drag(field, _drift_px(settings, number))
    mosaic = np.empty(shape, np.int16)
    mosaic[0::2, 0::2] = field[0::2, 0::2, 0]
    mosaic[0::2, 1::2] = field[0::2, 1::2, 1]
    mosaic[1::2, 0::2] = field[1::2, 0::2, 1]
    mosaic[1::2, 1::2] = field[1::2, 1::2, 2]
    shift = np.random.default_rng((settings.seed, 2, number)).integers(0, shape)
    mosaic += np.roll(_noise(shape), tuple(int(step) for step in shift), (0, 1))
    return np.clip(mosaic, 0, 255).astype(np.uint8)


def _expose_usual(settings: SyntheticCamera, number: int, stain: float) -> NDArray[np.uint8]:
    seed, um_per_px = settings.seed, settings.um_per_px
    middle_px = np.array([(settings.width_px - 1) / 2, (settings.height_px - 1) / 2])
    corner_um = np.array(field_centre_um(settings, number)) - middle_px * um_per_px
    litter = [litter_on_tile(seed, *tile).marks for tile in _tiles_near(settings, number, REACH_UM)]
    wide = [wide_on_tile(seed, *tile) for tile in _tiles_near(settings, number, WIDE_REACH_UM)]
    field = draw_smear(
        sperm=sperm_near(settings, number, TAIL_REACH_UM),
        marks=np.concatenate([*litter, *wide]),
        film=film_density(seed, corner_um, (settings.height_px, settings.width_px), um_per_px),
        corner_um=corner_um,
        um_per_px=um_per_px,
        stain=stain,
        background=bare_glass(seed),
    )
    field = defocus(field, um_per_px, focus_um(seed, number), tilt(seed))
    return sense(drag(field, _drift_px(settings, number)), seed, number)


def _drift_px(settings: SyntheticCamera, number: int) -> tuple[float, float]:
    right, down = (part / settings.um_per_px for part in field_place(settings, number).drift_um)
    return right, down


def _half_um(settings: SyntheticCamera, margin_um: float) -> tuple[float, float]:
    """Return half the width and height, in µm, of a field with a margin around it."""
    scale = settings.um_per_px / 2
    return settings.width_px * scale + margin_um, settings.height_px * scale + margin_um


def _tiles_near(settings: SyntheticCamera, number: int, margin_um: float) -> list[tuple[int, int]]:
    """Return (column, row) of every tile that the field of this number touches, with a margin around it."""
    x_um, y_um = field_centre_um(settings, number)
    half_x, half_y = _half_um(settings, margin_um)
    columns = range(int((x_um - half_x) // TILE_UM), int((x_um + half_x) // TILE_UM) + 1)
    rows = range(int((y_um - half_y) // TILE_UM), int((y_um + half_y) // TILE_UM) + 1)
    return [(column, row) for row in rows for column in columns]


@lru_cache(maxsize=1)
def _noise(shape: tuple[int, int]) -> NDArray[np.int16]:
    return np.rint(np.random.default_rng(0).normal(0, _NOISE_LEVELS, shape)).astype(np.int16)
