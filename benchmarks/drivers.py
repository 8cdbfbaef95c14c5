# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Does the camera process keep up with the camera? Its rate against a bare pypylon loop, on Basler's emulator.

    python benchmarks/drivers.py [--seconds S] [--rounds N]

Both take 2448 x 2048 Bayer 8 with `every`, in turn, and the median of the rounds is printed: at 75 exposures a second
(what the acA2440-75uc of that size gives), and at 150. The loop is what a user would write: retrieve, copy
(GetArray), release. The process copies nothing, and hands over by ZeroMQ to this one, which acknowledges each. `ms`
is the CPU time of either process per exposure; the emulator's drawing of it is in both.
"""

import argparse
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

os.environ["PYLON_CAMEMU"] = "1"  # before pypylon is imported

import psutil
from pypylon import pylon

from zpscope.daemon import wire
from zpscope.daemon.sockets import FrameClient, wait

SERIAL = "0815-0000"
WIDTH_PX, HEIGHT_PX = 2448, 2048
EXPOSURE_US = 100.0
CREDIT = 8


@dataclass(frozen=True)
class Run:
    """What one way to take exposures came to."""

    rate_hz: float
    cpu_ms: float
    """Per exposure."""
    lost: int = 0


def main() -> None:
    """Print one row for each rate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(
        f"{'asked for':>12} {'bare loop /s':>13} {'ms':>5} {'process /s':>11} {'ms':>5} "
        f"{'ratio (range)':>22} {'lost':>5}"
    )
    for rate_hz in (75.0, 150.0):
        seconds = arguments.seconds
        rounds = [(bare(rate_hz, seconds), handed_over(rate_hz, seconds)) for _ in range(arguments.rounds)]
        (loop, loop_ms), (process, process_ms) = (
            (median(one.rate_hz for one in runs), median(one.cpu_ms for one in runs))
            for runs in zip(*rounds, strict=True)
        )
        ratios = [process.rate_hz / loop.rate_hz for loop, process in rounds]
        spread = f"{median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
        lost = sum(process.lost for _, process in rounds)
        row = f"{rate_hz:>9.0f} /s {loop:>13.1f} {loop_ms:>5.1f} {process:>11.1f} {process_ms:>5.1f}"
        print(f"{row} {spread:>22} {lost:>5}", flush=True)


def bare(rate_hz: float, seconds: float) -> Run:
    """Take exposures in a plain loop over the same camera with the same settings."""
    camera = pylon.InstantCamera(pylon.TlFactory.GetInstance().CreateFirstDevice())
    camera.Open()
    for node, value in (
        ("PixelFormat", "BayerRG8"),
        ("Width", WIDTH_PX),
        ("Height", HEIGHT_PX),
        ("ExposureTimeAbs", EXPOSURE_US),
        ("AcquisitionFrameRateAbs", rate_hz),
    ):
        camera.GetNodeMap().GetNode(node).Value = value
    camera.StartGrabbing(pylon.GrabStrategy_OneByOne)
    taken, started_s, cpu_s = 0, time.monotonic(), time.process_time()
    while (spent_s := time.monotonic() - started_s) < seconds:
        with camera.RetrieveResult(1000, pylon.TimeoutHandling_ThrowException) as result:
            result.GetArray()
            taken += 1
    cpu_s = time.process_time() - cpu_s
    camera.Close()
    return Run(taken / spent_s, cpu_s / taken * 1000)


def handed_over(rate_hz: float, seconds: float) -> Run:
    """Take frames from the camera process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "bench.toml"
        profile.write_text(
            f'[camera]\ndriver = "pylon"\nserial = "{SERIAL}"\num_per_px = 0.069\npixel_format = "BayerRG8"\n'
            f"width_px = {WIDTH_PX}\nheight_px = {HEIGHT_PX}\nexposure_us = {EXPOSURE_US}\n"
            f'frame_rate_hz = {rate_hz}\n[wire]\nframes = "{endpoint}"\nnewest = "ipc://{folder}/newest"\n'
            f'[store]\npath = "{folder}/store.sqlite"\n[metrics]\ncamera_port = 0\n'
        )
        words = [sys.executable, "-m", "zpscope.daemon", "camera", "-c", str(profile)]
        with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process, FrameClient(endpoint) as client:
            try:
                return receive(client, seconds, psutil.Process(process.pid))
            finally:
                process.terminate()


def receive(client: FrameClient, seconds: float, process: psutil.Process) -> Run:
    """Take frames, acknowledging each; count from the first on."""
    session, committed, taken, lost, first_s = "", -1, 0, 0, 0.0
    asked_s = cpu_s = 0.0
    while True:
        now = time.monotonic()
        if first_s and now - first_s >= seconds:
            return Run((taken - 1) / (now - first_s), (spent_s(process) - cpu_s) / (taken - 1) * 1000, lost)
        if now - asked_s > 0.1:
            asked_s = now
            client.send(demand(session, committed))
        wait([client], 0.1)
        while parts := client.receive():
            if parts[0] == wire.CameraMessage.topic:
                session = wire.decode(wire.CameraMessage, parts).session
                continue
            frame = wire.decode(wire.FrameMessage, parts)
            committed, lost, taken = frame.number, sum(frame.lost.values()), taken + 1
            if not first_s:
                first_s, cpu_s = time.monotonic(), spent_s(process)
            client.send(demand(session, committed))


def spent_s(process: psutil.Process) -> float:
    """Return the CPU time of a process."""
    times = process.cpu_times()
    return times.user + times.system


def demand(session: str, committed: int) -> wire.DemandMessage:
    """Return the demand of an inference process that has committed so far."""
    return wire.DemandMessage(
        store="bench",
        delivery="every",
        sample="bench",
        session=session,
        committed=committed,
        earlier=0,
        credit=CREDIT,
    )


if __name__ == "__main__":
    main()
