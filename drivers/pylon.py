# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""A Basler camera, or Basler's camera emulator (PYLON_CAMEMU), through pypylon; the only file that knows it.

The pixels that are handed over are the SDK's own buffer, not a copy: it goes back to the SDK when neither the
driver nor a reader holds it any more, so that a late reader costs a buffer and never reads another exposure. When
few buffers are left, exposures are no longer said to be `kept`: readers copy them, and the camera is not starved.
"""

import logging
import time
import weakref
from contextlib import ExitStack
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pypylon import genicam, pylon

from zpscope.config.cameras import PylonCamera
from zpscope.config.errors import CameraLost, GrabTimeout, SettingsError
from zpscope.config.settings import Delivery
from zpscope.drivers import genicam_nodes
from zpscope.drivers.block_ids import LossCount
from zpscope.drivers.camera import Grab, PixelFormat
from zpscope.drivers.claim import claim
from zpscope.drivers.device_clock import DeviceClock
from zpscope.drivers.unpack import eight_bits, layout_of

_log = logging.getLogger(__name__)

_EMULATED = "BaslerCamEmu"
_LOOK_S = 0.25
_SPARE = 8
"""Buffers that the camera fills while readers hold all that they may."""
_MOST_HELD = 64
"""Buffers that readers may hold: the SDK takes the memory of all of them at once."""
_STRATEGY = {"every": pylon.GrabStrategy_OneByOne, "newest": pylon.GrabStrategy_LatestImageOnly}


class Pylon:
    """See `Camera`. With `every`, the SDK queues exposures; with `newest`, it keeps the last one only."""

    def __init__(self, settings: PylonCamera, delivery: Delivery, held: int = 0) -> None:
        self._settings = settings
        self._held = min(held + 1, _MOST_HELD)  # one more is in the hands of whoever grabs
        self._lent: weakref.WeakSet[_Lent] = weakref.WeakSet()
        self._delivery: Delivery = delivery
        self._open = ExitStack()
        self._camera: Any = None
        self._format: PixelFormat | None = None
        self._packing = "8"
        self._tick_ns = 1.0
        self._losses = LossCount()
        self._clock = DeviceClock()
        self._triggered = False
        self._look_s = 0.0

    @property
    def format(self) -> PixelFormat:
        """Shape and layout of every exposure."""
        if self._format is None:
            msg = "the camera is not entered"
            raise RuntimeError(msg)
        return self._format

    def grab(self, timeout_s: float) -> Grab:
        """Return the next exposure that arrived whole; one that did not is named in the log, and lost."""
        deadline_s = time.monotonic() + timeout_s
        try:
            self._trigger(timeout_s)
            while True:
                left_ms = max(0, round((deadline_s - time.monotonic()) * 1000))
                result = self._camera.RetrieveResult(left_ms, pylon.TimeoutHandling_Return)
                self._look_for_it()
                if not result.IsValid():
                    msg = f"{self._settings.name} gave no exposure within {timeout_s} s"
                    raise GrabTimeout(msg)
                self._triggered = False
                if result.GrabSucceeded():
                    return self._handed_over(result)
                _log.warning("an exposure arrived broken (%s); counted as lost", result.ErrorDescription)
                self._losses.broken(result.GetNumberOfSkippedImages())
        except genicam.GenericException as error:
            raise CameraLost(self._gone(_first_line(error))) from None

    def _look_for_it(self) -> None:
        """Raise CameraLost if the device has gone; the question waits for the SDK, so it is not asked every time."""
        if time.monotonic() >= self._look_s:
            self._look_s = time.monotonic() + _LOOK_S
            if self._camera.IsCameraDeviceRemoved():
                self._look_s = 0.0
                raise CameraLost(self._gone("it was taken out"))

    def _trigger(self, timeout_s: float) -> None:
        """Ask for an exposure, unless the one that was asked for is still to come."""
        if self._settings.trigger == "software" and not self._triggered:
            wait_ms = round(timeout_s * 1000)
            if self._camera.WaitForFrameTriggerReady(wait_ms, pylon.TimeoutHandling_Return):
                self._camera.ExecuteSoftwareTrigger()
                self._triggered = True

    def _handed_over(self, result: Any) -> Grab:  # noqa: ANN401  (the SDK has no types)
        arrived_ns = time.monotonic_ns()
        if (result.Height, result.Width) != self.format.shape[:2]:
            raise CameraLost(self._gone(f"its exposures are {result.Width} x {result.Height} px all at once"))
        lent = _Lent(result)
        self._lent.add(lent)
        stamp_ns = result.TimeStamp * self._tick_ns  # the emulator stamps nothing: 0
        return Grab(
            pixels=eight_bits(_bytes_of(lent), self._packing, self.format.shape),
            device_ns=self._clock.host_ns(int(stamp_ns), arrived_ns) if stamp_ns else arrived_ns,
            stage_um=None,
            lost=self._losses.whole(result.BlockID, result.GetNumberOfSkippedImages()),
            source="",
            kept=len(self._lent) <= self._held,
        )

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            opened.callback(self._forget_if_removed)
            self._camera = self._camera or _found(self._settings.serial)
            _open(self._camera, opened)
            self._set_up()
            self._losses, self._clock, self._triggered = LossCount(), DeviceClock(), False
            opened.callback(self._camera.StopGrabbing)
            self._camera.MaxNumBuffer.Value = self._held + _SPARE
            self._camera.StartGrabbing(_STRATEGY[self._delivery])
            self._open = opened.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.close()

    def _forget_if_removed(self) -> None:
        """Keep a camera that is still there: closed, it is free for others, and each creation costs the SDK memory."""
        if self._camera is not None and self._camera.IsCameraDeviceRemoved():
            self._camera.DestroyDevice()
            self._camera = None

    def _set_up(self) -> None:
        camera, settings = self._camera, self._settings
        pixel_format = _pixel_format(camera, settings.pixel_format)
        try:
            genicam_nodes.write(camera.GetNodeMap(), settings, pixel_format)
            layout, self._packing = layout_of(pixel_format) or ("rgb8", "8")
            device = camera.GetDeviceInfo()
            self._format = PixelFormat(
                camera.Height.Value,
                camera.Width.Value,
                layout,
                serial=device.GetSerialNumber(),
                simulated=device.GetDeviceClass() == _EMULATED,
            )
            tick = genicam_nodes.ticks_per_s(camera.GetNodeMap())
        except genicam.GenericException as error:
            msg = f"{settings.name} refuses its settings: {_first_line(error)}"
            raise SettingsError(msg) from None
        self._tick_ns = 1e9 / tick

    def _gone(self, why: str) -> str:
        serial = self._settings.serial or "the Basler camera"
        return f"{serial} is lost ({why}): look at its cable and power"


def sights() -> list[str]:
    """Return the cameras that the SDK sees, each with why it cannot be had, if so."""
    factory = pylon.TlFactory.GetInstance()
    return [_sight(factory, device) for device in factory.EnumerateDevices()]


def _sight(factory: Any, device: Any) -> str:  # noqa: ANN401
    serial = device.GetSerialNumber()
    words = f"{serial} ({device.GetModelName()})"
    try:
        with claim(_claimed(serial)):
            return words if factory.IsDeviceAccessible(device) else f"{words}, held by another program"
    except CameraLost:
        return f"{words}, held by another zpscope process"


def _claimed(serial: str) -> str:
    return f"Basler camera {serial}"


class _Lent:
    """The memory of one exposure; an array made from it keeps the exposure, and with it the memory."""

    def __init__(self, result: Any) -> None:  # noqa: ANN401
        self.result = result
        self.__array_interface__ = np.frombuffer(result.GetMemoryView(), np.uint8).__array_interface__


def _bytes_of(lent: _Lent) -> NDArray[np.uint8]:
    """Return the bytes (N,) of an exposure, read-only, not copied."""
    sent = np.asarray(lent)[: lent.result.ImageSize]
    sent.flags.writeable = False
    return sent


def _found(serial: str | None) -> Any:  # noqa: ANN401
    """Return the camera of this serial number, or the only one; raise CameraLost with those that are there."""
    factory = pylon.TlFactory.GetInstance()
    found = factory.EnumerateDevices()
    real = [one for one in found if one.GetDeviceClass() != _EMULATED]
    wanted = real if serial is None else [one for one in found if one.GetSerialNumber() == serial]
    if len(wanted) == 1:
        return pylon.InstantCamera(factory.CreateDevice(wanted[0]))
    here = ", ".join(f"{one.GetSerialNumber()} ({one.GetModelName()})" for one in found) or "none"
    if serial is not None:
        msg = f"no Basler camera {serial}: look at its cable and power, or set camera.serial; here: {here}"
    else:
        msg = f"{len(real) or 'no'} Basler cameras, where one is wanted: set camera.serial; here: {here}"
    raise CameraLost(msg)


def _open(camera: Any, opened: ExitStack) -> None:  # noqa: ANN401
    """Open a camera, to be closed with `opened`."""
    device = camera.GetDeviceInfo()
    serial = device.GetSerialNumber()
    opened.enter_context(claim(_claimed(serial)))
    try:
        opened.callback(camera.Close)
        camera.Open()
    except genicam.GenericException as error:
        msg = f"Basler camera {serial} is held by another program, or not allowed to this user: {_first_line(error)}"
        raise CameraLost(msg) from None
    if device.GetDeviceClass() == _EMULATED:
        _log.warning("Basler camera %s is emulated: what it shows is no slide", serial)


def _pixel_format(camera: Any, wanted: str | None) -> str:  # noqa: ANN401
    """Return the format to use; raise SettingsError with those that are there and can be used."""
    there = camera.PixelFormat.GetSettableValues()
    usable = [name for name in there if layout_of(name)]
    if wanted in usable:
        return str(wanted)
    if wanted is None and (bayer := [name for name in usable if name.startswith("Bayer")]):
        return str(bayer[0])
    lines = ", ".join(usable) or "none: zpscope tells heads by colour, and this camera sees none"
    if wanted in there:
        why = "has no colour, and heads are told by it" if "Mono" in str(wanted) else "is not understood"
    else:
        why = "is not one of this camera's"
    msg = f"camera.pixel_format = {wanted!r} {why}: give one of {lines}"
    raise SettingsError(msg)


def _first_line(error: Exception) -> str:
    """Return what the SDK says, without where in its code it says so."""
    return str(error).splitlines()[0].split(" : ")[0].rstrip(". ")
