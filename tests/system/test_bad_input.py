"""What is wrong is said in one line that says what to do, and nothing is lost."""

import socket
import sqlite3
import subprocess
from pathlib import Path

from tests.system.scope import Scope, free_ports, newest, port_overrides, until, zpscope


def only_line(done: subprocess.CompletedProcess[str], status: int) -> str:
    """Return the one line of an error, after checking that it is one, with that exit status."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("zpscope: ")]
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert len(lines) == 1, done.stderr
    return lines[0]


def inference(*overrides: str) -> subprocess.CompletedProcess[str]:
    words = [word for override in overrides for word in ("--set", override)]
    return zpscope("inference", "-c", "demo", *words)


def test_every_wrong_key_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text('[camera]\ndriver = "synthetic"\nsed = 3\num_per_px = 7\n[wire]\ndelivery = "all"\n')
    done = zpscope("run", "-c", str(file))
    assert done.returncode == 2
    lines = sorted(done.stderr.splitlines())
    assert len(lines) == 3, done.stderr
    for line, words in zip(lines, (("sed", "seed"), ("um_per_px",), ("delivery", "every")), strict=True):
        assert str(file) in line
        assert all(word in line for word in words), line


def test_an_empty_folder(tmp_path: Path) -> None:
    done = zpscope("score", str(tmp_path), "--um-per-px", "0.069")
    assert str(tmp_path) in only_line(done, 2)


def test_a_missing_folder(tmp_path: Path) -> None:
    done = zpscope(
        "run",
        "-c",
        "replay",
        "--set",
        f"camera.folder={tmp_path / 'no'}",
        "--set",
        "camera.um_per_px=0.05",
        "--sample",
        "A-1",
        *(w for o in port_overrides() for w in ("--set", o)),
    )
    assert done.returncode == 1
    assert str(tmp_path / "no") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_bundle(tmp_path: Path) -> None:
    done = inference(
        *port_overrides(), f"store.path={tmp_path / 's'}", f"classifier.bundle={tmp_path / 'none'}"
    )
    assert "bundle" in only_line(done, 1)


def test_a_port_in_use(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        done = inference(
            *port_overrides(), f"store.path={tmp_path / 's'}", f"wire.state=tcp://127.0.0.1:{port}"
        )
        assert str(port) in only_line(done, 1)
        done = zpscope("run", "-c", "demo", "--set", f"wire.frames=tcp://127.0.0.1:{port}")
        assert str(port) in only_line(done, 1)


def test_a_store_of_a_newer_version(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    with sqlite3.connect(store) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = store.read_bytes()
    assert "99" in only_line(inference(*port_overrides(), f"store.path={store}"), 1)
    assert store.read_bytes() == before


def test_a_store_that_is_no_store(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    store.write_text("these are not the bytes of a database " * 100)
    assert str(store) in only_line(inference(*port_overrides(), f"store.path={store}"), 1)


def test_a_second_inference_process_on_the_same_store(tmp_path: Path) -> None:
    with Scope("demo", [], tmp_path) as scope:
        scope.start("inference")
        until(scope.store.exists, "the store")
        until(lambda: scope.ask("status") is None, "the inference process")
        line = only_line(inference(*port_overrides(), f"store.path={scope.store}"), 1)
    assert str(scope.store) in line
    assert "another inference process" in line


def test_a_command_without_an_inference_process(tmp_path: Path) -> None:
    with Scope("demo", [], tmp_path) as scope:
        assert "zpscope run" in only_line(scope.command("sample", "stop"), 1)
        assert "no store" in only_line(scope.command("sample", "list"), 1)


def test_commands_that_do_not_fit_the_moment(tmp_path: Path) -> None:
    with Scope("demo", ["camera.fields=2", "camera.width_px=512", "camera.height_px=384"], tmp_path) as scope:
        scope.start("camera", "inference")
        assert "sample start" in only_line(scope.command("sample", "stop"), 1)
        assert "never a name" in only_line(scope.command("sample", "start", "Jane Doe"), 1)
        assert scope.command("sample", "start", "A-1").returncode == 0
        assert "A-1" in only_line(scope.command("sample", "start", "A-2"), 1)
        assert scope.finish().captured == 2
        assert scope.command("sample", "start", "A-2").returncode == 0
        assert scope.finish().accession == "A-2"
        listed = scope.command("sample", "list", "--json").stdout.splitlines()
    assert len(listed) == 2


def test_a_camera_that_serves_another_store(tmp_path: Path) -> None:
    with Scope("demo", [], tmp_path) as scope:
        scope.start("camera", "inference")
        with scope.states() as states:
            until(lambda: (state := newest(states)) and state.camera_connected, "the camera")
        other = [
            *port_overrides(),
            f"store.path={tmp_path / 'other'}",
            f"wire.frames={scope.settings.wire.frames}",
        ]
        assert "serves another inference process" in only_line(inference(*other), 1)


def test_processes_that_disagree_on_delivery(tmp_path: Path) -> None:
    with Scope("demo", [], tmp_path) as scope:
        scope.start("camera")
        other = [
            *port_overrides(),
            f"store.path={tmp_path / 's'}",
            f"wire.frames={scope.settings.wire.frames}",
        ]
        assert "same wire.delivery" in only_line(inference(*other, "wire.delivery=newest"), 1)
