# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""What share of a GPU's arithmetic does the classifier use, and how many fields a second go from Bayer to counts?

`python -m benchmarks.gpu --out FOLDER` (extras `train`, `tensorrt`): heads per second of every GPU engine, at the width
of the paper, beside what 7.4 GFLOP a head allow at the matrix rate that this very card shows in bf16; the bar on a
Hopper GPU is 45 % in fp16. Then fields of 5 Mpx with about 10 heads through the daemon's own `Scorer`, one process,
with the pixels in torch and in OpenCV; the bar is 300 fields/s. Writes torch's profile of the engine `cuda` to
FOLDER/profile.txt and Python's of the fields to FOLDER/fields.txt. **Not yet run on any GPU**: none was lent while it
was written. `--without-gpu` runs the fields' part on the processor, as a rehearsal: torch's pixels on its device `cpu`,
the demonstration's network.
"""

import argparse
import cProfile
import io
import pstats
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.classify import bundle_of, drawn_crops, network_of
from zpscope.config.classifiers import Classifier, CudaClassifier, OnnxRuntimeClassifier, TensorRtClassifier
from zpscope.config.settings import SyntheticCamera, Tally
from zpscope.daemon.capture import Capture
from zpscope.daemon.scoring import ExaminedField, Scorer
from zpscope.daemon.wire import FrameMessage
from zpscope.drivers.open_camera import open_camera
from zpscope.engines.bundle import DEMONSTRATION, MODEL, MODEL_INT8, open_bundle
from zpscope.engines.engine import Engine
from zpscope.engines.open_engine import absence, open_engine
from zpscope.engines.torch_pixels import open_pixels_on
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH
from zpscope.imaging.pixels import OpenCvPixels, OpenPixels
from zpscope.imaging.slide_map import SlideMap
from zpscope.training.export import to_onnx
from zpscope.training.quantise import to_integers

FLOP_PER_HEAD = 7.4e9
BAR = 0.45
FIELDS_BAR = 300
_FIELD_ROUNDS = 3
_FIELD_UM_PER_PX = 0.046
"""So that about ten of the drawn heads lie in a field."""
_SIDE = 8192
_HEADS = 8192
_ROUNDS = 7


def main() -> int:
    """Print one table; 1 if no engine could be tried, or fp16 is below the bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--fields", type=int, default=48)
    parser.add_argument("--without-gpu", action="store_true")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.without_gpu:
        bundle = open_bundle(DEMONSTRATION, PREPROCESSING_HASH, CROP_UM_PER_PX)
        with open_engine(OnnxRuntimeClassifier(), bundle) as engine:
            _fields(engine, "cpu", given)
        return 1
    present = [settings for settings in _engines(given.batch) if not _told(settings)]
    if not present:
        return 1
    rate = _matrix_rate()
    allowed = rate / FLOP_PER_HEAD
    print(
        f"{torch.cuda.get_device_name()}: {rate / 1e12:.0f} TFLOP/s in bf16 matrices, {allowed:.0f} heads/s"
    )
    print("\n| engine | heads/s, median (lowest to highest) | of what the arithmetic allows |\n|---|---|---|")
    best = fields_per_s = 0.0
    network = network_of(1.0)
    files = {
        MODEL: to_onnx(network),
        MODEL_INT8: to_integers(network, drawn_crops(16, 2)),
    }
    with tempfile.TemporaryDirectory() as folder:
        bundle = bundle_of(Path(folder) / "bundle", files)
        for settings in present:
            with open_engine(settings, bundle) as engine:
                rates = _heads_per_s(engine)
                share = median(rates) / allowed
                spread = f"{median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f})"
                print(f"| {engine.runtime} | {spread} | {share:.0%} |", flush=True)
                if settings.precision == "fp16":
                    best = max(best, share)
                if isinstance(settings, CudaClassifier) and settings.precision == "fp16":
                    (given.out / "profile.txt").write_text(_profile(engine), encoding="utf-8")
        with open_engine(present[0], bundle) as engine:
            fields_per_s = _fields(engine, "cuda", given)
    return 0 if best >= BAR and fields_per_s >= FIELDS_BAR else 1


def _engines(batch: int) -> list[CudaClassifier | TensorRtClassifier]:
    return [
        CudaClassifier(batch=batch),
        CudaClassifier(batch=batch, precision="bf16"),
        TensorRtClassifier(batch=batch, runtime="tensorrt"),
        TensorRtClassifier(batch=batch, runtime="tensorrt", precision="int8"),
        TensorRtClassifier(batch=batch),
        TensorRtClassifier(batch=batch, precision="int8"),
    ]


def _told(settings: Classifier) -> bool:
    if absent := absence(settings):
        print(f"skipped: {settings.runtime} {getattr(settings, 'precision', '')}: {absent}")
    return bool(absent)


def _matrix_rate() -> float:
    """Return what the card shows in bf16 matrix products, FLOP/s."""
    left, right = (torch.randn(_SIDE, _SIDE, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    rates: list[float] = []
    for _ in range(_ROUNDS):
        torch.cuda.synchronize()
        start = perf_counter()
        for _ in range(20):
            torch.mm(left, right)
        torch.cuda.synchronize()
        rates.append(20 * 2 * _SIDE**3 / (perf_counter() - start))
    return median(rates[1:])


def _heads_per_s(engine: Engine) -> list[float]:
    crops = drawn_crops(256, 1).repeat(_HEADS // 256, axis=0)
    rates: list[float] = []
    for _ in range(_ROUNDS):
        start = perf_counter()
        engine.classify(crops)
        rates.append(len(crops) / (perf_counter() - start))
    return rates[1:]


def _fields(engine: Engine, device: str, given: argparse.Namespace) -> float:
    """Print one row each for pixels in torch and in OpenCV; return the median of torch's fields per second."""
    slide = SyntheticCamera(
        width_px=2448, height_px=2048, um_per_px=_FIELD_UM_PER_PX, overlap_percent=0, fields=given.fields
    )
    capture = Capture(slide.name, slide.um_per_px)
    capture.demand("benchmark")
    frames: list[tuple[FrameMessage, NDArray[np.uint8]]] = []
    with open_camera(slide) as camera:
        for _ in range(given.fields):
            grab = camera.grab(60.0)
            frames.append((capture.take(grab, camera.format), grab.pixels.copy()))
    print(f"\n{len(frames)} fields of 5 Mpx, Bayer, {engine.runtime}")
    print("\n| pixels | fields/s, median (lowest to highest) | heads a field |\n|---|---|---|")
    ways = {f"torch {device}": open_pixels_on(device), "OpenCV": OpenCvPixels.opened}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    counts: dict[str, int] = {}
    for number in range(_FIELD_ROUNDS + 1):
        for name, opened in ways.items():
            start = perf_counter()
            counts[name] = _scored(engine, opened, frames, given.batch)
            if number > 0:  # the first round warms up
                rates[name].append(len(frames) / (perf_counter() - start))
    for name, own in rates.items():
        spread = f"{median(own):.1f} ({min(own):.1f} to {max(own):.1f})"
        print(f"| {name} | {spread} | {counts[name] / len(frames):.1f} |", flush=True)
    with cProfile.Profile() as profile:
        _scored(engine, ways[f"torch {device}"], frames, given.batch)
    words = io.StringIO()
    pstats.Stats(profile, stream=words).sort_stats("cumulative").print_stats(40)
    (given.out / "fields.txt").write_text(words.getvalue(), encoding="utf-8")
    return median(rates[f"torch {device}"])


def _scored(
    engine: Engine, opened: OpenPixels, frames: list[tuple[FrameMessage, NDArray[np.uint8]]], batch: int
) -> int:
    """Take frames from Bayer to counts; return how many heads were counted."""
    scorer = Scorer(engine, batch, Tally(), SlideColour.fresh(), SlideMap(lambda _: b"", 5.0), opened)
    waiting: list[ExaminedField] = []
    heads = 0
    for at, (header, pixels) in enumerate(frames):
        waiting.append(scorer.examine(header, pixels))
        if at + 1 == len(frames) or sum(len(field.crops) for field in waiting) >= batch:
            heads += sum(scored.cell().n for scored in scorer.classify(waiting))
            waiting.clear()
    return heads


def _profile(engine: Engine) -> str:
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        engine.classify(drawn_crops(256, 1))
    return str(profile.key_averages().table(sort_by="cuda_time_total", row_limit=30))


if __name__ == "__main__":
    sys.exit(main())
