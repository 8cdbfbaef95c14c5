"""Near-identical crops, which must stay on one side of a split: the same head in two fields, a copy, a re-saved copy.

Two crops are near-identical if, shrunk to 32 x 32 and freed of level and contrast, they correlate above `SAME`.
Knows no class and no file.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

SAME = 0.99
_SIDE_PX = 32
_ROWS = 512


def near_duplicates(crops: NDArray[np.uint8], same: float = SAME) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, of near-identical crops among (N, 128, 128)."""
    small = [cv2.resize(crop, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA) for crop in crops]
    flat = np.stack(small).reshape(len(crops), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    pairs: list[tuple[int, int]] = []
    for at in range(0, len(flat), _ROWS):
        alike = np.argwhere(flat[at : at + _ROWS] @ flat.T > same)
        pairs += [(int(i) + at, int(j)) for i, j in alike if i + at < j]
    return pairs


def groups(labels: NDArray[np.str_], pairs: list[tuple[int, int]]) -> NDArray[np.intp]:
    """Return a group (N,) of each crop: equal labels (N,) and paired crops end in one group."""
    _, first, belongs = np.unique(labels, return_index=True, return_inverse=True)
    parent = np.arange(len(first))

    def root(group: int) -> int:
        while parent[group] != group:
            group = int(parent[group])
        return group

    for i, j in pairs:
        one, other = sorted((root(int(belongs[i])), root(int(belongs[j]))))
        parent[other] = one
    return np.array([root(int(group)) for group in belongs], np.intp)
