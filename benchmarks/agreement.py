# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""How far are the probabilities of every engine from torch in double precision, at the width of the paper?

`python -m benchmarks.agreement --crops 2000` (many minutes at full width: double precision on two cores). The network
has random weights whose answers are stretched until they spread over 0 to 1, so that a small error shows;
it separates nothing, and the classes that integers change in it say little about a trained one, whose card
tells its own. An engine whose runtime or hardware is absent is named. It exits with 1 if an engine in floats is
further away than its bar. Needs the extra `train`.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.classify import bundle_of, drawn_crops, network_of
from zpscope.config.classifiers import (
    Classifier,
    CudaClassifier,
    OnnxRuntimeClassifier,
    OpenVinoClassifier,
    TensorRtClassifier,
)
from zpscope.engines.bundle import MODEL, MODEL_INT8, Bundle
from zpscope.engines.open_engine import absence, open_engine
from zpscope.training.evaluate import THRESHOLD, auc
from zpscope.training.export import to_onnx
from zpscope.training.network import probability
from zpscope.training.quantise import activation_ranges

BARS = {"fp32": 1e-5, "fp16": 5e-3, "int8": 1.0}
"""How far a probability may be from double precision; integers are judged by their classes."""
_AT_ONCE = 8


def main() -> int:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--width", type=float, default=1.0, help="share of the paper's channels")
    parser.add_argument("--crops", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    network = network_of(given.width)
    crops = drawn_crops(given.crops, 3)
    with tempfile.TemporaryDirectory() as folder:
        ranges = activation_ranges(network, drawn_crops(16, 2))
        files = {MODEL: to_onnx(network), MODEL_INT8: to_onnx(network, ranges)}
        bundle = bundle_of(Path(folder) / "bundle", files)
        answers = {
            name: (_answer(settings, bundle, crops), _bar(settings))
            for name, settings in _engines(given.threads).items()
            if not _told(name, absence(settings))
        }
    truth = _truth(network, crops)
    print(
        f"\nVGG13, width {given.width:g}, {len(crops)} crops, P(ZP-binding) {truth.min():.3f} to {truth.max():.3f}"
    )
    print(
        "\n| engine | largest difference | changed classes | area under the curve lost |\n|---|---|---|---|"
    )
    held = True
    for name, (answer, bar) in answers.items():
        furthest = float(np.abs(answer - truth).max())
        changed = int(((answer > THRESHOLD) != (truth > THRESHOLD)).sum())
        print(f"| {name} | {furthest:.1e} | {changed} | {1 - auc(answer, truth > THRESHOLD):.1e} |")
        held = held and furthest <= bar
    return 0 if held else 1


def _engines(threads: int) -> dict[str, Classifier]:
    return {
        "onnxruntime": OnnxRuntimeClassifier(threads=threads),
        "openvino fp32": OpenVinoClassifier(threads=threads),
        "openvino int8": OpenVinoClassifier(threads=threads, precision="int8"),
        "cuda fp16": CudaClassifier(),
        "cuda fp32": CudaClassifier(precision="fp32"),
        "tensorrt fp16": TensorRtClassifier(runtime="tensorrt"),
        "tensorrt_rtx fp16": TensorRtClassifier(),
        "tensorrt_rtx fp32": TensorRtClassifier(precision="fp32"),
    }


def _bar(settings: Classifier) -> float:
    return BARS[getattr(settings, "precision", "fp32")]


def _told(name: str, absent: str) -> bool:
    if absent:
        print(f"skipped: {name}: {absent}")
    return bool(absent)


def _answer(settings: Classifier, bundle: Bundle, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    with open_engine(settings, bundle) as engine:
        print(f"runs: {engine.runtime}", flush=True)
        return engine.classify(crops)


def _truth(network: torch.nn.Sequential, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
    double = network.double()
    parts = [
        probability(double, torch.from_numpy(crops[at : at + _AT_ONCE]).double())
        for at in range(0, len(crops), _AT_ONCE)
    ]
    return np.asarray(torch.cat(parts).numpy(), np.float64)


if __name__ == "__main__":
    sys.exit(main())
