# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Does the camera process keep up with the camera? Its rate against a bare pypylon loop, on Basler's emulator.

    python benchmarks/drivers.py [--seconds S]

Both take 2448 x 2048 Bayer 8 with `every`, one after the other, three times: at 75 exposures a second (what the
acA2440-75uc of that size gives), and at 150. The loop is what a user would write: retrieve,
copy (GetArray), release. The process copies too, and hands over by ZeroMQ to this one, which acknowledges each.
"""

import argparse
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["PYLON_CAMEMU"] = "1"  # before pypylon is imported

from pypylon import pylon

from zpscope.daemon import wire
from zpscope.daemon.sockets import FrameClient, wait

SERIAL = "0815-0000"
WIDTH_PX, HEIGHT_PX = 2448, 2048
EXPOSURE_US = 100.0
ROUNDS = 3
CREDIT = 8


def main() -> None:
    """Print one row for each rate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4.0)
    seconds = parser.parse_args().seconds
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{'asked for':>12} {'bare loop /s':>14} {'process /s':>14} {'ratio':>7} {'lost':>6}")
    for rate_hz in (75.0, 150.0):
        rounds = [(bare(rate_hz, seconds), *handed_over(rate_hz, seconds)) for _ in range(ROUNDS)]
        loop, process = (statistics.median(one[column] for one in rounds) for column in (0, 1))
        lost = sum(one[2] for one in rounds)
        print(f"{rate_hz:>9.0f} /s {loop:>14.1f} {process:>14.1f} {process / loop:>7.3f} {lost:>6}")


def bare(rate_hz: float, seconds: float) -> float:
    """Return the exposures per second of a plain loop over the same camera with the same settings."""
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
    taken, started_s = 0, time.monotonic()
    while (spent_s := time.monotonic() - started_s) < seconds:
        with camera.RetrieveResult(1000, pylon.TimeoutHandling_ThrowException) as result:
            result.GetArray()
            taken += 1
    camera.Close()
    return taken / spent_s


def handed_over(rate_hz: float, seconds: float) -> tuple[float, int]:
    """Return the frames per second that a receiver gets from the camera process, and how many it lost."""
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
                return receive(client, seconds)
            finally:
                process.terminate()


def receive(client: FrameClient, seconds: float) -> tuple[float, int]:
    """Take frames, acknowledging each; return their rate from the first on, and the losses the camera told."""
    session, committed, taken, lost, first_s = "", -1, 0, 0, 0.0
    asked_s = 0.0
    while True:
        now = time.monotonic()
        if first_s and now - first_s >= seconds:
            return (taken - 1) / (now - first_s), lost
        if now - asked_s > 0.1 or committed >= 0:
            asked_s = now
            client.send(demand(session, committed))
        wait([client], 0.1)
        while parts := client.receive():
            if parts[0] == wire.CameraMessage.topic:
                session = wire.decode(wire.CameraMessage, parts).session
                continue
            frame = wire.decode(wire.FrameMessage, parts)
            committed, lost, taken = frame.number, sum(frame.lost.values()), taken + 1
            first_s = first_s or time.monotonic()


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
