"""Makes the demonstration bundle: `python -m zpscope.training.demonstration --out engines/demonstration`.

No public pictures carry ZP-binding labels, so the model that ships learns from heads the simulator draws. It
shows that zpscope works; of real heads it knows nothing, and says so. One command makes it again: everything
is seeded, on one thread, and the slides it is tested on are not those it was trained on.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from zpscope.config.settings import SyntheticCamera
from zpscope.engines.bundle import MODEL, MODEL_INT8
from zpscope.engines.card import Architecture, Card, Preprocessing, Training
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH
from zpscope.training.evaluate import metrics
from zpscope.training.export import simplify, to_onnx
from zpscope.training.fit import Epoch, Schedule, fit, repeatable, score
from zpscope.training.network import vgg13
from zpscope.training.publish import digests, write_bundle
from zpscope.training.quantise import compare, holds, to_integers
from zpscope.training.simulated import LabelledCrops, gather, label_slide

VERSION = "2"
WIDTH = 1 / 8
NOTICE = "DEMONSTRATION: trained on simulated heads, knows nothing of real ones"


@dataclass(frozen=True)
class Plan:
    """Which slides to draw, and how to train on them."""

    train_slides: int = 28
    test_slides: int = 28
    fields: int = 12
    """Per slide."""
    first_seed: int = 10_001
    """Seed of the first slide; far from the seeds that a demonstration scans."""
    schedule: Schedule = field(default_factory=Schedule)


def main() -> None:
    """Draw, train, test and write."""
    parser = argparse.ArgumentParser(description="Make the demonstration bundle from simulated heads.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the bundle")
    out: Path = parser.parse_args().out
    plan, start = Plan(), perf_counter()

    def say(line: str) -> None:
        sys.stderr.write(f"{perf_counter() - start:6.0f} s  {line}\n")

    seen, held_out = draw(plan)
    say(
        f"{len(seen.bound)} heads to train on, {len(held_out.bound)} held out, {held_out.foreign} foreign objects"
    )
    card, files = make(
        plan, seen, held_out, lambda epoch: say(f"epoch {epoch.number}: loss {epoch.loss:.4f}")
    )
    write_bundle(out, card, files)
    for name, metric in card.metrics.items():
        say(f"{name} {metric.value:.4f} ({metric.low:.4f} to {metric.high:.4f}), {metric.counts}")
    say(f"in 8-bit integers: {card.integers}" if card.integers else "8-bit integers do not agree: left out")


def draw(plan: Plan) -> tuple[LabelledCrops, LabelledCrops]:
    """Return the heads to train on and those held out, from slides of their own."""
    seeds = range(plan.first_seed, plan.first_seed + plan.train_slides + plan.test_slides)
    slides = [
        label_slide(SyntheticCamera(seed=seed, fields=plan.fields, binding_percent=50, overlap_percent=0))
        for seed in seeds
    ]
    return gather(slides[: plan.train_slides]), gather(slides[plan.train_slides :])


def make(
    plan: Plan, seen: LabelledCrops, held_out: LabelledCrops, tell: Callable[[Epoch], None]
) -> tuple[Card, dict[str, bytes]]:
    """Train a network; return the card and the files of its bundle, with integers if they agree."""
    repeatable(plan.schedule.seed)
    network = vgg13(WIDTH)
    fit(network, seen.crops, seen.bound, plan.schedule, tell)
    files = {MODEL: to_onnx(network)}
    weights = sum(layer.weight.size + layer.bias.size for layer in simplify(network))
    card = Card(
        name="zpscope DEMONSTRATION model",
        version=VERSION,
        demonstration=True,
        notice=NOTICE,
        files=digests(files),
        architecture=Architecture(name="VGG13 (Leung et al. 2025), narrow", width=WIDTH, weights=weights),
        preprocessing=Preprocessing(hash=PREPROCESSING_HASH, um_per_px=CROP_UM_PER_PX),
        training=Training(
            digest=seen.digest,
            description=f"simulated heads of {plan.train_slides} slides, half of them drawn as binding; "
            f"figures from {plan.test_slides} other slides",
            heads=len(seen.bound),
            seed=plan.schedule.seed,
        ),
        metrics=metrics(score(network, held_out.crops), held_out.bound),
        licence="Apache-2.0",
        intended_use="showing how zpscope works, on its simulated slide; never for real heads",
    )
    integers = to_integers(network, seen.crops)
    measured = compare(card, (files[MODEL], integers), held_out.crops, held_out.bound)
    if not holds(measured):
        return card, files
    files[MODEL_INT8] = integers
    return card.model_copy(update={"files": digests(files), "integers": measured}), files


if __name__ == "__main__":
    main()
