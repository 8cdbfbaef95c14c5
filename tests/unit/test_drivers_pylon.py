"""The pylon driver against Basler's own SDK and its camera emulator."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.contract.rigs import EMULATED, HEIGHT_PX, WIDTH_PX, pylon_settings, write_pictures
from zpscope.config.errors import CameraLost, SettingsError
from zpscope.drivers.camera import Grab
from zpscope.drivers.open_camera import open_camera
from zpscope.imaging.decode import decode
from zpscope.imaging.picture import read_picture

pylon = pytest.importorskip("zpscope.drivers.pylon", reason="driver pylon: pypylon is not installed")


def test_forced_broken_exposures_are_counted_exactly() -> None:
    camera = pylon.Pylon(pylon_settings(), "every")
    with camera:
        for forced in (1, 3, 7):
            camera._camera.ForceFailedBufferCount.Value = forced
            camera._camera.ForceFailedBuffer.Execute()
            assert sum(camera.grab(5.0).lost for _ in range(60)) == forced


def test_an_exposure_that_the_sdk_cannot_spare_is_to_be_copied_so_that_the_camera_never_starves() -> None:
    held: list[NDArray[np.uint8]] = []
    with pylon.Pylon(pylon_settings(), "every", 3) as camera:
        buffers = camera._camera.MaxNumBuffer.Value
        for _ in range(3 * buffers):
            hold_if_kept(camera.grab(5.0), held)
        assert 3 < len(held) < buffers
        held.clear()
        assert camera.grab(5.0).kept, "what is let go of can be lent again"


def hold_if_kept(grab: Grab, held: list[NDArray[np.uint8]]) -> None:
    assert grab.lost == 0
    if grab.kept:
        held.append(grab.pixels)


def test_the_exposure_time_is_the_one_that_the_camera_exposes_by() -> None:
    with pylon.Pylon(pylon_settings(exposure_us=2000.0), "every") as camera:
        assert camera._camera.ExposureTimeAbs.Value == 2000.0


def test_newest_passes_over_what_nobody_asked_for_and_counts_it() -> None:
    with pylon.Pylon(pylon_settings(frame_rate_hz=200), "newest") as camera:
        camera.grab(5.0)
        time.sleep(0.2)
        assert camera.grab(5.0).lost > 0


@pytest.mark.parametrize("pixel_format", ["BayerRG8", "BayerRG10", "BayerRG12", "RGB8Packed"])
def test_every_format_fills_the_range_of_eight_bits(pixel_format: str) -> None:
    """The emulator draws a ramp over the format's whole range."""
    with pylon.Pylon(pylon_settings(pixel_format=pixel_format), "every") as camera:
        grab, form = camera.grab(5.0), camera.format
    field = decode(grab.pixels, form.layout)
    assert field.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert np.ptp(field) > 200


def test_a_software_trigger_exposes_once_for_each_grab() -> None:
    with pylon.Pylon(pylon_settings(trigger="software"), "every") as camera:
        for _ in range(5):
            assert camera.grab(5.0).lost == 0
            time.sleep(0.02)


def test_the_emulator_shows_pictures(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    settings = pylon_settings(emulated_folder=tmp_path, pixel_format="RGB8Packed")
    with pylon.Pylon(settings, "every") as camera:
        for number in (0, 1, 2, 3, 0):
            np.testing.assert_array_equal(camera.grab(5.0).pixels, read_picture(tmp_path / f"{number}.png"))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"pixel_format": "BayerRG9"}, r"is not one of this camera's: give one of .*BayerRG8"),
        ({"pixel_format": "Mono8"}, r"has no colour.*give one of .*BayerRG8"),
        ({"pixel_format": "BayerRG16"}, r"is not understood: give one of .*BayerRG8"),
        ({"width_px": 99999}, r"camera.width_px = 99999: this camera allows 1 to \d+"),
        ({"left_px": 4095}, r"camera.left_px = 4095: this camera allows 0 to \d+"),
        ({"exposure_us": 1e12}, r"camera.exposure_us = 1000000000000.0: this camera allows"),
        ({"white_balance": (1.5, 1.0, 2.0)}, r"camera.white_balance: this camera cannot set it"),
        ({"trigger": "hardware", "trigger_line": "Line9"}, r"has no Line9: give one of .*Line1"),
        ({"emulated_folder": "/nowhere"}, r"/nowhere is not a folder"),
    ],
    ids=str,
)
def test_what_the_camera_does_not_allow_is_told_in_one_line(wrong: dict[str, object], words: str) -> None:
    camera = open_camera(pylon_settings(**wrong))
    with pytest.raises(SettingsError, match=words) as error, camera:
        pass
    assert "\n" not in str(error.value)


def test_a_serial_that_is_not_there_lists_those_that_are() -> None:
    with (
        pytest.raises(CameraLost, match=rf"no Basler camera 123: .* here: .*{EMULATED}") as error,
        open_camera(pylon_settings(serial="123")),
    ):
        pass
    assert "\n" not in str(error.value)


def test_an_emulated_camera_is_never_taken_unasked() -> None:
    with (
        pytest.raises(CameraLost, match="no Basler cameras, where one is wanted"),
        open_camera(pylon_settings(serial=None)),
    ):
        pass


def test_a_camera_that_another_process_holds_is_told_in_one_line_and_free_again_after_its_death() -> None:
    script = (
        "import sys\nfrom tests.contract.rigs import pylon_settings\n"
        "from zpscope.drivers.open_camera import open_camera\n"
        "with open_camera(pylon_settings()): print('held', flush=True); sys.stdin.read()"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        camera = open_camera(pylon_settings())
        with pytest.raises(CameraLost, match=f"{EMULATED} is held by another zpscope process"), camera:
            pass
        other.kill()
        other.wait()
        with camera:
            assert camera.grab(5.0).lost == 0
