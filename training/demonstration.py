"""Makes the demonstration bundle: `python -m zpscope.training.demonstration --out engines/demonstration`.

No public pictures carry ZP-binding labels, so the model that ships learns from heads the simulator draws. It
shows that zpscope works; of real heads it knows nothing, and says so. It goes the way of a laboratory's own model:
crops in folders, `zpscope train`, `zpscope evaluate --open-test`, and the bundle of that run; only the crops are drawn.
Everything is seeded and on one thread: the same command gives the same bytes on the same processor.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from zpscope.config.settings import SyntheticCamera
from zpscope.engines.card import Card
from zpscope.training import evaluate_command, train_command
from zpscope.training.crop_set import write_crops
from zpscope.training.network import CLASSES
from zpscope.training.pack import Words, packed
from zpscope.training.progress import bar
from zpscope.training.publish import write_bundle
from zpscope.training.run import OPENED, Run
from zpscope.training.simulated import LabelledCrops, label_slide

NOTICE = "DEMONSTRATION: trained on simulated heads, knows nothing of real ones"
WORDS = Words(
    name="zpscope DEMONSTRATION model",
    version="5",
    licence="Apache-2.0",
    intended_use="showing how zpscope works, on its simulated slide; never for real heads",
)
HOW = "--protocol slide --width 0.125 --train all --epochs 16 --batch 16 --rate 0.01 --clip 1 --views 8 --changes cut"
"""What is said to `zpscope train`. All layers begin drawn at random, so the rate is ten times the paper's."""


@dataclass(frozen=True)
class Plan:
    """Which slides to draw, and how to train on them."""

    slides: int = 56
    fields: int = 12
    """Per slide."""
    first_seed: int = 20_001
    """Seed of the first slide; far from the seeds that a demonstration scans."""
    how: str = HOW


def main() -> None:
    """Draw, train, test and write."""
    parser = argparse.ArgumentParser(description="Make the demonstration bundle from simulated heads.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the bundle")
    parser.add_argument("--work", type=Path, help="keep the crops and the run here; goes on where it stopped")
    arguments = parser.parse_args()
    with TemporaryDirectory() as scratch:
        card, files = make(Plan(), arguments.work or Path(scratch))
    write_bundle(arguments.out, card, files)
    for name, metric in card.metrics.items():
        _say(f"{name} {metric.value:.4f} ({metric.low:.4f} to {metric.high:.4f}), {metric.counts}")
    _say(f"in 8-bit integers: {card.integers}" if card.integers else "8-bit integers do not agree: left out")


def make(plan: Plan, work: Path) -> tuple[Card, dict[str, bytes]]:
    """Draw, train and test in a folder, or go on there; return the card and the files of the bundle."""
    crops, run = work / "crops", work / "run"
    if not crops.exists():
        seeds = range(plan.first_seed, plan.first_seed + plan.slides)
        with bar("slides drawn", len(seeds)) as step:
            for seed in seeds:
                write_slide(work / "crops.new", seed, label_slide(_slide(seed, plan.fields)))
                step(1)
        (work / "crops.new").rename(crops)
    _do(train_command, [str(crops), "--run", str(run), *plan.how.split()])
    if not (run / OPENED).exists():
        _do(evaluate_command, [str(run), "--open-test"])
    card, files = packed(Run(run), WORDS, integers=True)
    training = card.training.model_copy(
        update={
            "description": f"simulated heads of {plan.slides} slides, half of them drawn as binding; "
            f"{card.training.description}"
        }
    )
    return card.model_copy(update={"demonstration": True, "notice": NOTICE, "training": training}), files


def write_slide(folder: Path, seed: int, heads: LabelledCrops, most: int | None = None) -> int:
    """Write the crops of a simulated slide, `most` at most, into a crop set; return how many."""
    names = [f"{CLASSES[int(bound)]}/{seed}/{i:03}.png" for i, bound in enumerate(heads.bound[:most])]
    write_crops(folder, heads.crops[:most], names)
    return len(names)


def _slide(seed: int, fields: int) -> SyntheticCamera:
    return SyntheticCamera(seed=seed, fields=fields, binding_percent=50, overlap_percent=0)


def _do(command: ModuleType, words: list[str]) -> None:
    """Do what `zpscope train` and `zpscope evaluate` do; leave with their status unless that is 0."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    if status := command.run(parser.parse_args(words)):
        sys.exit(status)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
