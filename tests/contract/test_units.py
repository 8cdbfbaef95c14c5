import argparse
import importlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path

import pytest

from zpscope.daemon.command import COMMANDS

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
PROCESSES = ("camera", "inference", "display")


def unit(path: Path) -> RawConfigParser:
    parser = RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(path.read_text("utf-8"))
    return parser


def test_each_process_has_a_unit_and_the_target_wants_them_all() -> None:
    names = {f"zpscope-{process}.service" for process in PROCESSES}
    assert {path.name for path in SERVICES} == names
    assert set(unit(UNITS / "zpscope.target")["Unit"]["Wants"].split()) == names


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_a_unit_starts_a_real_command(path: Path) -> None:
    program, name, *words = unit(path)["Service"]["ExecStart"].split()
    assert Path(program) == Path("/opt/zpscope/bin/zpscope")
    assert path.stem == f"zpscope-{name}"
    command = importlib.import_module(COMMANDS[name])
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert parser.parse_args(words).config == "/etc/zpscope/zpscope.toml"


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_a_unit_is_supervised(path: Path) -> None:
    service, head = unit(path)["Service"], unit(path)["Unit"]
    assert service["Type"] == "notify"
    assert service["Restart"] == "on-failure"
    assert service["RestartPreventExitStatus"] == "2"
    assert int(head["StartLimitBurst"]) * int(service["RestartSec"]) < int(head["StartLimitIntervalSec"])
    assert head["PartOf"] == unit(path)["Install"]["WantedBy"] == "zpscope.target"


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here: apt-get install systemd"
)
def test_systemd_finds_nothing_to_say(tmp_path: Path) -> None:
    for path in (*SERVICES, UNITS / "zpscope.target"):
        text = path.read_text("utf-8").replace("/opt/zpscope/bin/zpscope", shutil.which("true") or "")
        (tmp_path / path.name).write_text(text, "utf-8")
    units = sorted(str(path) for path in tmp_path.iterdir())
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(0.2)
        yield listener


def free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def hear(manager: socket.socket, running: subprocess.Popen[bytes], within_s: float) -> bytes:
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        alive = running.poll() is None
        try:
            word = manager.recv(100)
            if not word.startswith(b"STATUS="):
                return word
        except TimeoutError:
            assert alive, f"the process ended with status {running.returncode} and said nothing"
    pytest.fail(f"not a word within {within_s:.0f} s")


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_says_when_it_is_ready_and_when_it_stops(
    process: str, manager: socket.socket, tmp_path: Path
) -> None:
    keys = ("wire.frames", "wire.newest", "wire.state", "wire.control")
    ports = free_ports(len(keys) + 1)
    words = [f"--set={key}=tcp://127.0.0.1:{port}" for key, port in zip(keys, ports, strict=False)]
    words += [
        "--set=metrics.camera_port=0",
        "--set=metrics.inference_port=0",
        "--set=metrics.display_port=0",
        f"--set=display.port={ports[-1]}",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "zpscope.daemon", process, "-c", "demo", *words],
        env={"NOTIFY_SOCKET": str(tmp_path / "notify"), "HOME": str(tmp_path)},
        cwd=tmp_path,
    ) as running:
        try:
            assert hear(manager, running, 60) == b"READY=1"
            start = time.monotonic()
            running.send_signal(signal.SIGTERM)
            assert hear(manager, running, 5) == b"STOPPING=1"
            assert running.wait(10) == 0
            assert time.monotonic() - start < 5
        finally:
            running.kill()
