"""What false positives do to a percentage: the tables published with the design."""

import pytest

from zpscope.counting.binomial import chances
from zpscope.counting.interval import wilson
from zpscope.counting.misclassification import called_normal, lang_reiczigel, rogan_gladen
from zpscope.counting.tally import position

VALIDATION = (0.976, 123), (0.960, 149)
FOLDS = (0.960, 490), (0.985, 593)
TEST = (0.976, 123), (97 / 98, 98)


@pytest.mark.parametrize(
    ("rates", "true_percent", "bounds"),
    [
        # (0.149 + 0.960 - 1) / 0.936 = 0.11645; the design prints 11.7
        (VALIDATION, (0.96, -1.5, 11.6, 17.3), (0, 5.35)),
        (FOLDS, (3.60, 1.2, 14.2, 19.8), (1.1, 7.1)),
        (TEST, (4.02, 1.6, 14.4, 19.9), (0, 7.5)),
    ],
)
def test_the_true_percentage_behind_a_raw_one(
    rates: tuple[tuple[float, int], tuple[float, int]],
    true_percent: tuple[float, ...],
    bounds: tuple[float, float],
) -> None:
    (sensitivity, _), (specificity, _) = rates
    found = [100 * rogan_gladen(raw / 100, sensitivity, specificity) for raw in (4.9, 2.6, 14.9, 20.2)]
    assert found[0] == pytest.approx(true_percent[0], abs=0.005)
    assert found[1:] == pytest.approx(true_percent[1:], abs=0.0501)
    limits = [100 * bound for bound in lang_reiczigel(0.049, 282, *rates)]
    assert limits == pytest.approx(bounds, abs=0.0501)


@pytest.mark.parametrize(
    ("false_positive", "shares"),
    [
        (0.01, (0.000, 0.000, 0.000, 0.000, 0.000)),
        # 0.00748 by the exact binomial; the design prints .008 for 200 heads
        (0.02, (0.007, 0.002, 0.000, 0.000, 0.000)),
        (0.03, (0.081, 0.047, 0.020, 0.000, 0.000)),
        (0.04, (0.281, 0.242, 0.183, 0.066, 0.020)),
        (0.06, (0.766, 0.802, 0.828, 0.922, 0.981)),
    ],
)
def test_how_often_a_sample_without_a_binder_is_called_normal(
    false_positive: float, shares: tuple[float, ...]
) -> None:
    found = [called_normal(false_positive, n, 49) for n in (200, 282, 400, 1000, 2000)]
    assert found == pytest.approx(shares, abs=0.000501)


@pytest.mark.parametrize(
    ("percent", "wrong", "open_"),
    [
        (1, (0.000, 0.000, 0.000), (0.14, 0.00, 0.00)),
        (2, (0.007, 0.000, 0.000), (0.57, 0.11, 0.00)),
        (2.6, (0.038, 0.005, 0.000), (0.77, 0.35, 0.03)),
        (4, (0.281, 0.183, 0.066), (0.95, 0.88, 0.76)),
        (6, (0.234, 0.172, 0.078), (0.85, 0.83, 0.64)),
        (8, (0.037, 0.007, 0.000), (0.46, 0.26, 0.02)),
        (14.9, (0.000, 0.000, 0.000), (0.00, 0.00, 0.00)),
    ],
)
def test_how_often_a_fixed_number_of_heads_is_wrong_or_open(
    percent: float, wrong: tuple[float, ...], open_: tuple[float, ...]
) -> None:
    for n, wrong_share, open_share in zip((200, 400, 1000), wrong, open_, strict=True):
        chance = chances(n, percent / 100)
        side = "above" if percent > 4.9 else "at_or_below"
        off = sum(chance[k] for k in range(n + 1) if position(k, n, 20, 49, 100, 20) != side)
        within = sum(chance[k] for k in range(n + 1) if wilson(k, n)[0] <= 0.049 <= wilson(k, n)[1])
        assert off == pytest.approx(wrong_share, abs=0.000501)
        assert within == pytest.approx(open_share, abs=0.00501)
