"""The leak test: can the background alone tell from which of two sets of crops a crop is?

In the paper every bound head is of a laboratory's preparation and every unbound one of a clinic's, so whatever
tells the preparations apart, a generator's artefacts too, tells the classes. Heads are masked out, by the same mask
in every crop. What is left becomes figures that do not depend on any head: levels and noise by place, a spectrum,
and how neighbouring pixels differ. A ridge classifier is trained on all slides but one and tried on that one, each
in turn. Its AUC is compared with those it gets when the slides are dealt to the two sets at random: slides, for
crops of one slide are alike. If there is no leak, the chance to be told of one is at most `ALARM`, however many
crops a slide has. Knows no network and no file.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zpscope.training.appearance import background

ALARM = 0.05
"""The chance of a false alarm."""
LEAST_SLIDES = 4
"""Of each set; with 3 there are 20 ways to deal the slides, two of them the same split: no p below 0.1."""
_BLOCK_PX = 16
_SPECTRUM_PX = 8
_RIDGE = 1.0
_STEPS = 6
"""Neighbouring pixels that differ by 0, 1, ... and so many less one grey levels are counted."""
_QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
_LEAST_POWER = 1e-2
"""Squared grey levels, below which a wave is none."""


@dataclass(frozen=True)
class Leak:
    """What the leak test found."""

    auc: float
    """Of telling the two sets apart by background, on slides that were not trained on."""
    chance: float
    """The median AUC when slides are dealt at random; near 0.5."""
    p: float
    """Share of the random deals with an AUC as high, this one counted among them."""
    slides: tuple[int, int]
    crops: tuple[int, int]

    @property
    def found(self) -> bool:
        """Whether the background tells the sets apart."""
        return self.p <= ALARM


def leak(
    found: NDArray[np.float64],
    slides: NDArray[np.str_],
    second: NDArray[np.bool_],
    deals: int = 999,
    seed: int = 0,
) -> Leak:
    """Test whether the background tells two sets of crops apart.

    Args:
        found: (N, F) `features` of each crop.
        slides: (N,) the slide of each crop; crops of one slide are of one set.
        second: (N,) which of the two sets a crop is of.
        deals: How often slides are dealt at random.
        seed: Of the random deals.

    Raises:
        ValueError: A slide is in both sets, or a set has fewer than four slides.
    """
    figures = np.asarray((found - found.mean(axis=0)) / np.maximum(found.std(axis=0), 1e-9), np.float64)
    names, of = np.unique(slides, return_inverse=True)
    share = np.array([second[of == i].mean() for i in range(len(names))])
    if not np.isin(share, (0, 1)).all():
        msg = f"the slide {names[~np.isin(share, (0, 1))][0]} is in both sets"
        raise ValueError(msg)
    truly = share == 1
    counts = int((~truly).sum()), int(truly.sum())
    if min(counts) < LEAST_SLIDES:
        msg = f"{counts[0]} and {counts[1]} slides: the leak test needs {LEAST_SLIDES} of each set"
        raise ValueError(msg)
    random = np.random.default_rng(seed)
    deal = [truly, *(random.permutation(truly) for _ in range(deals))]
    dealt = np.asarray(np.stack(deal)[:, of], np.bool_)  # (1 + deals, N)
    scores = held_out(figures, of) @ _targets(dealt).T  # (N, 1 + deals)
    aucs = np.array([auc(score, deal) for score, deal in zip(scores.T, dealt, strict=True)])
    p = float((aucs >= aucs[0] - 1e-9).mean())
    crops_of = int((~second).sum()), int(second.sum())
    return Leak(float(aucs[0]), float(np.median(aucs[1:])), p, counts, crops_of)


def features(crops: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return figures (N, F) of the background of crops (N, 128, 128), none of which depends on a head."""
    grey, around = crops.astype(np.float32), background()
    parts = _squares(grey, around, _BLOCK_PX)
    windows = _squares(grey, around, _SPECTRUM_PX)
    turn = _cosines(_SPECTRUM_PX)
    spectra = turn @ windows @ turn.T  # (N, windows, 8, 8)
    power = np.log((spectra**2).mean(axis=1).reshape(len(crops), -1)[:, 1:] + _LEAST_POWER)
    beside = (grey[:, :, 1:] - grey[:, :, :-1])[:, around[:, 1:] & around[:, :-1]]
    below = (grey[:, 1:] - grey[:, :-1])[:, around[1:] & around[:-1]]
    steps = [(np.abs(one) == step).mean(axis=1) for one in (beside, below) for step in range(_STEPS)]
    columns = [
        np.quantile(grey[:, around], _QUANTILES, axis=1).T,
        parts.mean(axis=(2, 3)),
        np.log(parts.std(axis=(2, 3)) + 0.1),
        power,
        *steps,
    ]
    return np.asarray(np.column_stack(columns), np.float64)


def held_out(figures: NDArray[np.float64], slide: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return (N, N) what turns targets into the scores of a ridge regression that never saw the scored slide.

    Scores are linear in the targets, so one matrix serves every deal of them. With the smoother S of all crops, the
    score of slide b by the others is t_b - (I - S_bb)^-1 (t - S t)_b.
    """
    gram = figures @ figures.T / figures.shape[1]
    left = np.eye(len(gram)) - np.linalg.solve(gram + _RIDGE * np.eye(len(gram)), gram)  # I - S
    scores = np.eye(len(gram))
    for i in np.unique(slide):
        own = slide == i
        scores[own] -= np.linalg.solve(left[np.ix_(own, own)], left[own])
    return scores


def auc(scores: NDArray[np.float64], second: NDArray[np.bool_]) -> float:
    """Return the chance that a crop of the second set scores above one of the first; ties count half."""
    values, at = np.unique(scores, return_inverse=True)
    high = np.bincount(at[second], minlength=len(values))
    low = np.bincount(at[~second], minlength=len(values))
    above = np.cumsum(low) - low / 2
    return float((high * above).sum() / (high.sum() * low.sum()))


def _targets(second: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return +1 and -1 (..., N), weighed so that both sets count the same."""
    share = second.mean(axis=-1, keepdims=True)
    return np.asarray(np.where(second, 0.5 / share, -0.5 / (1 - share)), np.float64)


def _squares(grey: NDArray[np.float32], around: NDArray[np.bool_], size_px: int) -> NDArray[np.float32]:
    """Return the squares (N, M, size, size) of crops that lie wholly in the background."""

    def cut(pixels: NDArray[Any]) -> NDArray[Any]:
        rows, columns = (side // size_px for side in pixels.shape[-2:])
        tiled = pixels.reshape(-1, rows, size_px, columns, size_px).swapaxes(2, 3)
        return tiled.reshape(-1, rows * columns, size_px, size_px)

    return np.asarray(cut(grey)[:, cut(around)[0].all(axis=(1, 2))], np.float32)


def _cosines(size: int) -> NDArray[np.float32]:
    """Return the matrix (size, size) of the discrete cosine transform."""
    wave, place = np.indices((size, size))
    turn = np.cos(np.pi * wave * (2 * place + 1) / (2 * size)) * np.sqrt(2 / size)
    turn[0] /= np.sqrt(2)
    return np.asarray(turn, np.float32)
