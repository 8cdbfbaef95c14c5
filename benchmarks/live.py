"""The live system on this machine: time to the first count, rate, and memory of each process.

    python benchmarks/live.py [--fields N]

Starts `zpscope demo` as a user would and listens as a display does. Ratios, not promises: the figures hold for the
machine that is named beside them.
"""

import argparse
import platform
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from zpscope.daemon import wire
from zpscope.daemon.sockets import Subscriber


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fields", type=int, default=200)
    fields = parser.parse_args().fields
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        state = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        words = ["demo", "--fields", str(fields), "--json", str(result)]
        words += ["--set", f"wire.state={state}", "--set", "camera.pace_hz=1000"]
        started_s = time.monotonic()
        with (
            subprocess.Popen(
                [sys.executable, "-m", "zpscope.daemon", *words], stdout=subprocess.DEVNULL
            ) as process,
            Subscriber(state, [wire.StateMessage.topic]) as states,
        ):
            report(process, states, started_s, fields)


def report(process: subprocess.Popen[bytes], states: Subscriber, started_s: float, fields: int) -> None:
    """Follow the run to its end and print what was seen."""
    first_s, rate_s = 0.0, 0.0
    memory: dict[str, int] = {}
    while process.poll() is None:
        parts = states.receive(0.5)
        sample = wire.decode(wire.StateMessage, parts).sample if parts else None
        if sample is None:
            continue
        if sample.n and not first_s:
            first_s = time.monotonic() - started_s
        if sample.captured > fields // 2:
            memory = memory or {name(child): child.memory_info().rss for child in children(process.pid)}
        if sample.scored + sum(sample.skipped.values()) == fields and not rate_s:
            rate_s = (sample.captured - 1) / (time.monotonic() - started_s - first_s)
    print(
        f"machine               {platform.machine()}, {psutil.cpu_count()} cores, Python {platform.python_version()}"
    )
    print(f"first count           {first_s:.1f} s after the start")
    print(f"rate                  {rate_s:.1f} fields/s of 1280 x 1024, drawn, scored and committed")
    for which, bytes_held in sorted(memory.items()):
        print(f"resident {which:12} {bytes_held / 2**20:.0f} MiB at field {fields // 2}")


def children(pid: int) -> list[psutil.Process]:
    """Return the processes that the demo has started."""
    return psutil.Process(pid).children()


def name(child: psutil.Process) -> str:
    """Return which of the three a process is."""
    return child.cmdline()[3]


if __name__ == "__main__":
    main()
