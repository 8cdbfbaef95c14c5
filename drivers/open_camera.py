"""The one place that knows which driver serves which settings; each is imported only where it is chosen."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import assert_never

from zpscope.config.cameras import MicromanagerCamera, OpencvCamera, PylonCamera
from zpscope.config.errors import SettingsError
from zpscope.config.settings import Camera as CameraSettings
from zpscope.config.settings import Delivery, ReplayCamera, SyntheticCamera
from zpscope.drivers.camera import Camera


def open_camera(settings: CameraSettings, delivery: Delivery = "every", held: int = 0) -> Camera:
    """Return the driver for these settings; entering it starts the stream. A reader holds so many exposures at once."""
    match settings:
        case SyntheticCamera():
            from zpscope.drivers.synthetic import Synthetic

            return Synthetic(settings)
        case ReplayCamera():
            from zpscope.drivers.replay import Replay

            return Replay(settings)
        case PylonCamera():
            with _extra("pylon", "pypylon"):
                from zpscope.drivers.pylon import Pylon

            return Pylon(settings, delivery, held)
        case OpencvCamera():
            from zpscope.drivers.opencv import open_video

            return open_video(settings, delivery)
        case MicromanagerCamera():
            with _extra("micromanager", "pymmcore_plus"):
                from zpscope.drivers.micromanager import open_micromanager

            return open_micromanager(settings)
        case _:
            assert_never(settings)


def sights(driver: str) -> list[str]:
    """Return what a driver sees on this machine; raise SettingsError where its SDK is absent."""
    match driver:
        case "pylon":
            with _extra("pylon", "pypylon"):
                from zpscope.drivers import pylon

            return pylon.sights()
        case "micromanager":
            with _extra("micromanager", "pymmcore_plus"):
                from zpscope.drivers import micromanager

            return micromanager.sights()
        case _:
            from zpscope.drivers import opencv

            return opencv.sights()


@contextmanager
def _extra(extra: str, package: str) -> Generator[None]:
    """Say what to install where a driver's package is absent."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        msg = f"the driver {extra} needs {package}, which is not installed: pip install 'zpscope[{extra}]'"
        raise SettingsError(msg) from None
