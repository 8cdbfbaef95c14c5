"""Compiled models on disk: found again only for the same model, precision, runtime, GPU or processor, and driver.

A plan is code. It is read only if this user owns it and nobody else may write it, and if it is whole and
its head says what is wanted; whatever else lies there is built anew and replaced. Knows no runtime: what builds
a plan, and what loads it, are given to it.
"""

import hashlib
import json
import logging
import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from zpscope.config.errors import ModelRefused

_log = logging.getLogger(__name__)

LoadedT = TypeVar("LoadedT")
_HEAD_LIMIT_BYTES = 4096


@dataclass(frozen=True)
class PlanKey:
    """All that a plan depends on."""

    bundle: str
    """sha256 of the bundle."""
    precision: str
    runtime: str
    """Package and version."""
    gpu: str
    """Or the processor, where the runtime runs on it."""
    capability: str
    driver: str
    """Empty on a processor."""

    def path(self, folder: Path) -> Path:
        """Return where such a plan lies."""
        return folder / f"{hashlib.sha256(_json(self)).hexdigest()[:32]}.plan"


class PlanUnfit(Exception):  # noqa: N818  (it is no failure: the plan is built anew)
    """A plan cannot be used, with the reason."""


def cache_folder() -> Path:
    """Return where this user's plans lie: systemd's CacheDirectory, else the one of the XDG base directories."""
    if given := os.environ.get("CACHE_DIRECTORY"):
        return Path(given.partition(":")[0]) / "plans"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zpscope" / "plans"


def cached(
    folder: Path, key: PlanKey, build: Callable[[], bytes], load: Callable[[bytes], LoadedT]
) -> LoadedT:
    """Return a loaded plan: the one on disk, else a new one, which is then on disk.

    Args:
        folder: Where plans lie; made if it is not there.
        key: What the plan must be for.
        build: Returns a new plan.
        load: Returns the plan loaded, or raises PlanUnfit.

    Raises:
        ModelRefused: A plan that was just built does not load.
    """
    path = key.path(folder)
    try:
        loaded = load(_read(path, key))
        _log.info("the compiled model is read from %s", path)
        return loaded
    except PlanUnfit as unfit:
        _log.info("the model is compiled for %s: %s", key.gpu, unfit)
    plan = build()
    try:
        loaded = load(plan)
    except PlanUnfit as unfit:
        msg = f"the model that was just compiled for {key.gpu} does not load ({unfit}): set classifier.runtime to auto"
        raise ModelRefused(msg) from unfit
    _write(path, key, plan)
    return loaded


def _read(path: Path, key: PlanKey) -> bytes:
    """Return a plan from disk; raise PlanUnfit if there is none to be trusted."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                msg = f"{path} is no file"
                raise PlanUnfit(msg)
            if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                msg = f"{path} belongs to another user, or others may write it"
                raise PlanUnfit(msg)
            head = file.readline(_HEAD_LIMIT_BYTES)
            plan = file.read()
    except FileNotFoundError as error:
        msg = "none is there yet"
        raise PlanUnfit(msg) from error
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror})"
        raise PlanUnfit(msg) from error
    if head != _head(key, plan):
        msg = f"{path} is cut off, altered, or made for something else"
        raise PlanUnfit(msg)
    return plan


def _write(path: Path, key: PlanKey, plan: bytes) -> None:
    """Put a plan on disk, whole or not at all; without room for it, the next start builds it again."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
    except OSError as error:
        _log.warning("the compiled model cannot be kept in %s (%s)", path.parent, error.strerror)
        return
    try:
        with open(handle, "wb") as file:
            file.write(_head(key, plan) + plan)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        _log.warning("the compiled model cannot be kept as %s (%s)", path, error.strerror)
        with suppress(OSError):
            os.unlink(beside)


def _head(key: PlanKey, plan: bytes) -> bytes:
    return _json(key)[:-1] + f', "sha256": "{hashlib.sha256(plan).hexdigest()}"}}\n'.encode()


def _json(key: PlanKey) -> bytes:
    return json.dumps(asdict(key), sort_keys=True).encode()
