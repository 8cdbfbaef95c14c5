"""How soon does the inference process say something after its start, and how soon is it ready?

`python -m benchmarks.start`: starts the real process with every runtime that is there, as a service manager does,
and waits for its first word and for READY=1; the second start finds what the first one left in the caches. `--bundle`
takes another model. Seconds on the clock, and seconds of processor time up to then, which a busy neighbour spares.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from zpscope.config.classifiers import (
    Classifier,
    CudaClassifier,
    OnnxRuntimeClassifier,
    OpenVinoClassifier,
    TensorRtClassifier,
)
from zpscope.engines.open_engine import absence

_ENGINES: list[Classifier] = [
    OnnxRuntimeClassifier(),
    OpenVinoClassifier(),
    OpenVinoClassifier(precision="int8"),
    CudaClassifier(),
    TensorRtClassifier(),
    TensorRtClassifier(runtime="tensorrt"),
]
_PORTS = ("wire.frames", "wire.newest", "wire.state", "wire.control")
_WAIT_S = 600.0


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bundle", default="demonstration")
    given = parser.parse_args()
    print("| classifier | start | first word, s (processor) | ready, s (processor) |\n|---|---|---|---|")
    for settings in _ENGINES:
        name = f"{settings.runtime} {getattr(settings, 'precision', '')}".strip()
        if absent := absence(settings):
            print(f"| {name} | not started: {absent} | | |")
            continue
        with tempfile.TemporaryDirectory() as folder:
            for start in ("first", "second"):
                word, ready = _start(Path(folder), settings, given.bundle)
                print(
                    f"| {name} | {start} | {word[0]:.2f} ({word[1]:.2f}) | {ready[0]:.2f} ({ready[1]:.2f}) |"
                )


def _start(
    folder: Path, settings: Classifier, bundle: str
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Start and end a process; return seconds (clock, processor) to its first word, and to READY=1."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        (folder / "notify").unlink(missing_ok=True)
        listener.bind(str(folder / "notify"))
        listener.settimeout(_WAIT_S)
        environment = {"NOTIFY_SOCKET": str(folder / "notify"), "CACHE_DIRECTORY": str(folder)}
        begun_s = time.perf_counter()
        process = subprocess.Popen(
            _command(folder, settings, bundle), env=os.environ | environment, stderr=subprocess.DEVNULL
        )
        try:
            heard: list[tuple[float, float]] = []
            words = ""
            while words != "READY=1":
                words = listener.recv(4096).decode()
                used = psutil.Process(process.pid).cpu_times()
                heard.append((time.perf_counter() - begun_s, used.user + used.system))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
    return heard[0], heard[-1]


def _command(folder: Path, settings: Classifier, bundle: str) -> list[str]:
    overrides = [
        f"store.path={folder / 'slide.sqlite'}",
        f"classifier.runtime={settings.runtime}",
        f"classifier.bundle={bundle}",
        "metrics.inference_port=0",
        *(f"{key}=ipc://{folder / key}" for key in _PORTS),
    ]
    if precision := getattr(settings, "precision", ""):
        overrides.append(f"classifier.precision={precision}")
    words = [word for one in overrides for word in ("--set", one)]
    return [sys.executable, "-m", "zpscope.daemon", "inference", "-c", "demo", *words]


if __name__ == "__main__":
    main()
