import errno
import importlib
import json
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.contract.rigs import pylon_settings
from zpscope.config.load import load_settings
from zpscope.config.settings import Settings
from zpscope.daemon import check
from zpscope.daemon.check_cameras import check_usb, look_around
from zpscope.daemon.command import main
from zpscope.daemon.finding import Finding
from zpscope.drivers.open_camera import open_camera

FREE = ("127.0.0.1", 8471, 0)
TAKEN = ("127.0.0.1", 8474, errno.EADDRINUSE)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def settings(*overrides: str) -> Settings:
    """Return settings that want no port which another test may hold."""
    wires = [f"wire.{key}=ipc:///nowhere/{key}" for key in ("frames", "newest", "state", "control")]
    ports = ["metrics.camera_port=0", "metrics.inference_port=0", "metrics.display_port=0", "display.port=0"]
    return load_settings("demo", [*wires, *ports, *overrides])


@pytest.mark.parametrize(
    ("troubles", "running", "expected"),
    [
        ({"wire.frames": FREE}, False, [("ok", "all 1 are free")]),
        (
            {"wire.frames": FREE, "wire.control": TAKEN},
            False,
            [
                (
                    "fail",
                    "wire.control: port 8474 is in use by another program: stop that one, or set another port",
                )
            ],
        ),
        (
            {"wire.frames": FREE, "wire.control": TAKEN},
            True,
            [("ok", "a zpscope is running here, and holds wire.control")],
        ),
        (
            {"display.port": ("10.9.8.7", 80, errno.EADDRNOTAVAIL)},
            False,
            [
                (
                    "fail",
                    "display.port: cannot listen on 10.9.8.7:80 (Cannot assign requested address): set another address",
                )
            ],
        ),
    ],
)
def test_ports(
    troubles: dict[str, tuple[str, int, int]], running: bool, expected: list[tuple[str, str]]
) -> None:
    found = check.check_ports(troubles, running=running)
    assert [(finding.grade, finding.words) for finding in found] == expected


def test_a_taken_port_and_a_strange_host_are_found(taken_port: int) -> None:
    found = list(
        check.examine(
            settings(f"wire.control=tcp://127.0.0.1:{taken_port}", "wire.state=tcp://no.such.host:1")
        )
    )
    ports = [finding.words for finding in found if finding.check == "ports" and finding.grade == "fail"]
    assert any(line.startswith(f"wire.control: port {taken_port} is in use") for line in ports)
    assert any(line.startswith("wire.state: cannot listen on no.such.host:1") for line in ports)


def test_a_store_that_is_not_there_can_be_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "z.sqlite"
    assert check.check_store(path) == Finding("store", "ok", f"{path} is not there yet and can be made")
    assert not path.parent.exists()


def test_a_store_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "z.sqlite"
    path.write_text("this is no database, whatever its name says\n" * 100)
    finding = check.check_store(path)
    assert finding.grade == "fail"
    assert "it is not a zpscope store" in finding.words


@pytest.mark.parametrize("exists", [False, True])
def test_a_store_without_permission_is_told(
    exists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "z.sqlite"
    if exists:
        path.touch()

    def access(place: Path, mode: int) -> bool:
        return exists and place != path

    monkeypatch.setattr("os.access", access)
    finding = check.check_store(path)
    assert finding.grade == "fail"
    assert "permission" in finding.words


@pytest.mark.parametrize(("free_mib", "grade"), [(100_000, "ok"), (1_000, "warn"), (100, "fail")])
def test_disk(free_mib: int, grade: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def disk_usage(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(free=free_mib << 20)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    finding = check.check_disk(tmp_path / "not" / "there" / "z.sqlite")
    assert finding.grade == grade
    assert finding.words.startswith(f"{free_mib} MiB are free in {tmp_path}")


@pytest.mark.parametrize(("synchronised", "grade"), [(True, "ok"), (False, "warn"), (None, "warn")])
def test_clock(synchronised: bool | None, grade: str) -> None:
    assert check.check_clock(synchronised).grade == grade


def test_the_kernel_is_asked_about_the_clock() -> None:
    assert check.clock_is_synchronised() in (True, False, None)


def test_the_demonstration_model_works_and_is_named_one() -> None:
    finding = check.check_model(settings())
    assert finding.grade == "warn"
    assert "DEMONSTRATION" in finding.words


def test_a_missing_model_is_told(tmp_path: Path) -> None:
    finding = check.check_model(settings(f"classifier.bundle={tmp_path / 'none'}"))
    assert finding.grade == "fail"
    assert "no such model bundle" in finding.words


def test_a_camera_that_works_shows_an_exposure() -> None:
    finding = check.check_camera(settings("camera.width_px=320", "camera.height_px=256"))
    assert finding.grade == "ok"
    assert finding.words.startswith("synthetic: 320 x 256 px ")


def test_a_camera_that_does_not_work_is_told(tmp_path: Path) -> None:
    replay = load_settings("replay", [f"camera.folder={tmp_path}", "camera.um_per_px=0.07"])
    finding = check.check_camera(replay)
    assert finding.grade == "fail"
    assert finding.words.startswith("replay: ")


def test_wrong_settings_are_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", "--set", "camera.sed=1", "--set", "camera.fields=0"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(finding["check"], finding["grade"]) for finding in found] == [("settings", "fail")] * 2


def test_every_check_has_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lab.toml"
    path.write_text(
        '[camera]\ndriver = "synthetic"\nwidth_px = 320\nheight_px = 256\n'
        "[metrics]\ncamera_port = 0\ninference_port = 0\ndisplay_port = 0\n[display]\nport = 0\n"
        '[wire]\nframes = "ipc:///f"\nnewest = "ipc:///n"\nstate = "ipc:///s"\ncontrol = "ipc:///c"\n'
        '[store]\npath = "z.sqlite"\n'
    )
    assert main(["check", "-c", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == [
        *("settings", "ports", "store", "disk", "clock", "processor", "model"),
        *("cameras", "cameras", "cameras", "camera"),
    ]
    assert not (tmp_path / "z.sqlite").exists()


def test_each_driver_of_a_real_camera_says_what_it_sees() -> None:
    found = [finding.words for finding in look_around("synthetic")]
    assert [words.partition(":")[0] for words in found[:3]] == ["pylon", "micromanager", "opencv"]
    assert "0815-0000 (Emulation)" in found[0]
    assert "device adapters in" in found[1]


def test_a_camera_that_is_held_is_told() -> None:
    with open_camera(pylon_settings()):
        (words, *_) = [finding.words for finding in look_around("synthetic")]
    assert "0815-0000 (Emulation), held by another zpscope process" in words
    assert words.endswith("0815-0001 (Emulation)")


def test_a_camera_that_the_sdk_says_is_taken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator never says so: an emulated camera can be opened twice."""
    pylon = pytest.importorskip("pypylon.pylon", reason="driver pylon: pypylon is not installed")

    def accessible(factory: object, device: object) -> bool:
        del factory, device
        return False

    monkeypatch.setattr(pylon.TlFactory, "IsDeviceAccessible", accessible)
    (words, *_) = [finding.words for finding in look_around("synthetic")]
    assert "0815-0000 (Emulation), held by another program" in words


def test_an_absent_sdk_fails_only_where_it_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "zpscope.drivers.pylon", raising=False)
    monkeypatch.setitem(sys.modules, "pypylon", None)
    monkeypatch.delattr(importlib.import_module("zpscope.drivers"), "pylon", raising=False)
    for chosen, grade in (("pylon", "fail"), ("synthetic", "ok")):
        (finding, *_) = look_around(chosen)
        assert finding.grade == grade
        assert finding.words.endswith("pip install 'zpscope[pylon]'")


@pytest.mark.parametrize(("vendor", "mib", "grades"), [("2676", 16, ["fail", "warn"]), ("1234", 16, [])])
def test_what_keeps_a_usb_camera_from_working(
    vendor: str, mib: int, grades: list[str], tmp_path: Path
) -> None:
    (tmp_path / "1-1").mkdir()
    for name, text in (("idVendor", vendor), ("busnum", "999"), ("devnum", "999")):
        (tmp_path / "1-1" / name).write_text(f"{text}\n")
    (tmp_path / "memory").write_text(f"{mib}\n")
    found = list(check_usb(tmp_path, tmp_path / "memory"))
    assert [finding.grade for finding in found] == grades
    remedies = ["install pylon's udev rule", f"gives USB {mib} MiB, too little"]
    assert all(remedy in finding.words for remedy, finding in zip(remedies, found, strict=False))
