"""The one place that knows which driver serves which settings; each is imported only where it is chosen."""

from typing import assert_never

from zpscope.config.settings import Camera as CameraSettings
from zpscope.config.settings import ReplayCamera, SyntheticCamera
from zpscope.drivers.camera import Camera


def open_camera(settings: CameraSettings) -> Camera:
    """Return the driver for these settings; entering it starts the stream."""
    match settings:
        case SyntheticCamera():
            from zpscope.drivers.synthetic import Synthetic

            return Synthetic(settings)
        case ReplayCamera():
            from zpscope.drivers.replay import Replay

            return Replay(settings)
        case _:
            assert_never(settings)
