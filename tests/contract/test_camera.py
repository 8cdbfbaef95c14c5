"""What recordings promise beyond what every driver does (`test_driver.py`), and what one driver alone does."""

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.contract.rigs import write_video
from zpscope.config.cameras import OpencvCamera
from zpscope.config.errors import CameraLost, GrabTimeout, SettingsError
from zpscope.config.settings import Camera as CameraSettings
from zpscope.config.settings import ReplayCamera, SyntheticCamera
from zpscope.drivers.camera import Camera, EndOfStream, Grab, is_recording
from zpscope.drivers.open_camera import open_camera
from zpscope.drivers.synthetic import field_centre_um

FIELDS = 4
WIDTH_PX, HEIGHT_PX = 320, 256
Make = Callable[[float | None], CameraSettings]


def picture(path: Path, seed: int, shape: tuple[int, int] = (HEIGHT_PX, WIDTH_PX)) -> None:
    noise = np.random.default_rng(seed).integers(0, 255, (*shape, 3), np.uint8)
    cv2.imwrite(str(path), noise)


@pytest.fixture(params=["clean", "usual", "replay", "video"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Return what makes the settings of one driver, of a stream of four exposures."""
    if request.param == "video":
        video = str(write_video(tmp_path / "scan.avi", FIELDS))
        return lambda pace_hz: OpencvCamera(driver="opencv", source=video, um_per_px=0.069, pace_hz=pace_hz)
    if request.param != "replay":
        return lambda pace_hz: SyntheticCamera(
            slide=request.param, fields=FIELDS, width_px=WIDTH_PX, height_px=HEIGHT_PX, pace_hz=pace_hz
        )
    for number in range(FIELDS):
        picture(tmp_path / f"{number}.png", number)
    return lambda pace_hz: ReplayCamera(driver="replay", folder=tmp_path, um_per_px=0.069, pace_hz=pace_hz)


def grab_all(camera: Camera) -> list[Grab]:
    """Return every exposure of a stream, with pixels of its own."""
    grabs: list[Grab] = []
    while True:
        try:
            grab = camera.grab(5.0)
        except EndOfStream:
            return grabs
        grabs.append(Grab(grab.pixels.copy(), grab.device_ns, grab.stage_um, grab.lost, grab.source))


def test_every_exposure_is_as_the_format_says(make: Make) -> None:
    with open_camera(make(None)) as camera:
        shape = camera.format
        grabs = grab_all(camera)
    assert len(grabs) == FIELDS
    channels = (3,) if shape.layout == "rgb8" else ()
    for grab in grabs:
        assert grab.pixels.dtype == np.uint8
        assert grab.pixels.shape == (shape.height_px, shape.width_px, *channels)
        assert grab.lost == 0
    clocks = [grab.device_ns for grab in grabs]
    assert clocks == sorted(clocks)


def test_the_end_stays_the_end(make: Make) -> None:
    with open_camera(make(None)) as camera:
        grab_all(camera)
        for _ in range(3):
            with pytest.raises(EndOfStream) as end:
                camera.grab(1.0)
            assert end.value.lost == 0


def test_the_same_bytes_on_every_run(make: Make) -> None:
    camera = open_camera(make(None))
    with camera:
        first = grab_all(camera)
    with camera:
        second = grab_all(camera)
    with open_camera(make(None)) as other:
        third = grab_all(other)
    for grabs in (second, third):
        for one, again in zip(first, grabs, strict=True):
            np.testing.assert_array_equal(one.pixels, again.pixels)
            assert (one.stage_um, one.source) == (again.stage_um, again.source)


def test_a_timeout_loses_no_exposure(make: Make) -> None:
    with open_camera(make(20.0)) as camera:
        grabs, timeouts = 0, 0
        while grabs < FIELDS:
            try:
                assert camera.grab(0.002).lost == 0
                grabs += 1
            except GrabTimeout:
                timeouts += 1
        with pytest.raises(EndOfStream):
            grab_all_or_raise(camera)
    assert timeouts > 0


def grab_all_or_raise(camera: Camera) -> None:
    """Grab until the stream ends, and let its end through."""
    while True:
        try:
            camera.grab(1.0)
        except GrabTimeout:
            continue


def test_a_free_running_camera_counts_what_nobody_asked_for() -> None:
    settings = SyntheticCamera(
        fields=400, timing="free_running", pace_hz=2000, width_px=WIDTH_PX, height_px=HEIGHT_PX
    )
    taken, lost = 0, 0
    with open_camera(settings) as camera:
        while True:
            try:
                lost += camera.grab(5.0).lost
                taken += 1
            except EndOfStream as end:
                lost += end.lost
                break
    assert taken + lost == 400
    assert lost > 0


def test_a_free_running_camera_forgets_no_loss_over_a_timeout() -> None:
    settings = SyntheticCamera(timing="free_running", pace_hz=4, width_px=WIDTH_PX, height_px=HEIGHT_PX)
    with open_camera(settings) as camera:
        camera.grab(5.0)
        with pytest.raises(GrabTimeout):
            camera.grab(0.01)
        time.sleep(0.6)  # at least one exposure comes due and goes by; how many does not matter
        lost = 0
        while True:
            try:
                grab = camera.grab(0.001)
            except GrabTimeout:
                continue
            lost += grab.lost
            break
    number = next(number for number in range(100) if field_centre_um(settings, number) == grab.stage_um)
    assert lost == number - 1 > 0


def test_an_unplugged_camera_says_so_until_it_is_opened_anew() -> None:
    settings = SyntheticCamera(unplugged_after=2, width_px=WIDTH_PX, height_px=HEIGHT_PX)
    camera = open_camera(settings)
    for _ in range(2):
        with camera:
            assert [camera.grab(5.0).lost for _ in range(2)] == [0, 0]
            for _ in range(2):
                with pytest.raises(CameraLost, match="unplugged"):
                    camera.grab(5.0)


def test_replay_goes_in_name_order_and_counts_what_it_cannot_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("b2", "a1", "c3"):
        picture(tmp_path / f"{name}.png", 1)
    picture(tmp_path / "b1-small.png", 2, (100, 100))
    (tmp_path / "d-broken.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "notes.txt").write_text("no picture, and not meant to be one")
    with open_camera(ReplayCamera(driver="replay", folder=tmp_path, um_per_px=0.05)) as camera:
        grabs = [camera.grab(1) for _ in range(3)]
        assert [(grab.source, grab.lost) for grab in grabs] == [("a1", 0), ("b2", 1), ("c3", 0)]
        with pytest.raises(EndOfStream) as end:
            camera.grab(1)
    assert end.value.lost == 1
    assert [name for name in ("b1-small", "d-broken", "notes") if name in caplog.text] == [
        "b1-small",
        "d-broken",
    ]


@pytest.mark.parametrize("content", ["missing", "empty", "unusable"])
def test_replay_without_a_picture_says_what_to_do(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "fields"
    if content != "missing":
        folder.mkdir()
    if content == "unusable":
        (folder / "a.png").write_text("not a picture")
    with pytest.raises(SettingsError, match=str(folder)):
        open_camera(ReplayCamera(driver="replay", folder=folder, um_per_px=0.05)).__enter__()


def test_a_recording_goes_on_after_what_was_skipped(make: Make) -> None:
    camera = open_camera(make(None))
    with camera:
        whole = grab_all(camera)
    for skipped in (0, 1, FIELDS, FIELDS + 3):
        with camera:
            assert is_recording(camera)
            camera.skip(skipped)
            rest = grab_all(camera)
        assert [grab.stage_um for grab in rest] == [grab.stage_um for grab in whole[skipped:]]
        assert [grab.source for grab in rest] == [grab.source for grab in whole[skipped:]]
