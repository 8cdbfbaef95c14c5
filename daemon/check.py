"""Is this machine ready? Each question once, answered with what was found and what to do.

Asks the machine and the parts that will be used; starts no process and leaves nothing behind.
"""

import ctypes
import errno
import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from zpscope.config.errors import CommandRefused, PeerRefused, WireVersionError, ZpscopeError
from zpscope.config.settings import Settings
from zpscope.daemon import wire
from zpscope.daemon.check_cameras import look_around
from zpscope.daemon.finding import Finding
from zpscope.daemon.sockets import command
from zpscope.daemon.store import read_store
from zpscope.drivers.camera import EndOfStream
from zpscope.drivers.open_camera import open_camera
from zpscope.engines.bundle import open_bundle
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.crop import CROP_PX, CROP_UM_PER_PX, PREPROCESSING_HASH

_GRAB_S = 5.0
_ANSWER_S = 0.5
_MIB = 1 << 20
_FULL_MIB, _NARROW_MIB = 200, 2048
"""Free disk space below which a store cannot be trusted to grow, and below which it is soon full."""
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield one finding after the other; the slow ones come last."""
    troubles = {key: (host, port, _trouble(host, port)) for key, (host, port) in _addresses(settings).items()}
    taken = [key for key, (*_, trouble) in troubles.items() if trouble == errno.EADDRINUSE]
    running = "wire.control" in taken and _answers(settings)
    yield from check_ports(troubles, running=running)
    yield check_store(settings.store.path)
    yield check_disk(settings.store.path)
    yield check_clock(clock_is_synchronised())
    yield check_processor()
    yield check_model(settings)
    yield from look_around(settings.camera.driver)
    if running and "wire.frames" in taken:
        yield Finding("camera", "ok", "not tried: the camera process that is running has it")
    else:
        yield check_camera(settings)


def check_ports(troubles: Mapping[str, tuple[str, int, int]], *, running: bool) -> Iterator[Finding]:
    """Yield one finding for every address that cannot be had, or one for all; `troubles` are error numbers."""
    taken = [key for key, (*_, trouble) in troubles.items() if trouble == errno.EADDRINUSE]
    if running:
        yield Finding("ports", "ok", f"a zpscope is running here, and holds {', '.join(taken)}")
    elif not any(trouble for *_, trouble in troubles.values()):
        yield Finding("ports", "ok", f"all {len(troubles)} are free")
    for key, (host, port, trouble) in troubles.items():
        if trouble == errno.EADDRINUSE and not running:
            words = f"{key}: port {port} is in use by another program: stop that one, or set another port"
            yield Finding("ports", "fail", words)
        elif trouble not in (0, errno.EADDRINUSE):
            words = f"{key}: cannot listen on {host}:{port} ({os.strerror(trouble)}): set another address"
            yield Finding("ports", "fail", words)


def check_store(path: Path) -> Finding:
    """Say whether the store can be written, and read if it is there."""
    folder = _existing(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        words = f"this user may not write to {folder}: give it permission, or set another store.path"
        return Finding("store", "fail", words)
    if not path.exists():
        return Finding("store", "ok", f"{path} is not there yet and can be made")
    if not os.access(path, os.W_OK):
        words = f"{path} is read-only: give this user write permission, or set another store.path"
        return Finding("store", "fail", words)
    try:
        with read_store(path) as store:
            return Finding("store", "ok", f"{path} holds {len(store.samples())} samples")
    except ZpscopeError as error:
        return Finding("store", "fail", str(error))


def check_disk(path: Path) -> Finding:
    """Say whether there is room for the store to grow."""
    folder = _existing(path)
    free_mib = shutil.disk_usage(folder).free // _MIB
    words = f"{free_mib} MiB are free in {folder}"
    if free_mib >= _NARROW_MIB:
        return Finding("disk", "ok", words)
    return Finding("disk", "fail" if free_mib < _FULL_MIB else "warn", f"{words}: free some space")


def check_clock(synchronised: bool | None) -> Finding:
    """Say whether times can be trusted."""
    if synchronised is None:
        words = "this system does not say whether it is synchronised: see to it by hand"
        return Finding("clock", "warn", words)
    if not synchronised:
        words = (
            "not synchronised, so times in reports may be wrong: timedatectl set-ntp true, or install chrony"
        )
        return Finding("clock", "warn", words)
    return Finding("clock", "ok", "synchronised")


def clock_is_synchronised() -> bool | None:
    """Ask the kernel whether somebody keeps its clock; None where it does not say."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except AttributeError:
        return None
    state: int = adjtimex(ctypes.create_string_buffer(1024))  # a struct timex with modes = 0: change nothing
    return None if state < 0 else state != _TIME_ERROR


def check_processor() -> Finding:
    """Say what there is to compute with."""
    gpu = "an NVIDIA GPU" if Path("/proc/driver/nvidia/version").exists() else "no GPU"
    return Finding("processor", "ok", f"{os.cpu_count()} cores, {gpu}")


def check_model(settings: Settings) -> Finding:
    """Say whether the model is whole, fits, and classifies a crop."""
    try:
        bundle = open_bundle(settings.classifier.bundle, PREPROCESSING_HASH, CROP_UM_PER_PX)
        with open_engine(settings.classifier, bundle) as engine:
            start_s = time.perf_counter()
            engine.classify(np.zeros((1, CROP_PX, CROP_PX), np.uint8))
            took_ms = (time.perf_counter() - start_s) * 1000
    except ZpscopeError as error:
        return Finding("model", "fail", str(error))
    words = f"{bundle.card.name} {bundle.card.version} on {engine.runtime}, first crop {took_ms:.0f} ms"
    if bundle.card.demonstration:
        words += "; DEMONSTRATION, trained on simulated heads: train your own before you look at samples"
        return Finding("model", "warn", words)
    return Finding("model", "ok", words)


def check_camera(settings: Settings) -> Finding:
    """Say whether the camera starts and gives an exposure."""
    driver = settings.camera.driver
    try:
        start_s = time.perf_counter()
        with open_camera(settings.camera, settings.wire.delivery) as camera:
            camera.grab(_GRAB_S)
            took_s = time.perf_counter() - start_s
            form = camera.format
    except EndOfStream:
        return Finding("camera", "fail", f"{driver}: the recording is empty: give another one")
    except ZpscopeError as error:
        return Finding("camera", "fail", f"{driver}: {error}")
    words = (
        f"{driver}: {form.width_px} x {form.height_px} px {form.layout}, first exposure after {took_s:.1f} s"
    )
    return Finding("camera", "ok", words)


def _addresses(settings: Settings) -> dict[str, tuple[str, int]]:
    """Return host and port of every TCP address to be listened on, by settings key."""
    metrics, display, wires = settings.metrics, settings.display, settings.wire
    addresses = {
        "metrics.camera_port": (metrics.host, metrics.camera_port),
        "metrics.inference_port": (metrics.host, metrics.inference_port),
        "metrics.display_port": (metrics.host, metrics.display_port),
        "display.port": (display.host, display.port),
    }
    endpoints = {
        "frames": wires.frames,
        "newest": wires.newest,
        "state": wires.state,
        "control": wires.control,
    }
    for key, endpoint in endpoints.items():
        if endpoint.startswith("tcp://"):
            host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
            addresses[f"wire.{key}"] = ("0.0.0.0" if host == "*" else host, int(port))
    return {key: (host, port) for key, (host, port) in addresses.items() if port}


def _trouble(host: str, port: int) -> int:
    """Return 0 if one can listen there, else the error number."""
    try:
        with socket.create_server((host, port)):
            return 0
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    except OSError as error:
        return error.errno or errno.EIO


def _answers(settings: Settings) -> bool:
    try:
        command(settings.wire.control, wire.ControlRequest(action="status"), _ANSWER_S)
    except PeerRefused:
        return False
    except (CommandRefused, WireVersionError):
        return True
    return True


def _existing(path: Path) -> Path:
    """Return the nearest folder above the path that exists."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())
