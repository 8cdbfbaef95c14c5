import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from zpscope.daemon.notify import notify


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(2)
        yield listener


def test_the_manager_is_told(manager: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    notify("READY=1")
    notify("STATUS=120 fields, 0.5 µs")
    assert manager.recv(100) == b"READY=1"
    assert manager.recv(100).decode() == "STATUS=120 fields, 0.5 µs"


def test_the_manager_may_listen_in_the_abstract_namespace(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.bind(f"\0zpscope-test-{os.getpid()}")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@zpscope-test-{os.getpid()}")
    notify("STOPPING=1")
    assert manager.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize(
    "address", [None, "", "vsock:2:1", "notify", "/nowhere/notify", "@", "/" + "x" * 300]
)
def test_without_a_manager_nothing_happens(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if address is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")


def test_a_manager_that_does_not_listen_delays_but_does_not_stop(
    manager: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setattr("zpscope.daemon.notify._PATIENCE_S", 0.001)
    start = time.monotonic()
    for _ in range(400):  # more than a socket queues
        notify("WATCHDOG=1")
    assert time.monotonic() - start < 10
