# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Importance is counted where it lies, and a saliency map shows the pixels an answer hangs on."""

import numpy as np
import pytest

from zpscope.training.regions import REGIONS, regions, shares, summary

MASK = np.zeros((128, 128), np.bool_)
MASK[40:80, 50:76] = True


def test_regions_are_of_one_head_and_do_not_overlap() -> None:
    found = regions(MASK)
    assert tuple(found) == REGIONS
    assert (found["anterior"] | found["posterior"] == MASK).all()
    assert found["anterior"].sum() == found["posterior"].sum() == MASK.sum() / 2
    assert not (found["midpiece"] & MASK).any()
    assert found["midpiece"][80:, 62].all()
    with pytest.raises(ValueError, match="empty"):
        regions(np.zeros((128, 128), np.bool_))


def test_a_map_without_preference_has_its_area_as_share() -> None:
    (found,) = shares(np.ones((1, 128, 128), np.float32), MASK[None])
    assert found[0] == pytest.approx(found[1])


def test_a_mean_leaves_out_what_has_no_importance() -> None:
    maps = np.zeros((4, 128, 128), np.float32)
    maps[0][MASK], maps[1][:20] = 1.0, 1.0
    maps[2][60:70, 50:76] = 3.0
    head = summary(shares(maps, np.stack([MASK] * 4)))["head"]
    assert head.crops == 3
    assert head.importance == pytest.approx(2 / 3)
    assert head.sem == pytest.approx(np.std([1, 0, 1], ddof=1) / np.sqrt(3))
    assert head.enrichment == pytest.approx(2 / 3 / MASK.mean())


def test_a_network_that_looks_at_one_place_is_seen_to_do_so() -> None:
    torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
    from zpscope.training.saliency import saliency

    linear = torch.nn.Linear(3 * 128 * 128, 2)
    with torch.no_grad():
        linear.weight.zero_()
        linear.weight.view(2, 3, 128, 128)[1, 0, 50:60, 55:65] = -2.0
    network = torch.nn.Sequential(torch.nn.Flatten(), linear)
    crops = np.full((2, 128, 128), 100, np.uint8)
    maps = saliency(network, crops, np.array([True, False]))
    there = np.zeros((128, 128), np.bool_)
    there[50:60, 55:65] = True
    assert ((maps[0] > 0) == there).all()
    assert maps[0].max() == pytest.approx(2.0 / 255 / 0.229)
    assert not maps[1].any()
