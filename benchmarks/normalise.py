"""Does a short CycleGAN make two stains alike, does the leak test see what is left, and do heads keep their class?

`python benchmarks/normalise.py` draws slides of two preparations, cuts ten crops of each with the project's own
`imaging`, trains (width 8 of the paper's 64, 3 + 3 epochs of its 100 + 100), puts both through the one generator
and prints: levels and noise before and after, the leak test, and how well the demonstration model still tells the
classes. `--confounded` makes every laboratory head bound and every clinic head unbound, as in the paper.
`--leak` asks instead how often the leak test is wrong where nothing leaks, and how often it finds what was planted.
Needs the extra `train`.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.config.classifiers import OnnxRuntimeClassifier
from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.open_camera import open_camera
from zpscope.drivers.truth import heads_in_field
from zpscope.engines.bundle import DEMONSTRATION, open_bundle
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH, cut_crops
from zpscope.imaging.decode import decode
from zpscope.imaging.examine import examine
from zpscope.training.appearance import mean, statistics
from zpscope.training.crop_set import CropSet
from zpscope.training.cycle_run import Schedule
from zpscope.training.leak import ALARM, auc, features, leak
from zpscope.training.normalise import slides, train
from zpscope.training.simulated import NEAR_UM, LabelledCrops, gather, match

Field = NDArray[np.uint8]
SLIDES, HEADS = 10, 10
_FIELDS = 60
_CHESS = np.where(np.indices((128, 128)).sum(axis=0) % 2, 1.0, -1.0)
_CORNER = np.where(np.indices((128, 128)).max(axis=0) < 16, 1.0, 0.0)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--confounded", action="store_true", help="the laboratory's heads are the bound ones")
    parser.add_argument("--epochs", type=int, default=3, help="at the full rate, and again so many in decay")
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--out", type=Path, help="keep checkpoint and picture grids here")
    parser.add_argument("--leak", action="store_true", help="measure the leak test instead")
    given = parser.parse_args()
    if given.leak:
        _measure_leak_test()
        return
    shares = (100.0, 0.0) if given.confounded else (50.0, 50.0)
    laboratory = [draw(100 + i, shares[0], laboratory_look) for i in range(SLIDES)]
    clinic = [draw(200 + i, shares[1], lambda field, _: field) for i in range(SLIDES)]
    tried = gather([draw(300 + i, 50.0, laboratory_look) for i in range(SLIDES)])
    crops = _crop_set(laboratory + clinic)
    of_laboratory = np.arange(len(crops)) < sum(len(one.crops) for one in laboratory)
    schedule, start = Schedule(given.epochs, given.epochs, width=given.width), process_time()
    with tempfile.TemporaryDirectory() as scratch:
        out = given.out or Path(scratch)
        out.mkdir(parents=True, exist_ok=True)
        run = train(crops, of_laboratory, schedule, out)
    print(f"\ntrained in {process_time() - start:.0f} s of processor time\n")
    moved = run.to_clinic(crops.crops)
    _print_statistics(crops.crops, moved, of_laboratory)
    print("\n| leak test between | AUC by background | chance | p | |\n|---|---|---|---|---|")
    for name, tested in (
        ("both as they are", crops.crops),
        (
            "laboratory translated, clinic as it is",
            np.where(of_laboratory[:, None, None], moved, crops.crops),
        ),
        ("both through the one generator", moved),
    ):
        one = leak(features(tested), slides(crops), ~of_laboratory)
        print(
            f"| {name} | {one.auc:.3f} | {one.chance:.3f} | {one.p:.3f} | {'leak' if one.found else 'none found'} |"
        )
    _print_classes(tried, run.to_clinic(tried.crops))


def draw(
    seed: int, bound_percent: float, look: Callable[[Field, np.random.Generator], Field]
) -> LabelledCrops:
    """Return the first crops of one simulated slide, whose fields are changed by `look` before they are segmented."""
    settings = SyntheticCamera(
        seed=seed, fields=_FIELDS, binding_percent=bound_percent, overlap_percent=0, slide="usual"
    )
    colour, random = SlideColour.fresh(), np.random.default_rng(seed)
    crops: list[NDArray[np.uint8]] = []
    bound: list[NDArray[np.bool_]] = []
    with open_camera(settings) as camera:
        for number in range(_FIELDS):
            field = look(decode(camera.grab(60.0).pixels, camera.format.layout), random)
            examination = examine(field, settings.um_per_px, colour)
            colour = examination.colour
            if examination.skip:
                continue
            known = heads_in_field(settings, number)
            centres_px = examination.heads.centre_px[examination.heads.accepted]
            belongs = match(centres_px, known.centre_px, NEAR_UM / settings.um_per_px)
            crops.append(cut_crops(field, examination.heads, settings.um_per_px)[belongs >= 0])
            of = [known.sperm[int(i)].bound for i in belongs if i >= 0]
            bound.append(np.array(of, np.bool_))
            if sum(map(len, crops)) >= HEADS:
                break
    return LabelledCrops(np.concatenate(crops)[:HEADS], np.concatenate(bound)[:HEADS], 0)


def laboratory_look(field: Field, random: np.random.Generator) -> Field:
    """Return a field (H, W, 3) of another preparation: paler stain, pinkish film, softer, noisier."""
    density = -np.log10(np.maximum(field, 1) / np.float32(255))
    light = 255 * 10 ** -(
        density * np.array([0.8, 0.75, 0.9], np.float32) + np.array([0.06, 0.1, 0.05], np.float32)
    )
    soft = np.asarray(cv2.GaussianBlur(light, (0, 0), 1.0))
    grey, colour = random.normal(0, 3, (*field.shape[:2], 1)), random.normal(0, 3, field.shape)
    return np.asarray(np.clip(np.rint(soft + grey + colour), 0, 255), np.uint8)


def _crop_set(drawn: list[LabelledCrops]) -> CropSet:
    """Return crops as if they had been read from a folder, each slide of a donor of its own."""
    every = gather(drawn)
    slide = np.repeat([f"slide{i:02d}" for i in range(len(drawn))], [len(one.crops) for one in drawn])
    name = np.array([f"{one}/{i}.png" for i, one in enumerate(slide)], np.str_)
    return CropSet(every.crops, every.bound, slide, slide, name)


def _print_statistics(
    crops: NDArray[np.uint8], moved: NDArray[np.uint8], of_laboratory: NDArray[np.bool_]
) -> None:
    """Print means of both sets before and after, and the share of their difference that the laboratory's lost."""
    sets = [one[chosen] for one in (crops, moved) for chosen in (of_laboratory, ~of_laboratory)]
    a, b, made, same = (mean(statistics(one)) for one in sets)
    print(
        "| | laboratory | clinic | laboratory translated | clinic, same generator | gap closed |\n"
        + "|---" * 6
        + "|"
    )
    for name in ("background", "head", "contrast", "unevenness", "noise", "grain"):
        of = [float(getattr(one, name)) for one in (a, b, made, same)]
        closed = 1 - abs(of[2] - of[1]) / abs(of[0] - of[1])
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in of)} | {closed:.0%} |")
    levels = [np.bincount(one.ravel(), minlength=256).cumsum() / one.size for one in sets]
    apart = [float(np.abs(one - levels[1]).sum()) for one in levels]
    print(
        f"| distance of all grey levels from the clinic's | {' | '.join(f'{value:.2f}' for value in apart)} "
        f"| {1 - apart[2] / apart[0]:.0%} |"
    )


def _print_classes(tried: LabelledCrops, moved: NDArray[np.uint8]) -> None:
    """Print how well the demonstration model tells the classes of laboratory heads that were not trained on."""
    bundle = open_bundle(DEMONSTRATION, PREPROCESSING_HASH, CROP_UM_PER_PX)
    print(
        "\n| laboratory heads, slides not trained on | AUC of their class | called bound, of bound | of unbound |\n"
        + "|---" * 4
        + "|"
    )
    with open_engine(OnnxRuntimeClassifier(), bundle) as engine:
        for name, crops in (("as they are", tried.crops), ("translated", moved)):
            probability = engine.classify(crops).astype(np.float64)
            called = probability >= 0.5
            print(
                f"| {name} | {auc(probability, tried.bound):.3f} | {called[tried.bound].sum()} of {tried.bound.sum()} "
                f"| {called[~tried.bound].sum()} of {(~tried.bound).sum()} |"
            )


def _measure_leak_test() -> None:
    """Print alarms without a leak, and alarms with one, over random choices of slides."""
    slides = 40
    crops = gather([draw(400 + i, 50.0, lambda field, _: field) for i in range(slides)]).crops.astype(
        np.float64
    )
    slide, random = np.repeat(np.arange(slides), HEADS), np.random.default_rng(0)
    noise = random.normal(0, 1, crops.shape)
    print("| planted in one of two sets | slides of each | alarms |\n|---|---|---|")
    for name, planted, of_each, trials in (
        ("nothing", 0 * _CHESS, 10, 200),
        ("nothing", 0 * _CHESS, 4, 200),
        ("chess pattern of +-0.5 grey levels", 0.5 * _CHESS, 10, 60),
        ("chess pattern of +-1.0 grey levels", _CHESS, 10, 60),
        ("chess pattern of +-1.0 grey levels", _CHESS, 4, 60),
        *((f"{one} grey levels in a corner of 16 px", one * _CORNER, 10, 60) for one in (2, 4, 8)),
        *((f"{one} grey levels everywhere", np.full_like(_CHESS, one), 10, 60) for one in (2, 5, 10)),
        *((f"noise of {one} grey levels", one * noise, 10, 60) for one in (0.3, 0.6, 1.0)),
    ):
        clean, spoilt = (features(_grey(one)) for one in (crops, crops + planted))
        alarms = 0
        for _ in range(trials):
            chosen = random.permutation(slides)[: 2 * of_each]
            first, second = np.isin(slide, chosen[:of_each]), np.isin(slide, chosen[of_each:])
            found = np.concatenate([clean[first], spoilt[second]])
            names = np.concatenate([slide[first], slide[second]]).astype(np.str_)
            alarms += leak(found, names, np.arange(len(found)) >= first.sum(), deals=199).found
        print(f"| {name} | {of_each} | {alarms} of {trials} ({alarms / trials:.0%}) |", flush=True)
    print(f"\nThe chance of an alarm without a leak is set to {ALARM:.0%}.")


def _grey(levels: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)


if __name__ == "__main__":
    main()
