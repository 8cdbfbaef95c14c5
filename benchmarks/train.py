"""Does the paper's protocol learn simulated binders nearly as well as they can be told apart, and in time?

Draws slides whose classes the best possible observer tells apart in 97 % of heads, cuts 1,303 crops with the daemon's
own imaging, trains a VGG13 by the protocol `paper` (1,083 crops and 220 locked ones, last layer, 50 epochs) and opens
the test set. Exits with 1 below 95 % right, or above 10 minutes on two cores (20 minutes of processor time).
Needs initial weights: `python benchmarks/train.py WEIGHTS.safetensors --out DIR`.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from zpscope.config.settings import SyntheticCamera
from zpscope.daemon.command import main as zpscope
from zpscope.drivers.separability import best_accuracy
from zpscope.training.demonstration import write_slide
from zpscope.training.simulated import LabelledCrops, label_slide

DIFFERENCE = 0.545
_CROPS = 1303
_FIRST_SEED = 40_001
"""30,001 and on gave a locked set that was opened once: it is spent."""
_BAR, _LIMIT_S = 0.95, 1200.0


def main() -> int:
    """Draw, train, open the test set; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights")
    parser.add_argument("--out", type=Path, required=True)
    arguments, more = parser.parse_known_args()
    cv2.setNumThreads(1)
    out: Path = arguments.out
    written = 0
    for seed, heads in enumerate(drawn(_FIRST_SEED, _CROPS), _FIRST_SEED):
        written += write_slide(out / "simulated", seed, heads, _CROPS - written)
    start = time.process_time(), time.perf_counter()
    words = [
        str(out / "simulated"),
        "--run",
        str(out / "run"),
        "--protocol",
        "paper",
        "--init",
        arguments.weights,
    ]
    if status := zpscope(["train", *words, *more]):
        return status
    took_s, wall_s = time.process_time() - start[0], time.perf_counter() - start[1]
    zpscope(["evaluate", str(out / "run"), "--open-test"])
    test = json.loads((out / "run" / "evaluation.json").read_text("utf-8"))["test"]
    right = test["metrics"]["accuracy"]
    sys.stdout.write(
        f"best possible {best_accuracy(DIFFERENCE):.4f}, reached {right['value']:.4f} ({right['counts']}), "
        f"{took_s:.0f} s of processor time, {wall_s:.0f} s by the clock\n"
    )
    return int(right["value"] < _BAR or took_s > _LIMIT_S)


def drawn(first_seed: int, crops: int) -> Iterator[LabelledCrops]:
    """Yield slides of consecutive seeds, until together they have so many crops."""
    made, seed = 0, first_seed
    while made < crops:
        heads = slide(seed)
        yield heads
        made, seed = made + len(heads.bound), seed + 1


def slide(seed: int) -> LabelledCrops:
    """Return the heads of one slide."""
    return label_slide(
        SyntheticCamera(seed=seed, fields=12, binding_percent=50, overlap_percent=0, difference=DIFFERENCE)
    )


if __name__ == "__main__":
    sys.exit(main())
