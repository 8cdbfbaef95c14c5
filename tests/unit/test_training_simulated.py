"""Simulated heads become labelled crops by the daemon's own stages, and the shipped model tells them apart."""

import numpy as np
import pytest

from zpscope.config.classifiers import OnnxRuntimeClassifier
from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.truth import truth
from zpscope.engines.bundle import open_bundle
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH
from zpscope.training.simulated import LabelledCrops, gather, label_slide, match

SLIDE = SyntheticCamera(seed=77, fields=14, binding_percent=50, overlap_percent=0)


@pytest.fixture(scope="module")
def slide() -> LabelledCrops:
    return label_slide(SLIDE)


def test_most_simulated_heads_are_found_and_labelled(slide: LabelledCrops) -> None:
    drawn = truth(SLIDE, SLIDE.fields or 0)
    assert len(slide.crops) == len(slide.bound) >= 0.8 * drawn.n
    assert abs(slide.bound.mean() - drawn.k / drawn.n) < 0.1
    assert slide.foreign <= 0.1 * drawn.n


def test_the_shipped_model_tells_them_apart(slide: LabelledCrops) -> None:
    bundle = open_bundle("demonstration", PREPROCESSING_HASH, CROP_UM_PER_PX)
    with open_engine(OnnxRuntimeClassifier(), bundle) as engine:
        called = engine.classify(slide.crops) > 0.5
    assert (called[slide.bound]).mean() >= 0.9
    assert (~called[~slide.bound]).mean() >= 0.9


def test_the_digest_names_crops_and_classes(slide: LabelledCrops) -> None:
    other = LabelledCrops(slide.crops, ~slide.bound, 0)
    assert slide.digest == gather([slide]).digest
    assert slide.digest != other.digest


def test_an_empty_slide_gives_no_crops() -> None:
    nothing = gather([])
    assert nothing.crops.shape == (0, 128, 128)
    assert nothing.bound.shape == (0,)


@pytest.mark.parametrize(
    ("found", "true", "belongs"),
    [
        ([(0, 0), (10, 0)], [(11, 0), (1, 0)], [1, 0]),
        ([(0, 0)], [(5, 0)], [-1]),
        ([(0, 0), (1, 0)], [(0.4, 0)], [0, -1]),  # two found on one head: the nearer has it
        ([], [(0, 0)], []),
        ([(0, 0)], [], [-1]),
    ],
)
def test_matches_what_is_nearest_both_ways(
    found: list[tuple[float, float]], true: list[tuple[float, float]], belongs: list[int]
) -> None:
    found_px, true_px = (np.asarray(each, np.float64).reshape(-1, 2) for each in (found, true))
    assert match(found_px, true_px, near_px=3.0).tolist() == belongs
