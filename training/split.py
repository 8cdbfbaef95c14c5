"""Which crops a network learns from, which choose its checkpoint, and which it is tested on once.

`donor` and `slide` keep all crops of a donor or slide, and near-identical ones, in one set. `paper` is the split of
Leung et al. 2025: single crops at random, a locked test set of 220 of 1,303, then 75 % and 25 % of each class; crops
of one donor then lie on both sides, and figures are flattering. Knows no network.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import SettingsError
from zpscope.training.crop_set import CropSet
from zpscope.training.duplicates import groups

Protocol = Literal["donor", "slide", "paper"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
TRAIN, VALIDATION, TEST = "train", "validation", "test"
_TEST_SHARE, _VALIDATION_SHARE = 220 / 1303, 0.25


def split(crops: CropSet, protocol: Protocol, seed: int, pairs: list[tuple[int, int]]) -> NDArray[np.str_]:
    """Return the set (N,) of each crop; `pairs` of near-identical ones stay together but in `paper`.

    Raises:
        SettingsError: There are too few donors or slides for three sets with both classes in each.
    """
    random = np.random.default_rng(seed)
    sets = np.full(len(crops), TRAIN, "<U10")
    for bound in (False, True):
        chosen = np.flatnonzero(crops.bound == bound)
        if protocol == "paper":
            order = random.permutation(chosen)
            tests = round(len(order) * _TEST_SHARE)
            validated = -(-(len(order) - tests) // 4)  # rounded up, as 272 of 1,083 (domain notes) is
            sets[order[:tests]] = TEST
            sets[order[tests : tests + validated]] = VALIDATION
    if protocol != "paper":
        belongs = grouped(crops, protocol, pairs)
        sets[_deal(crops.bound, belongs, np.ones(len(crops), np.bool_), _TEST_SHARE, random)] = TEST
        left = sets == TRAIN
        sets[_deal(crops.bound, belongs, left, _VALIDATION_SHARE, random)] = VALIDATION
    for name in (TRAIN, VALIDATION, TEST):
        inside = crops.bound[sets == name]
        if inside.all() or not inside.any():
            msg = (
                f"there are too few {'crops' if protocol == 'paper' else protocol + 's'} to give the {name} set "
                "both classes: add some of each class"
            )
            raise SettingsError(msg)
    return sets


def grouped(crops: CropSet, protocol: Protocol, pairs: list[tuple[int, int]]) -> NDArray[np.intp]:
    """Return the group (N,) of each crop, which no split may divide."""
    if protocol == "paper":
        return np.arange(len(crops))
    labels = crops.donor if protocol == "donor" else np.char.add(np.char.add(crops.donor, "\n"), crops.slide)
    return groups(labels, pairs)


def folds(bound: NDArray[np.bool_], belongs: NDArray[np.intp], count: int, seed: int) -> NDArray[np.intp]:
    """Return the fold (N,) of each crop; groups stay whole, classes are spread evenly."""
    random = np.random.default_rng(seed)
    fold = np.full(len(bound), -1, np.intp)
    for number in range(count - 1):
        left = fold < 0
        fold[_deal(bound, belongs, left, 1 / (count - number), random)] = number
    fold[fold < 0] = count - 1
    return fold


def across(crops: CropSet, sets: NDArray[np.str_]) -> list[str]:
    """Return the donors whose crops lie in more than one set."""
    pairs = set(zip(crops.donor.tolist(), sets.tolist(), strict=True))
    donors = [donor for donor, _ in pairs]
    return sorted({donor for donor in donors if donors.count(donor) > 1})


def _deal(
    bound: NDArray[np.bool_],
    belongs: NDArray[np.intp],
    among: NDArray[np.bool_],
    share: float,
    random: np.random.Generator,
) -> NDArray[np.bool_]:
    """Return which crops (N,) make up about a share of each class among some, in whole groups.

    Groups come in random order; each is taken if that brings the counts of both classes nearer to the share.
    """
    wanted = np.array([(among & ~bound).sum(), (among & bound).sum()]) * share
    taken, counts = np.zeros(len(bound), np.bool_), np.zeros(2)
    for group in random.permutation(np.unique(belongs[among])):
        inside = among & (belongs == group)
        more = np.array([(inside & ~bound).sum(), (inside & bound).sum()])
        if np.abs(counts + more - wanted).sum() < np.abs(counts - wanted).sum():
            counts += more
            taken |= inside
    return taken
