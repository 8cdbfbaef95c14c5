"""A plan is read again only if it is whole, this user's own, and for this very model, runtime and GPU."""

import logging
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zpscope.config.errors import ModelRefused
from zpscope.engines.plan_cache import PlanKey, PlanUnfit, cache_folder, cached

KEY = PlanKey("b" * 64, "fp16", "tensorrt_rtx 1.7", "NVIDIA RTX 4070", "89", "580.65")
PLAN = bytes(range(256)) * 40


class Builder:
    """Builds a plan, counting how often."""

    def __init__(self) -> None:
        self.built = 0

    def __call__(self) -> bytes:
        self.built += 1
        return PLAN


def unchanged(plan: bytes) -> bytes:
    return plan


def warm(folder: Path) -> Path:
    cached(folder, KEY, lambda: PLAN, unchanged)
    return KEY.path(folder)


def test_a_second_start_builds_nothing(tmp_path: Path) -> None:
    build = Builder()
    for _ in range(3):
        assert cached(tmp_path / "new" / "plans", KEY, build, unchanged) == PLAN
    assert build.built == 1
    (file,) = (tmp_path / "new" / "plans").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("field", ["bundle", "precision", "runtime", "gpu", "capability", "driver"])
def test_nothing_else_fits(tmp_path: Path, field: str) -> None:
    path = warm(tmp_path)
    other = replace(KEY, **{field: "other"})
    build = Builder()
    cached(tmp_path, other, build, unchanged)
    assert build.built == 1
    # Nor when the file of another lies under the right name.
    path.write_bytes(other.path(tmp_path).read_bytes())
    cached(tmp_path, KEY, build, unchanged)
    assert build.built == 2


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def open_to_others(path: Path) -> None:
    path.chmod(0o666)


def a_link(path: Path) -> None:
    path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(path.with_suffix(".elsewhere"))


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def another_users(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 65534, 65534)


@pytest.mark.parametrize("spoil", [cut, empty, lengthen, open_to_others, a_link, a_pipe, another_users])
def test_what_cannot_be_trusted_is_built_again(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(warm(tmp_path))
    build = Builder()
    assert cached(tmp_path, KEY, build, unchanged) == PLAN
    assert build.built == 1
    assert cached(tmp_path, KEY, build, unchanged) == PLAN
    assert build.built == 1


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_no_changed_byte_is_run(tmp_path: Path, place: float, flip: int) -> None:
    path = warm(tmp_path)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= flip
    path.write_bytes(content)
    build = Builder()
    assert cached(tmp_path, KEY, build, unchanged) == PLAN
    assert build.built == 1


def test_a_plan_that_the_runtime_refuses_is_built_once_more_and_no_oftener(tmp_path: Path) -> None:
    stale = b"stale"
    cached(tmp_path, KEY, lambda: stale, unchanged)

    def load(plan: bytes) -> bytes:
        if plan == stale:
            raise PlanUnfit("made by an older driver")
        return plan

    build = Builder()
    assert cached(tmp_path, KEY, build, load) == PLAN
    assert build.built == 1

    def none(plan: bytes) -> bytes:
        raise PlanUnfit("never")

    with pytest.raises(ModelRefused, match=r"just compiled.*does not load"):
        cached(tmp_path, KEY, build, none)
    assert build.built == 2


def test_without_a_folder_it_still_runs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    assert cached(tmp_path / "file", KEY, lambda: PLAN, unchanged) == PLAN
    assert "cannot be kept" in caplog.text
    assert [one.levelno for one in caplog.records if one.levelno >= logging.WARNING] == [logging.WARNING]


def test_the_folder_is_the_services_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", "/var/cache/zpscope")
    assert cache_folder() == Path("/var/cache/zpscope/plans")
    monkeypatch.delenv("CACHE_DIRECTORY")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "zpscope" / "plans"
