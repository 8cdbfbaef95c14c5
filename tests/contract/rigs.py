"""Every driver as the contract wants to see it: a stream, one that waits, and one whose camera goes away.

A driver whose SDK is absent is skipped by its name.
"""

import subprocess
import sys
from abc import ABC, abstractmethod
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from zpscope.config.cameras import MicromanagerCamera, OpencvCamera, PylonCamera
from zpscope.config.settings import Camera as CameraSettings
from zpscope.config.settings import ReplayCamera, SyntheticCamera
from zpscope.drivers.camera import Camera

WIDTH_PX, HEIGHT_PX = 320, 256
EMULATED = "0815-0000"


class Rig(ABC):
    """What differs between drivers."""

    package = "numpy"
    """What must be installed."""
    is_recording = False
    """Whether its stream is the same each time, and ends."""
    simulated = False
    """Whether a program draws what it shows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started = ExitStack()

    @abstractmethod
    def stream(self) -> CameraSettings:
        """Return the settings of a stream that gives at least four exposures at once."""

    @abstractmethod
    def waiting(self) -> CameraSettings:
        """Return the settings of a stream of which none but the first exposures come within two seconds."""

    def vanishing(self) -> CameraSettings:
        """Return the settings of a stream that can lose its camera."""
        return self.stream()

    def unplug(self, camera: Camera) -> None:
        """Take the camera away, as far as the driver can tell."""
        pytest.skip("a recording cannot be taken away")

    def close(self) -> None:
        """Stop what the rig has started."""
        self.started.close()


class SyntheticRig(Rig):
    is_recording = simulated = True
    slide = "clean"

    def stream(self) -> CameraSettings:
        return self._settings(fields=4)

    def waiting(self) -> CameraSettings:
        return self._settings(pace_hz=0.1)

    def vanishing(self) -> CameraSettings:
        return self._settings(unplugged_after=1)

    def unplug(self, camera: Camera) -> None:
        """Its settings have said it."""

    def _settings(self, **more: object) -> CameraSettings:
        size = {"width_px": WIDTH_PX, "height_px": HEIGHT_PX, "slide": self.slide}
        return SyntheticCamera.model_validate({**size, **more})


class SmearRig(SyntheticRig):
    slide = "usual"


class ReplayRig(Rig):
    is_recording = True

    def stream(self) -> CameraSettings:
        return self._settings(None)

    def waiting(self) -> CameraSettings:
        return self._settings(0.1)

    def _settings(self, pace_hz: float | None) -> CameraSettings:
        write_pictures(self.folder)
        return ReplayCamera(driver="replay", folder=self.folder, um_per_px=0.069, pace_hz=pace_hz)


class PylonRig(Rig):
    package = "pypylon"
    simulated = True

    def stream(self) -> CameraSettings:
        return pylon_settings()

    def waiting(self) -> CameraSettings:
        return pylon_settings(trigger="hardware")

    def unplug(self, camera: Camera) -> None:
        """Let the emulator tell the SDK that the device has gone."""
        camera._camera.FirePnPCallback.Execute()  # type: ignore[attr-defined]  # pyright: ignore


def pylon_settings(**more: object) -> PylonCamera:
    """Return the settings of an emulated Basler camera."""
    base = {"driver": "pylon", "serial": EMULATED, "um_per_px": 0.069, "exposure_us": 100.0}
    size = {"width_px": WIDTH_PX, "height_px": HEIGHT_PX}
    return PylonCamera.model_validate({**base, **size, **more})


class MicromanagerRig(Rig):
    package = "pymmcore_plus"
    simulated = True

    def stream(self) -> CameraSettings:
        return micromanager_settings(self.folder)

    def waiting(self) -> CameraSettings:
        return micromanager_settings(self.folder, exposure_ms=2500)

    def unplug(self, camera: Camera) -> None:
        """Let the core lose the camera's driver."""
        camera._core.unloadDevice("Camera")  # type: ignore[attr-defined]  # pyright: ignore


def micromanager_settings(folder: Path, pixel_type: str = "32bitRGB", **more: object) -> MicromanagerCamera:
    """Return the settings of Micro-Manager's demo camera with its demo stages."""
    (folder / "demo.cfg").write_text(
        "Device,Camera,DemoCamera,DCam\nDevice,XY,DemoCamera,DXYStage\nDevice,Z,DemoCamera,DStage\n"
        "Property,Core,Initialize,1\nProperty,Core,Camera,Camera\nProperty,Core,XYStage,XY\n"
        f"Property,Core,Focus,Z\nProperty,Camera,PixelType,{pixel_type}\n"
        f"Property,Camera,OnCameraCCDXSize,{WIDTH_PX}\nProperty,Camera,OnCameraCCDYSize,{HEIGHT_PX}\n"
    )
    base = {"driver": "micromanager", "config_file": folder / "demo.cfg", "um_per_px": 0.1, "exposure_ms": 1}
    return MicromanagerCamera.model_validate({**base, **more})


class VideoFileRig(Rig):
    is_recording = True

    def stream(self) -> CameraSettings:
        return self._settings(None)

    def waiting(self) -> CameraSettings:
        return self._settings(0.1)

    def _settings(self, pace_hz: float | None) -> CameraSettings:
        path = write_video(self.folder / "scan.avi", 6)
        return OpencvCamera(driver="opencv", source=str(path), um_per_px=0.069, pace_hz=pace_hz)


class VideoStreamRig(Rig):
    """A network stream (motion JPEG over HTTP), which OpenCV reads as it reads RTSP."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("stream_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.started.callback(self._server.communicate, "")
        if self._server.stdout is None:
            raise RuntimeError
        self._url = f"http://127.0.0.1:{self._server.stdout.readline().strip()}"

    def stream(self) -> CameraSettings:
        return self._settings("endless")

    def waiting(self) -> CameraSettings:
        return self._settings("stalling")

    def vanishing(self) -> CameraSettings:
        return self._settings("ending")

    def unplug(self, camera: Camera) -> None:
        """The server closes the connection after a few exposures."""

    def _settings(self, path: str) -> CameraSettings:
        return OpencvCamera(driver="opencv", source=f"{self._url}/{path}", um_per_px=0.069)


def write_video(path: Path, frames: int) -> Path:
    """Write a lossless video, each frame another."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 10, (WIDTH_PX, HEIGHT_PX))
    for number in range(frames):
        writer.write(np.random.default_rng(number).integers(0, 255, (HEIGHT_PX, WIDTH_PX, 3), np.uint8))
    writer.release()
    return path


def write_pictures(folder: Path, count: int = 4) -> None:
    """Write pictures of noise, each another one."""
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 255, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), noise)


RIGS: dict[str, type[Rig]] = {
    "clean": SyntheticRig,
    "usual": SmearRig,
    "replay": ReplayRig,
    "pylon": PylonRig,
    "micromanager": MicromanagerRig,
    "video file": VideoFileRig,
    "video stream": VideoStreamRig,
}


def rig_of(name: str, folder: Path) -> Rig:
    """Return the rig of this name, or skip the test where its SDK is absent."""
    kind = RIGS[name]
    if find_spec(kind.package) is None:
        pytest.skip(f"driver {name}: {kind.package} is not installed")
    return kind(folder)
