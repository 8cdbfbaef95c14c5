"""Metrics and their intervals, against values that others computed."""

import numpy as np
import pytest

from zpscope.training.evaluate import auc, auc_interval, clopper_pearson, confusion, metrics

PROBABILITY = np.asarray([0.9, 0.5, 0.4, 0.1, 0.7, 0.2], np.float32)
BOUND = np.asarray([True, True, True, False, False, False])


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [  # scipy.stats.binomtest(k, n).proportion_ci(0.95, "exact")
        (0, 10, 0.0, 0.3084971078),
        (10, 10, 0.6915028922, 1.0),
        (3, 10, 0.0667395112, 0.6524528501),
        (6, 149, 0.0149189310, 0.0855848086),
        (1, 98, 0.0002583116, 0.0555449717),
        (412, 420, 0.9628148376, 0.9917416016),
    ],
)
def test_clopper_pearson_is_exact(k: int, n: int, low: float, high: float) -> None:
    assert list(clopper_pearson(k, n)) == pytest.approx([low, high], abs=1e-9)


def test_a_head_is_bound_above_one_half() -> None:
    counts = confusion(PROBABILITY, BOUND)
    assert (counts.bound_right, counts.bound, counts.unbound_right, counts.unbound) == (1, 3, 2, 3)


def test_auc_counts_ties_half() -> None:
    assert auc(PROBABILITY, BOUND) == pytest.approx(7 / 9)
    assert auc(np.full(6, 0.5, np.float32), BOUND) == 0.5
    assert auc(BOUND.astype(np.float32), BOUND) == 1.0


def test_a_perfect_auc_of_few_heads_is_not_certain() -> None:
    low, high = auc_interval(1.0, 10, 10)
    assert 0.7 < low < 0.95
    assert high == 1.0
    assert auc_interval(1.0, 400, 400)[0] > 0.98


@pytest.mark.parametrize("area", [0.0, 0.2, 0.5, 0.9, 0.999])
def test_the_auc_interval_holds_the_auc_and_mirrors(area: float) -> None:
    low, high = auc_interval(area, 40, 40)
    assert 0 <= low <= area <= high <= 1
    assert list(auc_interval(1 - area, 40, 40)) == pytest.approx([1 - high, 1 - low])


def test_names_the_counts_behind_each_figure() -> None:
    found = metrics(PROBABILITY, BOUND)
    assert found["sensitivity"].counts == "1 of 3 bound heads called bound"
    assert found["specificity"].value == pytest.approx(2 / 3)
    assert found["accuracy"].counts == "3 of 6 heads called right"
    assert set(found) == {"sensitivity", "specificity", "precision", "accuracy", "auc"}


def test_says_nothing_about_an_empty_class() -> None:
    with pytest.raises(ValueError, match="0 unbound heads"):
        metrics(PROBABILITY[:3], BOUND[:3])
