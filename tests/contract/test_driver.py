"""What every driver promises, whatever its device; see `rigs.py`. What recordings promise more: `test_camera.py`."""

import builtins
import gc
import importlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import ModuleType

import numpy as np
import psutil
import pytest

from tests.contract.rigs import RIGS, Rig, micromanager_settings, pylon_settings, rig_of
from zpscope.config.errors import CameraLost, GrabTimeout, SettingsError
from zpscope.drivers.camera import Camera, EndOfStream, is_recording
from zpscope.drivers.open_camera import open_camera

MIB = 1 << 20
RESTARTS = 50


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with closing(rig_of(request.param, tmp_path)) as rig:
        yield rig


def test_every_exposure_is_as_the_format_says_and_the_clock_goes_forward(rig: Rig) -> None:
    with open_camera(rig.stream()) as camera:
        shape = camera.format
        assert shape.simulated == rig.simulated
        channels = (3,) if shape.layout == "rgb8" else ()
        clocks: list[int] = []
        for _ in range(4):
            grab = camera.grab(5.0)
            assert grab.pixels.dtype == np.uint8
            assert grab.pixels.shape == (shape.height_px, shape.width_px, *channels)
            clocks.append(grab.device_ns)
    assert clocks == sorted(clocks)
    assert abs(time.monotonic_ns() - clocks[-1]) < 60e9, "it is the host's clock"


def test_a_camera_can_be_asked_whether_it_is_a_recording_before_it_is_there(rig: Rig) -> None:
    assert is_recording(open_camera(rig.stream())) is rig.is_recording


def test_restarts_leave_no_handle_no_thread_and_no_memory_behind(rig: Rig) -> None:
    process, camera = psutil.Process(), open_camera(rig.stream())

    def restart(times: int) -> None:
        for _ in range(times):
            with camera:
                camera.grab(5.0)

    restart(RESTARTS)  # what the libraries keep for good, they have after this
    gc.collect()
    before = process.num_fds(), process.num_threads()
    memory = process.memory_info().rss
    restart(RESTARTS)
    gc.collect()
    assert (process.num_fds(), process.num_threads()) == before
    assert process.memory_info().rss - memory < MIB


def test_borrowed_pixels_stay_what_they_were_until_the_next_grab_and_never_crash_a_late_reader(
    rig: Rig,
) -> None:
    with open_camera(rig.stream()) as camera:
        grab = camera.grab(5.0)
        copy = grab.pixels.copy()
        time.sleep(0.1)  # the device goes on: it must not write here
        np.testing.assert_array_equal(grab.pixels, copy)
        later = [camera.grab(5.0).pixels for _ in range(3)]
    assert grab.pixels.sum() >= 0
    assert all(pixels.sum() >= 0 for pixels in later)


def test_kept_pixels_stay_what_they_were_for_as_long_as_they_are_held(rig: Rig) -> None:
    with open_camera(rig.stream(), held=4) as camera:
        grabs = [camera.grab(5.0) for _ in range(4)]
        held = [(grab.pixels, grab.pixels.copy()) for grab in grabs if grab.kept]
        del grabs
        with suppress(EndOfStream):
            for _ in range(20):
                camera.grab(5.0)
    for pixels, copy in held:
        np.testing.assert_array_equal(pixels, copy)


def test_a_grab_waits_as_long_as_it_may(rig: Rig) -> None:
    with open_camera(rig.waiting()) as camera:
        with suppress(GrabTimeout):
            while True:  # until nothing comes
                camera.grab(0.2)
        waited_s: list[float] = []
        for _ in range(5):
            started_s = time.monotonic()
            with pytest.raises(GrabTimeout):
                camera.grab(0.2)
            waited_s.append(time.monotonic() - started_s)
    assert min(waited_s) >= 0.15
    assert min(waited_s) <= 0.25, "a busy machine may delay one of them, not all"


def test_a_camera_that_is_gone_says_so_until_it_is_opened_anew(rig: Rig) -> None:
    camera = open_camera(rig.vanishing())
    for _ in range(2):
        with camera:
            camera.grab(5.0)
            rig.unplug(camera)
            for _ in range(2):
                with pytest.raises(CameraLost):
                    grab_to_the_end(camera)


def grab_to_the_end(camera: Camera) -> None:
    """Grab what was on its way, until the driver notices; let what it raises through."""
    until_s = time.monotonic() + 10.0
    while time.monotonic() < until_s:
        camera.grab(1.0)


@pytest.mark.parametrize(("driver", "package"), [("pylon", "pypylon"), ("micromanager", "pymmcore_plus")])
def test_an_absent_sdk_is_named_with_what_installs_it(
    driver: str, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = pylon_settings() if driver == "pylon" else micromanager_settings(tmp_path)
    real = builtins.__import__

    def absent(
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002  (the names are Python's)
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(name=name)
        return real(name, globals, locals, fromlist, level)

    module = f"zpscope.drivers.{driver}"
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delattr(importlib.import_module("zpscope.drivers"), driver, raising=False)
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(SettingsError, match=rf"pip install 'zpscope\[{driver}\]'$"):
        open_camera(settings)
