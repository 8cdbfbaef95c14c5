"""The net under all tests holds: what a test leaves behind is seen."""

import importlib.util
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import psutil
import pytest

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def net() -> ModuleType:
    spec = importlib.util.spec_from_file_location("net", TESTS / "conftest.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_thread_is_seen(net: ModuleType) -> None:
    before, end = set(threading.enumerate()), threading.Event()
    thread = threading.Thread(target=end.wait, name="forgotten")
    thread.start()
    assert net._left(before, set(net._children()), net._sockets()) == ["thread forgotten"]
    end.set()
    thread.join()


def test_a_child_is_seen(net: ModuleType) -> None:
    threads, children, sockets = set(threading.enumerate()), set(net._children()), net._sockets()
    with subprocess.Popen(["sleep", "60"]) as child:
        assert net._left(threads, children, sockets) == [f"process {child.pid} sleep 60"]
        child.kill()
    assert net._left(threads, children, sockets) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans over")
def test_a_grandchild_is_seen_though_its_parent_is_gone(net: ModuleType) -> None:
    children = set(net._children())
    words = (
        "from subprocess import *; print(Popen(['sleep', '60'], stdout=DEVNULL, start_new_session=True).pid)"
    )
    run = subprocess.run([sys.executable, "-c", words], stdout=subprocess.PIPE, check=True)
    (orphan,) = set(net._children()) - children
    assert orphan == psutil.Process(int(run.stdout))
    orphan.kill()
    orphan.wait()


def test_a_socket_is_seen(net: ModuleType) -> None:
    threads, children, sockets = set(threading.enumerate()), set(net._children()), net._sockets()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        (left,) = net._left(threads, children, sockets)
        assert left.startswith("socket ")
        assert str(listener.getsockname()[1]) in left
    assert net._left(threads, children, sockets) == []


def test_a_folder_whose_links_are_stale_is_seen(net: ModuleType, tmp_path: Path) -> None:
    folder = TESTS.parent / "config"
    assert net._stale("zpscope.config", folder) == ""
    assert net._stale("zpscope.nowhere", folder) == "it is not installed"
    for path in folder.glob("*.py"):
        (tmp_path / path.name).symlink_to(path)
    assert net._stale("zpscope.config", tmp_path) == ""
    (tmp_path / "brand_new.py").touch()
    assert net._stale("zpscope.config", tmp_path) == "see brand_new.py"
