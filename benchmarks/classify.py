# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false
"""Heads per second of every engine, as ratios to a plain torch loop over single crops.

`python benchmarks/classify.py --width 1` measures the paper's network, `--width 0.125` one as narrow as the
demonstration's. The contestants take turns, round after round, so that a busy neighbour slows all of them;
a ratio is taken within a round, and the median over the rounds is what counts. The network has random
weights, its answers spread over 0 to 1. Needs the extra `train`. `agreement.py` asks how far they agree.

Above each table stands what the processor can do at all: the rate of one large matrix product, in floats by torch and
in integers by ONNX Runtime, as heads per second of the paper's 7.4 GFLOP each.
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

from zpscope.config.classifiers import Classifier, OnnxRuntimeClassifier, OpenVinoClassifier
from zpscope.engines import onnx_writer
from zpscope.engines.bundle import CARD, DEMONSTRATION, MODEL, MODEL_INT8, Bundle, open_bundle
from zpscope.engines.card import Card, Integers
from zpscope.engines.engine import Engine
from zpscope.engines.open_engine import open_engine
from zpscope.training.export import to_onnx
from zpscope.training.network import normalise, vgg13
from zpscope.training.publish import digests, write_bundle
from zpscope.training.quantise import to_integers

BASELINE = "torch eager, crop by crop"
_GFLOP_PER_HEAD = 7.4
_BATCH = 32
"""Crops at once, as many as the inference process gathers at most unless the settings say otherwise."""
_SIDE = 1536
_PRODUCTS = 15
Contestant = Callable[[NDArray[np.uint8]], object]


def main() -> None:
    """Print one table for each number of threads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--width", type=float, default=0.125, help="share of the paper's channels")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    network = network_of(given.width)
    with tempfile.TemporaryDirectory() as folder:
        files = {MODEL: to_onnx(network), MODEL_INT8: to_integers(network, drawn_crops(16, 2))}
        bundle = bundle_of(Path(folder) / "bundle", files)
        for threads in given.threads:
            with ExitStack() as stack:
                torch.set_num_threads(threads)
                engines = {
                    engine.runtime: stack.enter_context(engine)
                    for engine in (open_engine(settings, bundle) for settings in _settings(threads))
                }
                print(f"\nVGG13, width {given.width:g}, {threads} thread{'s' if threads > 1 else ''}\n")
                print(f"matrix product: {_ceiling(threads)}\n")
                contestants = _contestants(engines, network)
                _print(_rates(contestants, given.rounds))


def _ceiling(threads: int) -> str:
    """Return the rates of a product of two square matrices, the medians of `_PRODUCTS`."""
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, _SIDE, _SIDE), np.float32)
    floats = (torch.from_numpy(one), torch.from_numpy(other))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    whole = rng.integers(0, 128, (_SIDE, _SIDE), np.uint8)
    model = _integer_product(rng.integers(-64, 64, (_SIDE, _SIDE), np.int8))
    session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    rates: list[str] = []
    products: dict[str, Callable[[], object]] = {
        "floats": lambda: floats[0] @ floats[1],
        "integers": lambda: session.run(None, {"a": whole}),
    }
    for name, product in products.items():
        spent_s: list[float] = []
        for _ in range(_PRODUCTS + 1):
            start = perf_counter()
            product()
            spent_s.append(perf_counter() - start)
        gflops = 2 * _SIDE**3 / 1e9 / median(spent_s[1:])
        rates.append(f"{gflops:.0f} G/s in {name}, {gflops / _GFLOP_PER_HEAD:.0f} heads/s")
    return "; ".join(rates)


def _integer_product(weight: NDArray[np.int8]) -> bytes:
    """Return a model that multiplies bytes by 8-bit weights, which the runtime may pack beforehand."""
    nodes = [
        onnx_writer.node("MatMulInteger", ["a", "b"], "whole"),
        onnx_writer.node("Cast", ["whole"], "c", to=onnx_writer.ElementType.FLOAT),
    ]
    ends = {
        "input": onnx_writer.value("a", onnx_writer.ElementType.UINT8, weight.shape),
        "output": onnx_writer.value("c", onnx_writer.ElementType.FLOAT, weight.shape),
    }
    return onnx_writer.model(onnx_writer.graph("product", nodes, [onnx_writer.tensor("b", weight)], ends))


def _settings(threads: int) -> list[Classifier]:
    return [
        OnnxRuntimeClassifier(threads=threads),
        OpenVinoClassifier(threads=threads),
        OpenVinoClassifier(threads=threads, precision="int8"),
    ]


def network_of(width: float) -> torch.nn.Sequential:
    """Return a VGG13 whose answers to `_crops` have a standard deviation of 1.5 in the logit's difference."""
    torch.manual_seed(1)
    network = vgg13(width).eval()
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith("bias"):
                weight.normal_(0, 0.2)
        pixels = normalise(torch.from_numpy(drawn_crops(16, 2)))
        logits = network(pixels)
        *_, weight, bias = network.parameters()
        weight.mul_(1.5 / (logits[:, 1] - logits[:, 0]).std())
        bias.sub_(network(pixels).mean(dim=0))
    return network


def drawn_crops(count: int, seed: int) -> NDArray[np.uint8]:
    """Return (N, 128, 128): pale backgrounds with a darker ellipse of varying shade, size and sharpness."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[-64:64, -64:64]
    draws = random.uniform((16, 24, 50, 180, 2), (28, 40, 190, 235, 25), (count, 5))
    crops = np.empty((count, 128, 128), np.uint8)
    for crop, (a, b, shade, ground, noise) in zip(crops, draws, strict=True):
        inside = (x / a) ** 2 + (y / b) ** 2 < 1
        crop[:] = np.clip(np.where(inside, shade, ground) + random.normal(0, noise, (128, 128)), 0, 255)
    return crops


def _contestants(engines: dict[str, Engine], network: torch.nn.Module) -> dict[str, Contestant]:
    def eager(crops: NDArray[np.uint8]) -> None:
        with torch.inference_mode():
            for crop in crops:
                torch.softmax(network(normalise(torch.from_numpy(crop[None]))), 1)

    return {BASELINE: eager, **{runtime: engine.classify for runtime, engine in engines.items()}}


def _rates(contestants: dict[str, Contestant], rounds: int) -> dict[str, list[float]]:
    """Return heads per second of every contestant in every round."""
    crops = drawn_crops(_BATCH, 1)
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, contestant in contestants.items():
            start = perf_counter()
            contestant(crops)
            if number > 0:  # the first round warms up
                rates[name].append(_BATCH / (perf_counter() - start))
    return rates


def _print(rates: dict[str, list[float]]) -> None:
    print("| contestant | heads/s | ratio, median (lowest to highest) |\n|---|---|---|")
    for name, own in rates.items():
        ratios = [mine / base for mine, base in zip(own, rates[BASELINE], strict=True)]
        spread = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| {name} | {median(own):.0f} | {spread} |")


def bundle_of(folder: Path, files: dict[str, bytes]) -> Bundle:
    """Wrap models in the demonstration's card; what it says of their agreement is not true of these."""
    shipped = Card.model_validate_json((DEMONSTRATION / CARD).read_bytes())
    untold = Integers(runtime="not measured", auc_loss=0, changed=0, heads=1)
    card = shipped.model_copy(update={"files": digests(files), "integers": untold})
    write_bundle(folder, card, files)
    return open_bundle(folder, shipped.preprocessing.hash, shipped.preprocessing.um_per_px)


if __name__ == "__main__":
    main()
