"""Basler's camera emulator, showing recorded fields, gives the heads that a replay of the same files gives."""

from pathlib import Path

import pytest

from zpscope.config.cameras import PylonCamera
from zpscope.config.settings import Camera as CameraSettings
from zpscope.config.settings import ReplayCamera
from zpscope.drivers.open_camera import open_camera
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.decode import decode
from zpscope.imaging.examine import examine

FIELDS = 12
UM_PER_PX = 0.052

Head = tuple[float, ...]


def heads(settings: CameraSettings) -> list[Head]:
    """Return field, place, angle, area and sharpness of every object of the first fields."""
    found: list[Head] = []
    colour = SlideColour.fresh()
    with open_camera(settings) as camera:
        for number in range(FIELDS):
            field = decode(camera.grab(30.0).pixels, camera.format.layout)
            examination = examine(field, UM_PER_PX, colour)
            colour = examination.colour
            each = examination.heads
            figures = (each.centre_px[:, 0], each.centre_px[:, 1], each.angle_deg, each.sharpness)
            found += [(number, *map(float, one)) for one in zip(*figures, strict=True)]
    return found


def test_the_emulator_shows_the_heads_that_replay_shows(data: Path) -> None:
    pytest.importorskip("pypylon", reason="driver pylon: pypylon is not installed")
    folder = data / "spd" / "images" / "val"
    emulated = PylonCamera(
        driver="pylon",
        serial="0815-0000",
        um_per_px=UM_PER_PX,
        pixel_format="RGB8Packed",
        width_px=1280,
        height_px=1024,
        emulated_folder=folder,
    )
    replayed = heads(ReplayCamera(driver="replay", folder=folder, um_per_px=UM_PER_PX))
    assert len(replayed) > 50
    assert heads(emulated) == replayed
