"""A trained VGG13 in 8-bit integers: where its activations are cut, and whether it may be used.

Post-training quantisation: the ranges are measured on training crops and nothing is trained again. Whether the
integers agree with the floats is judged on other crops, on the very engine that will run them.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from zpscope.config.classifiers import OpenVinoClassifier
from zpscope.engines.bundle import MODEL, open_bundle
from zpscope.engines.card import Card, Integers
from zpscope.engines.open_engine import open_engine
from zpscope.training.evaluate import THRESHOLD, auc
from zpscope.training.network import normalise
from zpscope.training.publish import digests, write_bundle

AUC_LOSS = 0.002
"""A model in integers may lose so much of its area under the ROC curve, at most."""
CHANGED = 0.005
"""And so large a share of the heads may come to be called otherwise."""
_BATCH = 32


def activation_ranges(network: nn.Sequential, crops: NDArray[np.uint8]) -> list[float]:
    """Return the highest value behind each ReLU, in order, that crops (N, 128, 128) give rise to."""
    network.eval()
    highest = [0.0] * sum(isinstance(module, nn.ReLU) for module in network)
    with torch.no_grad():
        for at in range(0, len(crops), _BATCH):
            value = normalise(torch.from_numpy(crops[at : at + _BATCH]))
            index = 0
            for module in network:
                value = module(value)
                if isinstance(module, nn.ReLU):
                    highest[index] = max(highest[index], float(value.max()))
                    index += 1
    return highest


def compare(
    card: Card, models: tuple[bytes, bytes], crops: NDArray[np.uint8], bound: NDArray[np.bool_]
) -> Integers:
    """Return how a model in integers agrees with the one in floats.

    Args:
        card: Of a bundle with the model in floats.
        models: ONNX in floats, ONNX in integers.
        crops: (N, 128, 128); none of them was trained on.
        bound: (N,) their classes.
    """
    runtime, (floats, integers) = _answers(card, models, crops)
    changed = int(((integers > THRESHOLD) != (floats > THRESHOLD)).sum())
    loss = auc(floats, bound) - auc(integers, bound)
    return Integers(runtime=runtime, auc_loss=loss, changed=changed, heads=len(bound))


def holds(measured: Integers) -> bool:
    """Return whether integers that agree so well with the floats may be used in their place."""
    return measured.auc_loss <= AUC_LOSS and measured.changed <= CHANGED * measured.heads


def _answers(
    card: Card, models: tuple[bytes, ...], crops: NDArray[np.uint8]
) -> tuple[str, list[NDArray[np.float32]]]:
    """Return what ran, and P(ZP-binding) (N,) by each model."""
    runtime, answers = "", list[NDArray[np.float32]]()
    for model in models:
        with TemporaryDirectory() as folder:
            files = {MODEL: model}
            write_bundle(
                Path(folder) / "bundle",
                card.model_copy(update={"files": digests(files), "integers": None}),
                files,
            )
            made_for = card.preprocessing
            bundle = open_bundle(Path(folder) / "bundle", made_for.hash, made_for.um_per_px)
            with open_engine(OpenVinoClassifier(), bundle) as engine:
                runtime = engine.runtime.partition(" CPU")[0]
                answers.append(engine.classify(crops))
    return runtime, answers
