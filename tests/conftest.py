"""What holds for every test: the files under test are these, and a test leaves nothing behind."""

import ctypes
import importlib
import os
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import settings as hypothesis_settings

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("ZPSCOPE_DATA", ROOT.parent / "shared" / "data"))
GRACE_S = 5.0
"""What a test has stopped may take so long to be gone."""
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)

os.environ.setdefault("PYLON_CAMEMU", "2")  # before pypylon is imported, here and in every child process

hypothesis_settings.register_profile("zpscope", deadline=None, derandomize="CI" in os.environ)
hypothesis_settings.load_profile("zpscope")


def pytest_configure() -> None:
    """Refuse to test other files than the ones beside these tests."""
    for package, folder in _folders().items():
        stale = _stale(package, ROOT / folder)
        if stale:
            pytest.exit(
                f"{package} is not linked to {folder}/ ({stale}): run `make links`, "
                "or pip install -e . --no-deps --no-build-isolation",
                returncode=pytest.ExitCode.USAGE_ERROR,
            )
    if hasattr(os, "fork"):
        # A grandchild whose parent died becomes ours instead of init's, so that no_leftovers sees it.
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep compiled models in a folder of the tests, and not in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CACHE_DIRECTORY", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_report_header() -> str:
    absent = "" if DATA.is_dir() else " is absent: tests on real fields are skipped; set ZPSCOPE_DATA"
    return f"data: {DATA}{absent}"


def _folders() -> dict[str, str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        folders: dict[str, str] = tomllib.load(file)["tool"]["setuptools"]["package-dir"]
    return folders


def _stale(package: str, folder: Path) -> str:
    """Return why the installed package is not the folder, or nothing."""
    try:
        linked = {
            path.name: path.resolve()
            for place in importlib.import_module(package).__path__
            for path in Path(place).glob("*.py")
        }
    except ImportError:
        return "it is not installed"
    written = {path.name: path.resolve() for path in folder.glob("*.py")}
    different = sorted(
        name for name in linked.keys() | written.keys() if linked.get(name) != written.get(name)
    )
    return f"see {', '.join(different)}" if different else ""


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of real fields and published values."""
    if not DATA.is_dir():
        pytest.skip(f"no data at {DATA}: set ZPSCOPE_DATA")
    return DATA


@pytest.fixture(autouse=True)
def no_leftovers() -> Iterator[None]:
    """Fail a test that leaves a thread, a child process or an open socket behind."""
    threads, children, sockets = set(threading.enumerate()), set(_children()), _sockets()
    yield
    deadline = time.monotonic() + GRACE_S
    while left := _left(threads, children, sockets):
        if time.monotonic() > deadline:
            for child in set(_children()) - children:
                child.kill()
            pytest.fail("the test left behind: " + "; ".join(left))
        time.sleep(0.02)


def _left(threads: set[threading.Thread], children: set[psutil.Process], sockets: set[str]) -> list[str]:
    found = [f"thread {thread.name}" for thread in threading.enumerate() if thread not in threads]
    found += [f"process {_words(child)}" for child in _children() if child not in children]
    return found + [f"socket {name}" for name in sorted(_sockets() - sockets)]


def _children() -> list[psutil.Process]:
    """Return the living children, theirs included, but for the service processes of multiprocessing."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if _is_alive(child) and "multiprocessing" not in _words(child)
    ]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _words(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {' '.join(process.cmdline())}"
    except psutil.Error:
        return str(process.pid)


def _sockets() -> set[str]:
    return {
        f"{one.fd} {one.family.name} {one.laddr or 'unnamed'} {one.status}"
        for one in psutil.Process().net_connections(kind="all")
    }
