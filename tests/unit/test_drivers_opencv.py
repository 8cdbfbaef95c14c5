import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.contract.rigs import HEIGHT_PX, WIDTH_PX, write_video
from zpscope.config.cameras import OpencvCamera
from zpscope.config.errors import CameraLost, SettingsError
from zpscope.drivers.camera import EndOfStream
from zpscope.drivers.claim import claim, without_user
from zpscope.drivers.open_camera import open_camera


def settings(source: object, **more: object) -> OpencvCamera:
    return OpencvCamera.model_validate({"driver": "opencv", "source": str(source), "um_per_px": 0.07, **more})


def test_a_video_shows_its_frames_as_they_are(tmp_path: Path) -> None:
    with open_camera(settings(write_video(tmp_path / "scan.avi", 3))) as camera:
        for number in range(3):
            bgr = np.random.default_rng(number).integers(0, 255, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)
            grab = camera.grab(5.0)
            np.testing.assert_array_equal(grab.pixels, bgr[..., ::-1])
            assert grab.source == f"scan-{number:06}"


def test_what_a_cut_off_video_promised_is_counted_as_lost(tmp_path: Path) -> None:
    path = write_video(tmp_path / "scan.avi", 20)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    taken = 0
    with open_camera(settings(path)) as camera:
        try:
            while True:
                camera.grab(5.0)
                taken += 1
        except EndOfStream as end:
            lost = end.lost
    assert 0 < taken < 20
    assert taken + lost == 20


def without_frames(path: Path) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (WIDTH_PX, HEIGHT_PX))
    writer.release()
    return path


def no_video(path: Path) -> Path:
    path.write_text("no video")
    return path


def nothing(path: Path) -> Path:
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (without_frames, "holds 0 frames|is no video"),
        (no_video, "is no video that can be read"),
        (nothing, "is not a file"),
    ],
)
def test_a_file_that_is_no_video_is_refused_in_one_line(
    make: Callable[[Path], Path], words: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "scan.avi")
    with pytest.raises(SettingsError, match=words) as error, open_camera(settings(path)):
        pass
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("97", "there is no /dev/video97; here: "),
        ("/dev/video97", "there is no /dev/video97; here: "),
        ("rtsp://127.0.0.1:1/slide", "look at its address"),
    ],
)
def test_a_device_that_is_not_there_is_told_in_one_line(source: str, words: str) -> None:
    with pytest.raises(CameraLost, match=words) as error, open_camera(settings(source)):
        pass
    assert "\n" not in str(error.value)


SECRET = "rtsp://desk:Zq7/9xK@127.0.0.1:1/slide"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (SECRET, "rtsp://***@127.0.0.1:1/slide"),
        ("http://desk@host/a", "http://***@host/a"),
        ("http://host/a?user=desk&password=Zq79xK", "http://host/a?***"),
        ("rtsp://host:554/a", "rtsp://host:554/a"),
        ("/dev/video0", "/dev/video0"),
        ("0", "0"),
    ],
)
def test_what_a_message_says_of_a_source_has_no_password(source: str, told: str) -> None:
    assert without_user(source) == told


def test_no_message_and_no_name_that_all_may_read_has_the_password(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(CameraLost, match="cannot be opened") as error, open_camera(settings(SECRET)):
        pass
    with claim(f"video {SECRET}"):
        names = Path("/proc/net/unix").read_text("utf-8", errors="replace")
        with pytest.raises(CameraLost, match="held by another zpscope process") as held:
            open_camera(settings(SECRET)).__enter__()
    assert "@zpscope " in names
    shown = (str(error.value), str(held.value), names, *capfd.readouterr())
    assert not [text for text in shown if "9xK" in text]


def test_only_a_name_in_use_is_held_by_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    long = "video " + "x" * 200
    with claim(long), claim(long + "y"):
        pass

    def full(_: socket.socket, name: object) -> None:
        del name
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr("zpscope.drivers.claim.socket.socket.bind", full)
    with (
        pytest.raises(CameraLost, match=r"video 0 cannot be claimed \(Cannot allocate memory\)"),
        claim("video 0"),
    ):
        pass
