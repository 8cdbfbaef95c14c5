"""Near-identical crops, which must stay on one side of a split: a copy, a re-saved copy, one head in two fields.

Crops are compared by their fine structure. Heads resemble each other, so likeness alone says little: two crops are
near-identical if they are much more alike than either is to its tenth likest. Knows no class and no file.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

RATIO = 0.1
"""Of the distance to the tenth likest crop. Copies are near 0; a HuSHeM head recorded twice is at 0.09 and 0.20; of
900 different simulated heads, more alike than real ones, the nearest pair is at 0.12."""
_LIKEST = 10
_SIDE_PX = 64
_FINE_PX, _COARSE_PX = 1.0, 3.0
"""Structure between these two is compared: noise is finer, the head's outline and stain are coarser."""


def near_duplicates(crops: NDArray[np.uint8], ratio: float = RATIO) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, of near-identical crops among (N, 128, 128)."""
    if len(crops) < 2:
        return []
    flat = np.stack([_fine(crop) for crop in crops])
    pairs: set[tuple[int, int]] = set()
    for i, one in enumerate(flat):
        apart = 1 - flat @ one
        apart[i] = np.inf
        least = np.partition(apart, min(_LIKEST, len(crops) - 1) - 1)[min(_LIKEST, len(crops) - 1) - 1]
        near = apart <= ratio * (least if len(crops) > _LIKEST else 1.0)
        pairs |= {(min(i, int(j)), max(i, int(j))) for j in np.flatnonzero(near)}
    return sorted(pairs)


def groups(labels: NDArray[np.str_], pairs: list[tuple[int, int]]) -> NDArray[np.intp]:
    """Return a group (N,) of each crop: equal labels (N,) and paired crops end in one group."""
    names, belongs = np.unique(labels, return_inverse=True)
    parent = list(range(len(names)))

    def root(group: int) -> int:
        while parent[group] != group:
            group = parent[group]
        return group

    for i, j in pairs:
        one, other = sorted((root(int(belongs[i])), root(int(belongs[j]))))
        parent[other] = one
    return np.array([root(int(group)) for group in belongs], np.intp)


def _fine(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the fine structure of a crop as a vector of length 1."""
    fine = cv2.GaussianBlur(crop.astype(np.float32), (0, 0), _FINE_PX)
    fine = fine - cv2.GaussianBlur(fine, (0, 0), _COARSE_PX)
    flat = cv2.resize(fine, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).ravel()
    flat = flat - flat.mean()
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-6), np.float32)
