"""Augmentation changes a crop within its limits, and the same draws change it the same way."""

import numpy as np
import pytest
from numpy.typing import NDArray

from zpscope.training.augment import Augmentation, augment

NOTHING = Augmentation(
    turn_deg=0,
    shift_px=0,
    scale_percent=0,
    brightness=0,
    contrast_percent=0,
    noise=0,
    flip_vertical_percent=0,
)


@pytest.fixture
def crops() -> NDArray[np.uint8]:
    """(6, 128, 128): a bright upper half over a dark lower one, with a mark at the left."""
    drawn = np.full((6, 128, 128), 60, np.uint8)
    drawn[:, :64] = 180
    drawn[:, 60:68, 4:12] = 250
    return drawn


def test_the_same_draws_give_the_same_crops(crops: NDArray[np.uint8]) -> None:
    first, second = (augment(crops, np.random.default_rng(5), Augmentation()) for _ in range(2))
    assert (first == second).all()
    assert first.shape == crops.shape
    assert first.dtype == np.uint8


def test_without_limits_a_crop_is_at_most_mirrored(crops: NDArray[np.uint8]) -> None:
    changed = augment(crops, np.random.default_rng(1), NOTHING)
    mirrored = [bool((new == old[:, ::-1]).all()) for new, old in zip(changed, crops, strict=True)]
    same = [bool((new == old).all()) for new, old in zip(changed, crops, strict=True)]
    assert all(np.logical_xor(mirrored, same))
    assert any(mirrored)
    assert any(same)


def test_up_stays_up(crops: NDArray[np.uint8]) -> None:
    changed = augment(crops, np.random.default_rng(2), Augmentation()).astype(float)
    assert (changed[:, :40].mean(axis=(1, 2)) > changed[:, 88:].mean(axis=(1, 2)) + 60).all()


def test_leaves_the_given_crops_alone(crops: NDArray[np.uint8]) -> None:
    before = crops.copy()
    augment(crops, np.random.default_rng(3), Augmentation())
    assert (crops == before).all()
