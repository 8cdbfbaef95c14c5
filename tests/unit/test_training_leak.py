"""The leak test sees what a generator may leave behind, and is not taken in by slides that merely differ."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from zpscope.training.appearance import background, mean, statistics
from zpscope.training.leak import ALARM, auc, features, held_out, leak

SLIDES, EACH = 6, 4
CHESS = np.where(np.indices((128, 128)).sum(axis=0) % 2, 1.0, -1.0)


def drawn(seed: int, slides: int = 2 * SLIDES) -> NDArray[np.float64]:
    """(slides x EACH, 128, 128): a head on a background whose level and noise are the slide's own."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[-64:64, -64:64]
    head = (x / 21) ** 2 + (y / 32) ** 2 < 1
    crops: list[NDArray[np.float64]] = []
    for _ in range(slides):
        level, noise = random.normal(215, 6), random.uniform(2, 4)
        crops += [np.where(head, 80.0, level) + random.normal(0, noise, (128, 128)) for _ in range(EACH)]
    return np.stack(crops)


def grey(crops: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(crops), 0, 255), np.uint8)


SLIDE_OF = np.repeat([f"slide {i:02d}" for i in range(2 * SLIDES)], EACH)
SECOND = np.arange(2 * SLIDES * EACH) >= SLIDES * EACH


@pytest.mark.parametrize("planted", [CHESS * 1.5, np.where(np.indices((128, 128))[0] < 16, 12.0, 0.0)])
def test_finds_what_a_generator_leaves(planted: NDArray[np.float64]) -> None:
    crops = drawn(1)
    crops[SECOND] += planted
    found = leak(features(grey(crops)), SLIDE_OF, SECOND, deals=199)
    assert found.found
    assert found.auc > 0.9
    assert found.slides == (SLIDES, SLIDES)
    assert found.crops == (SLIDES * EACH, SLIDES * EACH)


def test_does_not_look_at_heads() -> None:
    crops = drawn(2)
    plain = leak(features(grey(crops)), SLIDE_OF, SECOND, deals=99)
    crops[np.ix_(np.flatnonzero(SECOND), *map(np.arange, (128, 128)))] += np.where(background(), 0, 60.0)
    assert leak(features(grey(crops)), SLIDE_OF, SECOND, deals=99) == plain


def test_slides_that_differ_among_themselves_give_no_more_alarms_than_stated() -> None:
    found = features(grey(drawn(3, 24)))
    slides, random = np.repeat(np.arange(24), EACH), np.random.default_rng(4)
    trials, alarms = 60, 0
    for _ in range(trials):
        chosen = random.permutation(24)[: 2 * SLIDES]
        rows = np.concatenate([np.flatnonzero(slides == one) for one in chosen])
        alarms += leak(found[rows], SLIDE_OF, SECOND, deals=39).found
    assert alarms <= 8  # P(more | 60 trials at 5 %) is 0.3 %
    assert ALARM == 0.05


def test_scores_are_those_of_a_ridge_that_never_saw_the_slide() -> None:
    random = np.random.default_rng(5)
    found, slide = random.normal(size=(12, 7)), np.repeat(np.arange(4), 3)
    targets = random.normal(size=12)
    scores = held_out(found, slide) @ targets
    for i in range(4):
        seen, own = slide != i, slide == i
        inner = found[seen].T @ found[seen] / 7 + np.eye(7)
        weights = np.linalg.solve(inner, found[seen].T @ targets[seen] / 7)
        assert scores[own] == pytest.approx(found[own] @ weights)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_auc_is_the_chance_to_score_higher(pairs: list[tuple[int, bool]]) -> None:
    high, low = [s for s, second in pairs if second], [s for s, second in pairs if not second]
    if not high or not low:
        return
    chance = np.mean([(h > one) + (h == one) / 2 for h in high for one in low])
    scores = np.array([float(score) for score, _ in pairs])
    assert auc(scores, np.array([second for _, second in pairs])) == pytest.approx(chance)


def test_refuses_what_it_cannot_test() -> None:
    crops = features(grey(drawn(6)))
    with pytest.raises(ValueError, match="slide 00 is in both sets"):
        leak(crops, SLIDE_OF, SECOND ^ (np.arange(len(crops)) == 0))
    with pytest.raises(ValueError, match="9 and 3 slides"):
        leak(crops, SLIDE_OF, np.arange(len(crops)) >= 9 * EACH)


def test_statistics_are_what_was_drawn() -> None:
    y, x = np.mgrid[-64:64, -64:64]
    noise = np.random.default_rng(7).normal(0, 3, (5, 128, 128))
    found = mean(statistics(grey(np.where((x / 21) ** 2 + (y / 32) ** 2 < 1, 80.0, 210.0) + noise)))
    assert found.background == pytest.approx(210, abs=0.2)
    assert found.head == pytest.approx(80, abs=0.5)
    assert found.contrast == pytest.approx(130, abs=0.5)
    assert found.noise == pytest.approx(3, abs=0.15)
    assert abs(found.grain) < 0.15
    assert found.unevenness < 0.6
