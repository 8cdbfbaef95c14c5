"""The best possible accuracy over simulated heads is what its setting says."""

import pytest

from zpscope.drivers.separability import best_accuracy
from zpscope.drivers.slide_layout import BINDER, NON_BINDER, looks, sperm_on_tile


@pytest.mark.parametrize(("difference", "accuracy"), [(0.4, 0.927), (0.545, 0.97), (0.6, 0.98)])
def test_the_best_accuracy_is_as_documented(difference: float, accuracy: float) -> None:
    assert best_accuracy(difference) == pytest.approx(accuracy, abs=0.002)


def test_the_usual_classes_are_untouched() -> None:
    assert looks(1.0) == (BINDER, NON_BINDER)
    assert best_accuracy(1.0) > 0.999


def test_no_simple_rule_over_drawn_heads_beats_the_best() -> None:
    heads = [
        one for column in range(60) for row in range(60) for one in sperm_on_tile(1, 50, column, row, 0.545)
    ]
    assert len(heads) > 4000
    rule = [(one.acrosome_share > 0.425) == one.bound for one in heads]
    together = [
        (one.acrosome_share - 0.425) / 0.05 - (abs(one.waist) - 0.09) / 0.04 + (one.density - 0.925) / 0.07
        > 0
        for one in heads
    ]
    summed = sum(guess == one.bound for guess, one in zip(together, heads, strict=True)) / len(heads)
    assert sum(rule) / len(heads) < summed < best_accuracy(0.545) + 0.005
