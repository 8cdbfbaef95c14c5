# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""Heads per second of the classifier, as ratios to a plain torch loop over single crops.

`python benchmarks/classify.py --width 1` measures the paper's network, `--width 0.125` one as narrow as the
demonstration's. The contestants take turns, round after round, so that a busy neighbour slows all of them;
a ratio is taken within a round, and the median over the rounds is what counts. Needs the extra `train`.
"""

import argparse
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from zpscope.config.classifiers import OnnxRuntimeClassifier
from zpscope.engines.bundle import CARD, DEMONSTRATION, MODEL, Bundle, open_bundle, read_model
from zpscope.engines.card import Card
from zpscope.engines.open_engine import open_engine
from zpscope.training.export import to_onnx
from zpscope.training.network import normalise, vgg13
from zpscope.training.publish import digests, write_bundle

BASELINE = "torch eager, crop by crop"
Contestant = Callable[[NDArray[np.uint8]], object]


def main() -> None:
    """Print one table for each number of threads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--width", type=float, default=0.125, help="share of the paper's channels")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    torch.manual_seed(1)
    network = vgg13(given.width).eval()
    for threads in given.threads:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            bundle = _bundle(Path(folder) / "bundle", to_onnx(network))
            contestants = _contestants(stack, bundle, network, threads, given.batch)
            print(f"\nVGG13, width {given.width:g}, {threads} thread{'s' if threads > 1 else ''}\n")
            _print(_rates(contestants, given.rounds, 64 if given.width < 0.5 else 8))


def _contestants(
    stack: ExitStack, bundle: Bundle, network: torch.nn.Module, threads: int, batches: list[int]
) -> dict[str, Contestant]:
    torch.set_num_threads(threads)
    engine = stack.enter_context(open_engine(OnnxRuntimeClassifier(threads=threads), bundle))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(read_model(bundle), options, providers=["CPUExecutionProvider"])

    def eager(crops: NDArray[np.uint8]) -> None:
        with torch.inference_mode():
            for crop in crops:
                torch.softmax(network(normalise(torch.from_numpy(crop[None]))), 1)

    def engine_of(batch: int) -> Contestant:
        return lambda crops: [engine.classify(crops[at : at + batch]) for at in range(0, len(crops), batch)]

    def runtime_of(batch: int) -> Contestant:
        return lambda crops: [
            np.asarray(session.run(None, {"crops": crops[at : at + batch]})[0])
            for at in range(0, len(crops), batch)
        ]

    return {
        BASELINE: eager,
        **{f"zpscope engine, batches of {batch}": engine_of(batch) for batch in batches},
        **{f"ONNX Runtime, one run per batch of {batch}": runtime_of(batch) for batch in batches},
    }


def _rates(contestants: dict[str, Contestant], rounds: int, heads: int) -> dict[str, list[float]]:
    """Return heads per second of every contestant in every round."""
    crops = np.random.default_rng(1).integers(0, 256, (heads, 128, 128), np.uint8)
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, contestant in contestants.items():
            start = perf_counter()
            contestant(crops)
            if number > 0:  # the first round warms up
                rates[name].append(heads / (perf_counter() - start))
    return rates


def _print(rates: dict[str, list[float]]) -> None:
    print("| contestant | heads/s | ratio, median (lowest to highest) |\n|---|---|---|")
    for name, own in rates.items():
        ratios = [mine / base for mine, base in zip(own, rates[BASELINE], strict=True)]
        spread = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| {name} | {median(own):.0f} | {spread} |")


def _bundle(folder: Path, model: bytes) -> Bundle:
    """Wrap a model in the demonstration's card."""
    shipped = Card.model_validate_json((DEMONSTRATION / CARD).read_bytes())
    files = {MODEL: model}
    write_bundle(folder, shipped.model_copy(update={"files": digests(files)}), files)
    return open_bundle(folder, shipped.preprocessing.hash, shipped.preprocessing.um_per_px)


if __name__ == "__main__":
    main()
