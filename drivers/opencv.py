"""What OpenCV can open: a video file, a USB camera (UVC), a network stream (RTSP, HTTP).

A file is a recording: read in its own order, as fast as it is asked for. A device or a stream goes on by itself,
so a thread takes its exposures, keeps the last of them, and counts what nobody asked for in time.
"""

import logging
import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import cv2.typing
import numpy as np
from numpy.typing import NDArray

from zpscope.config.cameras import OpencvCamera
from zpscope.config.errors import CameraLost, GrabTimeout, SettingsError
from zpscope.config.settings import Delivery
from zpscope.drivers.camera import Camera, EndOfStream, Grab, PixelFormat
from zpscope.drivers.claim import claim, without_user
from zpscope.drivers.pace import Pace

_log = logging.getLogger(__name__)

_READ_LIMIT_MS = 2000
"""A stream that is silent for so long is lost; and leaving it takes no longer."""
_NOT_ALLOWED = "this user may not use it: add the user to the group video, and log in again"
_KEPT = {"every": 8, "newest": 1}


def open_video(settings: OpencvCamera, delivery: Delivery) -> Camera:
    """Return the driver for a file, or for a device or stream."""
    live = settings.source.isdecimal() or "://" in settings.source or settings.source.startswith("/dev/")
    return VideoStream(settings, delivery) if live else VideoFile(settings)


class VideoFile:
    """See `Recording`. Frames that the file's index promises and that cannot be read are counted as lost."""

    def __init__(self, settings: OpencvCamera) -> None:
        self._path = Path(settings.source)
        self._pace_hz = settings.pace_hz
        self._pace = Pace(None)
        self._video = cv2.VideoCapture()
        self._first: NDArray[np.uint8] | None = None
        self._number = 0
        """Of the next frame. The first one is read already when the file is entered."""

    @property
    def format(self) -> PixelFormat:
        """Shape and layout of every frame."""
        return _format(self._first)

    @property
    def repeats(self) -> bool:
        """A frame can be read again."""
        return True

    def grab(self, timeout_s: float) -> Grab:
        """Return the next frame."""
        self._pace.wait(timeout_s)
        field = self._first if self._number == 0 else self._read()
        if field is None:
            raise EndOfStream(self._missing())
        self._number += 1
        if field.shape != self.format.shape:
            raise CameraLost(f"{self._path} changes its size on the way: cut it into one file for each size")
        return Grab(field, time.monotonic_ns(), None, 0, f"{self._path.stem}-{self._number - 1:06}")

    def skip(self, exposures: int) -> None:
        """Go on after so many frames."""
        for _ in range(exposures):
            self._number += self._number == 0 or self._video.grab()

    def _read(self) -> NDArray[np.uint8] | None:
        read, frame = self._video.read()
        return _rgb(frame) if read else None

    def _missing(self) -> int:
        """Return how many frames the file promises beyond those that could be read, once."""
        missing = max(0, int(self._video.get(cv2.CAP_PROP_FRAME_COUNT)) - self._number)
        self._number += missing
        if missing:
            _log.warning("%s ends %d frames early; counted as lost", self._path, missing)
        return missing

    def __enter__(self) -> Self:
        if not self._path.is_file():
            raise SettingsError(
                f"{self._path} is not a file: set camera.source to a video, a device or a URL"
            )
        if not self._video.open(str(self._path), cv2.CAP_FFMPEG):
            raise SettingsError(
                f"{self._path} is no video that can be read: set camera.source to another one"
            )
        self._first = self._read()
        if self._first is None:
            self._video.release()
            raise SettingsError(
                f"{self._path} holds 0 frames that can be read: set camera.source to another one"
            )
        self._number = 0
        self._pace = Pace(self._pace_hz)
        return self

    def __exit__(self, *exc: object) -> None:
        self._video.release()


@dataclass(frozen=True)
class _Exposure:
    field: NDArray[np.uint8]
    arrived_ns: int


class VideoStream:
    """See `Camera`. With `every`, eight exposures may wait; with `newest`, one."""

    def __init__(self, settings: OpencvCamera, delivery: Delivery) -> None:
        self._settings = settings
        self._told = without_user(settings.source)
        """The source, as messages say it."""
        self._video = cv2.VideoCapture()
        self._waiting: deque[_Exposure] = deque(maxlen=_KEPT[delivery])
        self._news = threading.Condition()
        self._lost = 0
        self._over = threading.Event()
        self._reader = threading.Thread()
        self._first: NDArray[np.uint8] | None = None
        self._claim = claim(f"video {settings.source}")

    @property
    def format(self) -> PixelFormat:
        """Shape and layout of every exposure."""
        return _format(self._first)

    def grab(self, timeout_s: float) -> Grab:
        """Return the oldest exposure that waits."""
        with self._news:
            if not self._news.wait_for(lambda: self._waiting or self._over.is_set(), timeout_s):
                raise GrabTimeout(f"{self._told} gave no exposure within {timeout_s} s")
            if not self._waiting:
                raise CameraLost(f"{self._told} gives no more exposures: look at its cable and power")
            exposure = self._waiting.popleft()
            lost, self._lost = self._lost, 0
        if exposure.field.shape != self.format.shape:
            raise CameraLost(f"{self._told} changed the size of its exposures: start it anew")
        return Grab(exposure.field, exposure.arrived_ns, None, lost, "")

    def __enter__(self) -> Self:
        self._claim = claim(f"video {self._settings.source}")
        self._claim.__enter__()
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        self._waiting.clear()
        self._lost = 0
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._over,), name="video")
        self._reader.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._reader.join()
        self._close()

    def _open(self) -> None:
        source, settings = self._settings.source, self._settings
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            _READ_LIMIT_MS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            _READ_LIMIT_MS,
        ]
        if "://" in source:
            opened = self._video.open(source, cv2.CAP_FFMPEG, limits)
        elif source.isdecimal():
            opened = self._video.open(int(source), cv2.CAP_V4L2)
        else:
            opened = self._video.open(source, cv2.CAP_V4L2)
        if not opened:
            raise CameraLost(f"{self._told} cannot be opened: {_reason(source)}")
        if settings.width_px and settings.height_px and "://" not in source:
            self._video.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width_px)
            self._video.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height_px)
        read, frame = self._video.read()
        if not read:
            raise CameraLost(f"{self._told} gives no exposure: look at its cable, or at what else uses it")
        self._first = _rgb(frame)
        wanted = (settings.height_px or frame.shape[0], settings.width_px or frame.shape[1])
        if frame.shape[:2] != wanted:
            raise SettingsError(
                f"{self._told} gives {frame.shape[1]} x {frame.shape[0]} px, not {wanted[1]} x {wanted[0]}: "
                "set camera.width_px and camera.height_px to a size it has"
            )

    def _close(self) -> None:
        self._video.release()
        self._claim.__exit__(None, None, None)

    def _read(self, over: threading.Event) -> None:
        """Take exposures until told to end, or until there are no more."""
        while not over.is_set():
            read, frame = self._video.read()
            exposure = _Exposure(_rgb(frame), time.monotonic_ns()) if read else None
            with self._news:
                if exposure is None:
                    over.set()
                else:
                    self._lost += len(self._waiting) == self._waiting.maxlen
                    self._waiting.append(exposure)
                self._news.notify_all()


def sights() -> list[str]:
    """Return the video devices of this machine, each with why it cannot be had, if so."""
    return [
        f"{path}{'' if os.access(path, os.R_OK | os.W_OK) else f', {_NOT_ALLOWED}'}" for path in _devices()
    ]


def _devices() -> list[str]:
    return sorted(str(path) for path in Path("/dev").glob("video*"))


def _reason(source: str) -> str:
    """Return why, as far as can be known, and what to do."""
    if "://" in source:
        return "look at its address, its network and its password"
    path = Path(f"/dev/video{source}" if source.isdecimal() else source)
    if not path.exists():
        return f"there is no {path}; here: {', '.join(_devices()) or 'no video device'}"
    try:
        path.open("rb").close()
    except PermissionError:
        return _NOT_ALLOWED
    except OSError as error:
        return f"{error.strerror}: stop the other program that uses it"
    return "it gives no video: another of its devices may"


def _rgb(frame: cv2.typing.MatLike) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)


def _format(first: NDArray[np.uint8] | None) -> PixelFormat:
    if first is None:
        msg = "the camera is not entered"
        raise RuntimeError(msg)
    return PixelFormat(first.shape[0], first.shape[1], "rgb8")
