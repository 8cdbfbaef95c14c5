"""The Micro-Manager driver against the real MMCore with its demo camera and stages."""

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.contract.rigs import HEIGHT_PX, WIDTH_PX, micromanager_settings
from zpscope.config.errors import CameraLost, GrabTimeout, SettingsError
from zpscope.daemon.grab_watch import GrabWatch
from zpscope.drivers.camera import EndOfStream

micromanager = pytest.importorskip(
    "zpscope.drivers.micromanager", reason="driver micromanager: pymmcore-plus is not installed"
)
SCAN = {"left_um": 100, "top_um": 50, "width_um": 64, "height_um": 26, "settle_ms": 0}
STEP_UM = 0.005
"""The demo stage stands on steps of this, times three at worst."""


def places(camera: Any, stage: Any) -> list[tuple[float, float]]:  # noqa: ANN401
    """Return the position in every header to the end, each held against the stage's own word."""
    found: list[tuple[float, float]] = []
    while True:
        try:
            grab = camera.grab(10.0)
        except EndOfStream:
            return found
        assert grab.stage_um == pytest.approx(stage.getXYPosition(), abs=1e-9)
        assert grab.lost == 0
        found.append(grab.stage_um)


def test_a_scan_goes_over_its_area_and_says_where_it_is(tmp_path: Path) -> None:
    with micromanager.open_micromanager(micromanager_settings(tmp_path, scan=SCAN)) as camera:
        found = places(camera, camera._core)
    expected = [(100, 50), (132, 50), (164, 50), (164, 75.6), (132, 75.6), (100, 75.6)]
    np.testing.assert_allclose(found, expected, atol=3 * STEP_UM)


def test_an_interrupted_scan_goes_on_where_it_was(tmp_path: Path) -> None:
    settings = micromanager_settings(tmp_path, scan={**SCAN, "pattern": "random", "fields": 7})
    camera: Any = micromanager.open_micromanager(settings)
    with camera:
        whole = places(camera, camera._core)
    assert len(whole) == 7
    for done in (0, 3, 7, 9):
        with camera:
            camera.skip(done)
            assert places(camera, camera._core) == whole[done:]


def test_the_stage_follows_the_tilt_of_the_slide(tmp_path: Path) -> None:
    tilt = ((0, 0, 10), (100, 0, 12), (0, 100, 15))
    settings = micromanager_settings(tmp_path, scan={**SCAN, "tilt_um": tilt})
    with micromanager.open_micromanager(settings) as camera:
        for _ in range(6):
            x_um, y_um = camera.grab(10.0).stage_um
            assert camera._core.getPosition() == pytest.approx(10 + x_um * 0.02 + y_um * 0.05, abs=0.02)


def test_autofocus_moves_the_focus_drive_and_comes_back_where_no_head_is_seen(tmp_path: Path) -> None:
    settings = micromanager_settings(tmp_path, scan={**SCAN, "fields": 1, "autofocus_um": (1.0, 0.5)})
    with micromanager.open_micromanager(settings) as camera:
        camera._core.setPosition(3.0)
        camera.grab(30.0)
        assert camera._core.getPosition() == pytest.approx(3.0, abs=0.01)


def test_a_stage_that_runs_the_other_way_is_told_as_the_slide_is(tmp_path: Path) -> None:
    settings = micromanager_settings(tmp_path, scan={**SCAN, "fields": 2}, stage_signs=(-1, 1))
    with micromanager.open_micromanager(settings) as camera:
        second = [camera.grab(10.0).stage_um for _ in range(2)][1]
        assert second == pytest.approx((132, 50), abs=0.02)
        assert camera._core.getXYPosition() == pytest.approx((-132, 50), abs=0.02)


def test_what_a_grab_gave_up_on_is_handed_over_by_the_next(tmp_path: Path) -> None:
    settings = micromanager_settings(tmp_path, scan={**SCAN, "fields": 2}, exposure_ms=300)
    timeouts = 0
    found: list[Any] = []
    with micromanager.open_micromanager(settings) as camera:
        while len(found) < 2:
            try:
                found.append(camera.grab(0.05).stage_um)
            except GrabTimeout:
                timeouts += 1
    assert timeouts > 0
    np.testing.assert_allclose(found, [(100, 50), (132, 50)], atol=3 * STEP_UM)


def test_an_exposure_that_is_overdue_is_waited_for_so_that_the_watch_sees_the_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    returns, ends = threading.Event(), threading.Event()

    def end(status: int) -> None:
        assert status == 1
        ends.set()

    monkeypatch.setattr("zpscope.daemon.grab_watch.os._exit", end)
    with micromanager.open_micromanager(micromanager_settings(tmp_path)) as camera:
        camera.grab(5.0)
        monkeypatch.setattr(camera._core, "snapImage", returns.wait)

        def grab() -> None:
            with GrabWatch("camera", computes=False) as watch:
                while not returns.is_set():
                    with suppress(GrabTimeout), watch.call(0.5):
                        camera.grab(0.05)

        thread = threading.Thread(target=grab)
        thread.start()
        try:
            assert ends.wait(10.0)
        finally:
            returns.set()
            thread.join()


@pytest.mark.parametrize("pixel_type", ["8bit", "16bit"])
def test_a_mosaic_becomes_eight_bits(pixel_type: str, tmp_path: Path) -> None:
    settings = micromanager_settings(tmp_path, pixel_type, mosaic="BGGR", exposure_ms=100)
    with micromanager.open_micromanager(settings) as camera:
        assert camera.format.layout == "bayer_bg8"
        pixels = camera.grab(10.0).pixels
    assert pixels.shape == (HEIGHT_PX, WIDTH_PX)
    assert pixels.dtype == np.uint8
    assert np.ptp(pixels) > 50


@pytest.mark.parametrize(
    ("pixel_type", "more", "words"),
    [
        ("8bit", {}, "gives 1 components of 8 bits, and heads are told by colour: choose 8-bit RGB"),
        ("64bitRGB", {"mosaic": "RGGB"}, "gives 4 components of 16 bits"),
        ("8bit", {"camera": "Other"}, "has no such camera; it has Camera"),
        ("8bit", {"config_file": "/nowhere.cfg"}, "/nowhere.cfg is not a file"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(
    pixel_type: str, more: dict[str, object], words: str, tmp_path: Path
) -> None:
    camera = micromanager.open_micromanager(micromanager_settings(tmp_path, pixel_type, **more))
    with pytest.raises(SettingsError, match=words) as error, camera:
        pass
    assert "\n" not in str(error.value)


def test_a_device_that_does_not_load_is_told_in_one_line(tmp_path: Path) -> None:
    settings = micromanager_settings(tmp_path)
    settings.config_file.write_text("Device,Camera,NoSuchLibrary,DCam\nProperty,Core,Initialize,1\n")
    with (
        pytest.raises(CameraLost, match=r"NoSuchLibrary.*try it in Micro-Manager") as error,
        micromanager.open_micromanager(settings),
    ):
        pass
    assert "\n" not in str(error.value)
