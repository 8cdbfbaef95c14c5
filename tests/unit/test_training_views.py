"""Views change a crop within their limits, and the same seed changes it the same way."""

import numpy as np
import pytest
from numpy.typing import NDArray

from zpscope.training.views import Changes, views


@pytest.fixture
def crops() -> NDArray[np.uint8]:
    """(6, 128, 128): a bright upper half over a dark lower one, with a mark at the left."""
    drawn = np.full((6, 128, 128), 60, np.uint8)
    drawn[:, :64] = 180
    drawn[:, 56:72, 20:40] = 250
    return drawn


@pytest.fixture(params=["paper", "cut"])
def changes(request: pytest.FixtureRequest) -> Changes:
    chosen: Changes = request.param
    return chosen


def test_the_first_view_is_the_crop_and_the_others_are_not(
    crops: NDArray[np.uint8], changes: Changes
) -> None:
    before = crops.copy()
    seen = views(crops, 4, 5, changes)
    assert seen.shape == (6, 4, 128, 128)
    assert (seen[:, 0] == crops).all()
    assert (seen[:, 1:] != crops[:, None]).any(axis=(2, 3)).all()
    assert (crops == before).all()


def test_the_same_seed_gives_the_same_views_and_more_of_them_begin_alike(
    crops: NDArray[np.uint8], changes: Changes
) -> None:
    assert (views(crops, 4, 5, changes) == views(crops, 4, 5, changes)).all()
    assert (views(crops, 4, 5, changes) == views(crops, 6, 5, changes)[:, :4]).all()
    assert (views(crops, 4, 6, changes)[:, 1:] != views(crops, 4, 5, changes)[:, 1:]).any()


def test_up_stays_up_and_left_does_not(crops: NDArray[np.uint8], changes: Changes) -> None:
    seen = views(crops, 8, 1, changes)[:, 1:].astype(float)
    assert (seen[:, :, :40].mean(axis=(2, 3)) > seen[:, :, 88:].mean(axis=(2, 3)) + 60).all()
    left = seen[..., :64].mean(axis=(2, 3)) > seen[..., 64:].mean(axis=(2, 3))
    assert 0.2 < left.mean() < 0.8


def test_another_cut_is_noisy_and_the_paper_has_no_such_thing(crops: NDArray[np.uint8]) -> None:
    corner = np.s_[:, 1:, :8, :8]
    assert views(crops, 4, 2, "paper")[corner].std(axis=(2, 3)).max() == 0
    assert views(crops, 4, 2, "cut")[corner].std(axis=(2, 3)).max() > 0.5
