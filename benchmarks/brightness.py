"""What does another exposure do to the count?

`python -m benchmarks.brightness` multiplies the grey levels of simulated heads, of slides that the demonstration model
did not learn from, and prints how many heads of each class it calls bound, beside the level of the empty slide.
"""

import argparse
import sys

import numpy as np

from zpscope.config.classifiers import OnnxRuntimeClassifier
from zpscope.config.settings import SyntheticCamera
from zpscope.engines.bundle import DEMONSTRATION, open_bundle
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH
from zpscope.training.appearance import empty_grey
from zpscope.training.evaluate import THRESHOLD
from zpscope.training.simulated import gather, label_slide

_FIRST_SEED = 70_001
_TIMES = (0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slides", type=int, default=20)
    slides = parser.parse_args().slides
    cameras = [
        SyntheticCamera(seed=_FIRST_SEED + i, fields=12, binding_percent=50, overlap_percent=0)
        for i in range(slides)
    ]
    heads = gather([label_slide(camera) for camera in cameras])
    bundle = open_bundle(DEMONSTRATION, PREPROCESSING_HASH, CROP_UM_PER_PX)
    sys.stdout.write(
        f"{bundle.card.name} {bundle.card.version}, learned at {bundle.card.training.empty_grey}; "
        f"{int(heads.bound.sum())} binding heads, {int((~heads.bound).sum())} others\n\n"
        "| grey levels times | empty slide | binding heads called bound | others called bound |\n|---|---|---|---|\n"
    )
    with open_engine(OnnxRuntimeClassifier(), bundle) as engine:
        for times in _TIMES:
            crops = np.clip(np.rint(heads.crops * times), 0, 255).astype(np.uint8)
            low, high = empty_grey(crops)
            called = engine.classify(crops) > THRESHOLD
            sys.stdout.write(
                f"| {times} | {low:.0f} to {high:.0f} | {called[heads.bound].mean():.3f} | "
                f"{called[~heads.bound].mean():.3f} |\n"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
