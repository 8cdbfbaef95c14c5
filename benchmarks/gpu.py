# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""What share of a GPU's arithmetic does the classifier use, at the width of the paper?

`python -m benchmarks.gpu --out FOLDER` (extras `train`, `tensorrt`): heads per second of every GPU engine, beside what
7.4 GFLOP a head allow at the matrix rate that this very card shows in bf16; the bar on a Hopper GPU is 45 % in fp16.
Writes torch's own profile of the engine `cuda` to FOLDER/profile.txt. **Not yet run on any GPU**: none was lent
while it was written. Fields per second from Bayer to counts wait for the GPU's twin of the pixel work.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

from benchmarks.classify import bundle_of, drawn_crops, network_of
from zpscope.config.classifiers import Classifier, CudaClassifier, TensorRtClassifier
from zpscope.engines.bundle import MODEL, MODEL_INT8
from zpscope.engines.engine import Engine
from zpscope.engines.open_engine import absence, open_engine
from zpscope.training.export import to_onnx
from zpscope.training.quantise import activation_ranges

FLOP_PER_HEAD = 7.4e9
BAR = 0.45
_SIDE = 8192
_HEADS = 8192
_ROUNDS = 7


def main() -> int:
    """Print one table; 1 if no engine could be tried, or fp16 is below the bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--batch", type=int, default=256)
    given = parser.parse_args()
    present = [settings for settings in _engines(given.batch) if not _told(settings)]
    if not present:
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    rate = _matrix_rate()
    allowed = rate / FLOP_PER_HEAD
    print(
        f"{torch.cuda.get_device_name()}: {rate / 1e12:.0f} TFLOP/s in bf16 matrices, {allowed:.0f} heads/s"
    )
    print("\n| engine | heads/s, median (lowest to highest) | of what the arithmetic allows |\n|---|---|---|")
    best = 0.0
    network = network_of(1.0)
    files = {
        MODEL: to_onnx(network),
        MODEL_INT8: to_onnx(network, activation_ranges(network, drawn_crops(16, 2))),
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
    return 0 if best >= BAR else 1


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


def _profile(engine: Engine) -> str:
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        engine.classify(drawn_crops(256, 1))
    return str(profile.key_averages().table(sort_by="cuda_time_total", row_limit=30))


if __name__ == "__main__":
    sys.exit(main())
