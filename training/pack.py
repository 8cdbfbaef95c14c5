"""Turns a trained run into a model bundle: ONNX that agrees with torch, 8-bit integers if they agree, and the card.

The card is filled in from the run alone. Its figures are those of the locked test set, so that one must have been
opened. Knows no command line.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from zpscope.config.classifiers import OnnxRuntimeClassifier
from zpscope.config.errors import CommandRefused, ModelRefused
from zpscope.engines.bundle import MODEL, MODEL_INT8, open_bundle
from zpscope.engines.card import Architecture, Card, Metric, Preprocessing, Training
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH
from zpscope.training.appearance import empty_grey
from zpscope.training.export import simplify, to_onnx
from zpscope.training.judge import kept
from zpscope.training.network import score
from zpscope.training.publish import digests, write_bundle
from zpscope.training.quantise import compare, holds, to_integers
from zpscope.training.run import Run
from zpscope.training.split import TEST, TRAIN

AGREE = 1e-5
"""So far may a probability by ONNX Runtime lie from torch's, at most."""


@dataclass(frozen=True)
class Words:
    """What a lab says of its model, on the card."""

    name: str
    version: str
    licence: str
    intended_use: str


def calibrated(run: Run) -> nn.Sequential:
    """Return the trained VGG13 with the temperature of its judgement in its last layer.

    Raises:
        CommandRefused: It is no VGG13, or was not judged yet.
    """
    if run.plan.network != "vgg13":
        msg = f"{run.folder} is a {run.plan.network}, there for comparison only: export a vgg13"
        raise CommandRefused(msg)
    judged = kept(run).get("validation")
    if not isinstance(judged, dict):
        msg = f"{run.folder} was not judged yet: zpscope evaluate {run.folder} --open-test"
        raise CommandRefused(msg)
    network = run.trained()
    with torch.no_grad():
        for values in network[-1].parameters():
            values.div_(judged["temperature"])
    return network


def packed(run: Run, words: Words, integers: bool) -> tuple[Card, dict[str, bytes]]:
    """Return the card and the files of a run's bundle.

    Args:
        run: Judged on its test set.
        words: What the run cannot know.
        integers: Whether to add 8-bit integers; they are left out if they do not agree.

    Raises:
        CommandRefused: The run is no VGG13, was not judged on its test set, or is of another segmentation.
        ModelRefused: The ONNX file does not compute what torch does.
    """
    network, plan = calibrated(run), run.plan
    judged = kept(run).get("test")
    if not isinstance(judged, dict):
        msg = f"the card needs figures of the test set: zpscope evaluate {run.folder} --open-test"
        raise CommandRefused(msg)
    if plan.preprocessing != PREPROCESSING_HASH:
        msg = f"{run.folder} was trained on crops of another version of the segmentation: train it again"
        raise CommandRefused(msg)
    epoch, rate, _ = run.best()
    opened = f", test set opened {judged['opened']} times" if judged["opened"] > 1 else ""
    files = {MODEL: to_onnx(network)}
    card = Card(
        name=words.name,
        version=words.version,
        licence=words.licence,
        intended_use=words.intended_use,
        demonstration=False,
        notice="",
        files=digests(files),
        architecture=Architecture(
            name="VGG13 (Leung et al. 2025)" + ", narrow" * (plan.width < 1),
            width=plan.width,
            weights=sum(layer.weight.size + layer.bias.size for layer in simplify(network)),
        ),
        preprocessing=Preprocessing(hash=plan.preprocessing, um_per_px=CROP_UM_PER_PX),
        training=Training(
            digest=plan.digest,
            description=f"split by protocol {plan.protocol}{opened}; trained: {plan.part}, epoch {epoch.number} of "
            f"{plan.schedule.epochs}, rate {rate:g} of {len(plan.rates)} tried, batch {plan.schedule.batch}; "
            f"began as {plan.init} (licence: {plan.init_licence}); {plan.software}",
            heads=int((run.sets == TRAIN).sum()),
            seed=plan.schedule.seed,
            empty_grey=empty_grey(run.crops.only(run.sets == TRAIN).crops),
        ),
        metrics={name: Metric(**figure) for name, figure in judged["metrics"].items()},
    )
    held_out = run.crops.only(run.sets == TEST)
    apart = float(np.abs(score(network, held_out.crops) - answers(card, files[MODEL], held_out.crops)).max())
    if not apart <= AGREE:
        msg = (
            f"ONNX Runtime and torch differ by {apart:.2g} in a probability, more than {AGREE:g}: report this"
        )
        raise ModelRefused(msg)
    if not integers:
        return card, files
    learned = run.crops.only(run.sets == TRAIN).crops
    smaller = to_integers(network, learned)
    measured = compare(card, (files[MODEL], smaller), held_out.crops, held_out.bound)
    if not holds(measured):
        return card, files
    files[MODEL_INT8] = smaller
    return card.model_copy(update={"files": digests(files), "integers": measured}), files


def answers(card: Card, model: bytes, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return P(ZP-binding) (N,) of crops (N, 128, 128) by ONNX Runtime, as the daemon would compute it."""
    files = {MODEL: model}
    with TemporaryDirectory() as folder:
        alone = card.model_copy(update={"files": digests(files), "integers": None})
        write_bundle(Path(folder) / "bundle", alone, files)
        made_for = card.preprocessing
        bundle = open_bundle(Path(folder) / "bundle", made_for.hash, made_for.um_per_px)
        with open_engine(OnnxRuntimeClassifier(), bundle) as engine:
            return engine.classify(crops)
