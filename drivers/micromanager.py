"""Any camera and stage that Micro-Manager drives, from a configuration file; the only file that knows pymmcore-plus.

Every exposure is made when it is asked for, so none is ever lost here, and the stage is asked where it is right
before and right after. Moving, settling, focusing and exposing happen in a thread of their own, so that a grab
can give up in time; what it gave up on is handed over by the next one.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pymmcore_plus import CMMCorePlus, DeviceType, find_micromanager

from zpscope.config.cameras import MicromanagerCamera, Scan
from zpscope.config.errors import CameraLost, GrabTimeout, SettingsError
from zpscope.drivers.camera import Camera, EndOfStream, Grab, PixelFormat
from zpscope.drivers.claim import claim
from zpscope.drivers.focus import head_sharpness, sharpest_um
from zpscope.drivers.scan_plan import height_um, scan_centres
from zpscope.imaging.decode import PixelLayout, decode

logging.getLogger("pymmcore-plus").setLevel(logging.WARNING)  # it tells every step

_FAULTS = (RuntimeError, OSError)
"""What MMCore raises for a device that does not answer."""
_READ_S = 0.25
"""Beyond the exposure time."""
_MOVE_S = 60.0
"""To the next field, and for the autofocus."""
_MOSAIC: dict[str, PixelLayout] = {
    "RGGB": "bayer_rg8",
    "BGGR": "bayer_bg8",
    "GRBG": "bayer_gr8",
    "GBRG": "bayer_gb8",
}


def open_micromanager(settings: MicromanagerCamera) -> Camera:
    """Return the driver: a scan that zpscope drives, or a stage that somebody else moves."""
    if settings.scan is None:
        return Micromanager(settings)
    return MicromanagerScan(settings, settings.scan)


def sights() -> list[str]:
    """Return where Micro-Manager's device adapters are, if anywhere."""
    found = find_micromanager()
    return [f"device adapters in {found}"] if found else []


class Micromanager:
    """See `Camera`. The stage, if there is one, is moved by somebody else."""

    def __init__(self, settings: MicromanagerCamera) -> None:
        self._settings = settings
        self._core = CMMCorePlus()
        self._open = ExitStack()
        self._format: PixelFormat | None = None
        self._bits = 8
        self._worker: ThreadPoolExecutor | None = None
        self._coming: Future[Grab] | None = None
        self._due_s = 0.0

    @property
    def format(self) -> PixelFormat:
        """Shape and layout of every exposure."""
        if self._format is None:
            msg = "the camera is not entered"
            raise RuntimeError(msg)
        return self._format

    def grab(self, timeout_s: float) -> Grab:
        """Expose, or go on waiting for the exposure that the last grab gave up on."""
        return self._wait(self._expose, timeout_s)

    def _wait(self, work: Callable[[], Grab], timeout_s: float) -> Grab:
        if self._worker is None:
            msg = "the camera is not entered"
            raise RuntimeError(msg)
        if self._coming is None:
            self._due_s = time.monotonic() + self._takes_s()
            self._coming = self._worker.submit(work)
        overdue = (
            time.monotonic() > self._due_s
        )  # then the wait has no end, and whoever watches over it sees a hang
        try:
            grab = self._coming.result(None if overdue else timeout_s)
        except TimeoutError:
            if not self._coming.done():
                msg = f"{self._settings.name} gave no exposure within {timeout_s} s"
                raise GrabTimeout(msg) from None
            grab = self._coming.result()
        except _FAULTS as error:
            self._coming = None
            msg = f"{self._settings.name} is lost ({_line(error)}): look at cables and power"
            raise CameraLost(msg) from None
        self._coming = None
        return grab

    def _takes_s(self) -> float:
        """Return the longest that an exposure may take."""
        return self._core.getExposure() / 1000 + _READ_S

    def _expose(self) -> Grab:
        before_um, exposed_ns = self._place_um(), time.monotonic_ns()
        pixels = self._snap()
        after_um = self._place_um()
        stage_um = None
        if before_um and after_um:
            stage_um = ((before_um[0] + after_um[0]) / 2, (before_um[1] + after_um[1]) / 2)
        return Grab(pixels, exposed_ns, stage_um, 0, "")

    def _snap(self) -> NDArray[np.uint8]:
        """Return the pixels of a new exposure, with memory of their own."""
        self._core.snapImage()
        pixels = self._core.getImage()
        if pixels.shape != self.format.shape:
            msg = f"its exposures are {pixels.shape} all at once"
            raise RuntimeError(msg)
        return np.ascontiguousarray(pixels >> (self._bits - 8) if self._bits > 8 else pixels, np.uint8)

    def _place_um(self) -> tuple[float, float] | None:
        """Return the field's centre on the slide, by the stage."""
        if not self._core.getXYStageDevice():
            return None
        x_um, y_um = self._core.getXYPosition()
        right, down = self._settings.stage_signs
        return right * x_um, down * y_um

    def __enter__(self) -> Self:
        settings = self._settings
        if not settings.config_file.is_file():
            msg = f"{settings.config_file} is not a file: set camera.config_file to a Micro-Manager configuration"
            raise SettingsError(msg)
        with ExitStack() as opened:
            opened.enter_context(claim(f"Micro-Manager's {settings.config_file.resolve()}"))
            opened.callback(self._core.unloadAllDevices)
            try:
                self._core.loadSystemConfiguration(str(settings.config_file.resolve()))
                self._set_up()
            except _FAULTS as error:
                msg = (
                    f"{settings.config_file} cannot be loaded ({_line(error)}): try it in Micro-Manager first"
                )
                raise CameraLost(msg) from None
            self._worker = opened.enter_context(ThreadPoolExecutor(1, "micromanager"))
            self._coming = None
            self._open = opened.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.close()
        self._worker = None

    def _set_up(self) -> None:
        core, settings = self._core, self._settings
        if settings.camera is not None:
            cameras = core.getLoadedDevicesOfType(DeviceType.Camera)
            if settings.camera not in cameras:
                here = ", ".join(cameras) or "none"
                msg = f"camera.camera = {settings.camera!r}: {settings.config_file} has no such camera; it has {here}"
                raise SettingsError(msg)
            core.setCameraDevice(settings.camera)
        if not core.getCameraDevice():
            msg = f"{settings.config_file} names no camera: choose one in Micro-Manager, or set camera.camera"
            raise SettingsError(msg)
        if settings.exposure_ms is not None:
            core.setExposure(settings.exposure_ms)
        self._format, self._bits = self._pixel_format()

    def _pixel_format(self) -> tuple[PixelFormat, int]:
        core, settings = self._core, self._settings
        size = core.getImageHeight(), core.getImageWidth()
        components, bytes_each = core.getNumberOfComponents(), core.getBytesPerPixel()
        if (components, bytes_each) == (4, 4):
            return self._of_device(PixelFormat(*size, "rgb8")), 8
        if components == 1 and bytes_each <= 2 and settings.mosaic is not None:
            return self._of_device(PixelFormat(*size, _MOSAIC[settings.mosaic])), core.getImageBitDepth()
        msg = (
            f"{core.getCameraDevice()} gives {components} components of {8 * bytes_each // components} bits, and heads "
            "are told by colour: choose 8-bit RGB in Micro-Manager, or set camera.mosaic for a Bayer sensor"
        )
        raise SettingsError(msg)

    def _of_device(self, shape: PixelFormat) -> PixelFormat:
        """Return the format with what the camera says of itself."""
        core, camera = self._core, self._core.getCameraDevice()
        simulated = core.getDeviceLibrary(camera) == "DemoCamera"
        told = not simulated and core.hasProperty(camera, "CameraID")
        serial = core.getProperty(camera, "CameraID").strip() if told else ""
        return replace(shape, serial=serial, simulated=simulated)


class MicromanagerScan(Micromanager):
    """See `Recording`: a scan that was interrupted goes on where it was, and a field can be exposed again."""

    def __init__(self, settings: MicromanagerCamera, scan: Scan) -> None:
        super().__init__(settings)
        self._scan = scan
        self._centres_um: list[tuple[float, float]] = []
        self._next = 0

    @property
    def repeats(self) -> bool:
        """The stage can go back."""
        return True

    def skip(self, exposures: int) -> None:
        """Go on after so many fields."""
        self._next = exposures

    def grab(self, timeout_s: float) -> Grab:
        """Go to the next field and expose it."""
        if self._next >= len(self._centres_um):
            raise EndOfStream
        grab = self._wait(self._go_and_expose, timeout_s)
        self._next += 1
        return grab

    def _takes_s(self) -> float:
        return super()._takes_s() + self._scan.settle_ms / 1000 + _MOVE_S

    def _go_and_expose(self) -> Grab:
        scan, place = self._scan, self._centres_um[self._next]
        right, down = self._settings.stage_signs
        self._core.setXYPosition(right * place[0], down * place[1])
        if scan.tilt_um is not None:
            self._core.setPosition(height_um(scan.tilt_um, place))
        self._core.waitForSystem()
        time.sleep(scan.settle_ms / 1000)
        if scan.autofocus_um is not None:
            start_um = self._core.getPosition()
            self._rise(sharpest_um(self._sharpness_at, start_um, *scan.autofocus_um))
        return self._expose()

    def _rise(self, z_um: float) -> None:
        self._core.setPosition(z_um)
        self._core.waitForDevice(self._core.getFocusDevice())

    def _sharpness_at(self, z_um: float) -> float:
        self._rise(z_um)
        return head_sharpness(decode(self._snap(), self.format.layout), self._settings.um_per_px)

    def __enter__(self) -> Self:
        super().__enter__()
        scale = self._settings.um_per_px
        self._centres_um = scan_centres(
            self._scan, (self.format.width_px * scale, self.format.height_px * scale)
        )
        self._next = 0
        if not self._core.getXYStageDevice() or (
            (self._scan.tilt_um or self._scan.autofocus_um) and not self._core.getFocusDevice()
        ):
            self.__exit__()
            msg = f"{self._settings.config_file} names no XY stage, or no focus drive that the scan needs"
            raise SettingsError(msg)
        return self


def _line(error: BaseException) -> str:
    """Return what MMCore says, in one line."""
    return " ".join(str(error).split()).rstrip(". ")
