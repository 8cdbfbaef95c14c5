# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false
"""How far are the probabilities of every engine from torch in double precision, at the width of the paper?

`python -m benchmarks.agreement --init WEIGHTS.safetensors` (half an hour at full width; with `--keep` it goes on where
it was stopped): the network is trained by the paper's protocol, its last layer only, on simulated heads; `--difference`
says how far apart they are (0.545: the best observer tells 97 %), and so how sure the network is. The crops are heads
of other slides. `--demonstration` takes the bundle that ships. With neither, the network has random weights whose
answers are stretched until they spread over 0 to 1: it separates nothing, and what integers change in it says little.
The rows `torch float32` and `torch float16` say what 32 and 16 bits allow, computed on the processor, which for 16 is
slow where it has no such arithmetic. An engine whose runtime or hardware is absent is named. It exits with 1 if an
engine is further away than its bar. Needs the extra `train`.
"""

import argparse
import copy
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.classify import bundle_of, drawn_crops, network_of
from zpscope.config.classifiers import (
    Classifier,
    CudaClassifier,
    OnnxRuntimeClassifier,
    OpenVinoClassifier,
    TensorRtClassifier,
)
from zpscope.config.settings import SyntheticCamera
from zpscope.engines.bundle import CARD, DEMONSTRATION, MODEL, MODEL_INT8, open_bundle
from zpscope.engines.card import Card
from zpscope.engines.onnx_graph import read_graph
from zpscope.engines.open_engine import absence, open_engine
from zpscope.engines.torch_network import TorchNetwork, open_network
from zpscope.training.evaluate import THRESHOLD, auc
from zpscope.training.export import to_onnx
from zpscope.training.features import features
from zpscope.training.initial_weights import DRAWN, initialised, settle
from zpscope.training.network import probability
from zpscope.training.quantise import AUC_LOSS, CHANGED, to_integers
from zpscope.training.sgd import Examples, Fit, Schedule
from zpscope.training.simulated import LabelledCrops, gather, label_slide

BARS = {"fp32": 1e-5, "fp16": 5e-3, "int8": 1.0}
"""How far a probability may be from double precision; integers are judged by their classes."""
_NEAR = 0.01
"""A class may change only so near to the threshold."""
_AT_ONCE = 8
_PART = 100
"""Crops whose answers are kept together."""
_LEARNED, _SETTLING = 600, 200
"""Heads of training slides: learned from, and integers fitted to; those of them that fit hidden layers."""
_HEADS_A_SLIDE = 40
_FIRST_SEED = 50_001


def main() -> int:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--width", type=float, default=1.0, help="share of the paper's channels")
    parser.add_argument("--crops", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--init", default="", metavar="WEIGHTS", help="ImageNet weights of VGG13 or VGG16")
    parser.add_argument(
        "--difference", type=float, default=0.545, help="of simulated binders from non-binders"
    )
    parser.add_argument("--demonstration", action="store_true", help="ask of the bundle that ships")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="torch's answers are kept here, and not computed again"
    )
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
    if given.demonstration:
        subject = _demonstration(given.crops)
    elif given.init:
        subject = _trained(given.init, given.crops, given.difference, given.keep)
    else:
        subject = _stretched(given.width, given.crops)
    files, crops, bound = subject.files, subject.crops, subject.bound
    with tempfile.TemporaryDirectory() as folder:
        bundle = bundle_of(Path(folder) / "bundle", files)
        kept = _Kept(given.keep, sha256(files[MODEL]).hexdigest())
        single = kept.answers("torch float32", crops, subject.single)
        truth = kept.answers("torch", crops, subject.double)
        if bound is None:
            bound = truth > THRESHOLD
        print(
            f"VGG13, {subject.words}, {len(crops)} crops, P(ZP-binding) {truth.min():.3f} to {truth.max():.3f}, "
            f"area under the curve {auc(truth, bound):.4f}"
        )
        print(
            "\n| engine | largest difference | changed classes | area under the curve lost |\n|---|---|---|---|"
        )
        _row("torch float32", single, truth, bound)
        half = TorchNetwork(read_graph(files[MODEL], Path(MODEL)), torch.float16, "cpu")
        ask = partial(_of_tensors, half.probability)
        _row("torch float16", kept.answers("torch float16", crops, ask), truth, bound)
        held = True
        for name, settings in _engines(given.threads).items():
            if absent := absence(settings):
                print(f"| {name} | skipped: {absent} | | |")
                continue
            with open_engine(settings, bundle) as engine:
                answer = engine.classify(crops).astype(np.float64)
            _row(engine.runtime, answer, truth, bound)
            held = held and _holds(getattr(settings, "precision", "fp32"), answer, truth, bound)
    return 0 if held else 1


Ask = Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]]]
"""P(ZP-binding) (N,) of crops (N, 128, 128)."""


@dataclass(frozen=True)
class _Subject:
    """A network in every form, and what it is asked of."""

    words: str
    files: dict[str, bytes]
    single: Ask
    """By torch in float32."""
    double: Ask
    crops: NDArray[np.uint8]
    """(N, 128, 128)."""
    bound: NDArray[np.bool_] | None
    """(N,) their classes, if they have any."""


class _Kept:
    """Torch's answers with the weights of one model, kept by the precision and the crops they were given to."""

    def __init__(self, folder: Path | None, model: str) -> None:
        self._folder, self._model = folder, model

    def answers(
        self,
        name: str,
        crops: NDArray[np.uint8],
        ask: Ask,
    ) -> NDArray[np.float64]:
        """Return what is answered (N,) to crops, asked for part by part where it is not kept."""
        parts: list[NDArray[np.floating[Any]]] = []
        for at in range(0, len(crops), _PART):
            part = crops[at : at + _PART]
            if self._folder is None:
                parts.append(ask(part))
                continue
            about = sha256(f"{self._model} {name}".encode() + part.tobytes()).hexdigest()
            path = self._folder / f"{about}.npy"
            if not path.exists():
                with (fresh := path.with_suffix(".new")).open("wb") as file:
                    np.save(file, ask(part))
                fresh.replace(path)
            parts.append(np.load(path, allow_pickle=False))
        return np.concatenate(parts).astype(np.float64)


def _row(
    name: str, answer: NDArray[np.float64], truth: NDArray[np.float64], bound: NDArray[np.bool_]
) -> None:
    furthest, changed = np.abs(answer - truth).max(), _changed(answer, truth).sum()
    print(
        f"| {name} | {furthest:.1e} | {changed} | {auc(truth, bound) - auc(answer, bound):.1e} |", flush=True
    )


def _holds(
    precision: str, answer: NDArray[np.float64], truth: NDArray[np.float64], bound: NDArray[np.bool_]
) -> bool:
    changed = _changed(answer, truth)
    if precision == "int8":
        return bool(auc(truth, bound) - auc(answer, bound) <= AUC_LOSS and changed.mean() <= CHANGED)
    near = np.abs(truth - THRESHOLD) <= _NEAR
    return bool(np.abs(answer - truth).max() <= BARS[precision] and not (changed & ~near).any())


def _changed(answer: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((answer > THRESHOLD) != (truth > THRESHOLD), np.bool_)


def _of_network(
    words: str,
    network: nn.Sequential,
    calibrating: NDArray[np.uint8],
    crops: NDArray[np.uint8],
    bound: NDArray[np.bool_] | None,
) -> _Subject:
    double = copy.deepcopy(network).double()
    return _Subject(
        words,
        {MODEL: to_onnx(network), MODEL_INT8: to_integers(network, calibrating)},
        partial(_probabilities, network),
        lambda part: _probabilities(double, part.astype(np.float64)),
        crops,
        bound,
    )


def _stretched(width: float, count: int) -> _Subject:
    """Return a random network, asked of drawn crops without classes."""
    words = f"width {width:g}, random weights"
    return _of_network(words, network_of(width), drawn_crops(16, 2), drawn_crops(count, 3), None)


def _demonstration(count: int) -> _Subject:
    """Return the network that ships, asked of the simulator's usual heads."""
    card = Card.model_validate_json((DEMONSTRATION / CARD).read_bytes())
    bundle = open_bundle(DEMONSTRATION, card.preprocessing.hash, card.preprocessing.um_per_px)
    held_out = _drawn(count, _FIRST_SEED, 1.0)
    single, double = (open_network(bundle, dtype, "cpu") for dtype in (torch.float32, torch.float64))
    return _Subject(
        f"{card.name} {card.version}",
        {name: (DEMONSTRATION / name).read_bytes() for name in (MODEL, MODEL_INT8)},
        partial(_of_tensors, single.probability),
        partial(_of_tensors, double.probability),
        held_out.crops,
        held_out.bound,
    )


def _trained(init: str, count: int, difference: float, keep: Path | None) -> _Subject:
    """Return a network trained on some slides, asked of heads of others."""
    learned, held_out = (
        _drawn(_LEARNED, _FIRST_SEED, difference),
        _drawn(count, _FIRST_SEED + 1000, difference),
    )
    network, origin = initialised("vgg13", 1.0, init, 1)
    if origin.words.endswith(DRAWN):
        settle(network, learned.crops[:_SETTLING])
    values = features(network[:-1], learned.crops, keep and keep / f"features-{difference:g}.npz")
    found = Examples(values[:, None], learned.bound)
    parts = [Examples(found.values[i::4], found.bound[i::4]) for i in range(4)]
    train = Examples(
        np.concatenate([part.values for part in parts[1:]]),
        np.concatenate([part.bound for part in parts[1:]]),
    )
    fit = Fit(network[-1:], lambda values: values, Schedule(), "")
    while not fit.done:
        fit.train_epoch(train, parts[0])
    network[-1:].load_state_dict(fit.best)
    words = f"width 1, binders {difference:g} apart"
    return _of_network(words, network.eval(), learned.crops, held_out.crops, held_out.bound)


def _drawn(heads: int, seed: int, difference: float) -> LabelledCrops:
    """Return so many heads of as many slides as they take."""
    slides = [
        label_slide(
            SyntheticCamera(
                seed=seed + i, fields=12, binding_percent=50, overlap_percent=0, difference=difference
            )
        )
        for i in range(-(-heads // _HEADS_A_SLIDE))
    ]
    whole = gather(slides)
    return LabelledCrops(whole.crops[:heads], whole.bound[:heads], whole.foreign)


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


def _probabilities(
    network: nn.Sequential, crops: NDArray[np.uint8] | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return P(ZP-binding) (N,) in the precision of the network."""
    return _of_tensors(partial(probability, network), crops)


def _of_tensors(
    ask: Callable[[Tensor], Tensor], crops: NDArray[np.uint8] | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what is answered (N,), a few crops at a time."""
    with torch.inference_mode():
        parts = torch.split(torch.from_numpy(crops), _AT_ONCE)
        return np.asarray(torch.cat([ask(part) for part in parts]).numpy(), np.float64)


if __name__ == "__main__":
    sys.exit(main())
