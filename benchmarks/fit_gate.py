"""How are the figures of an object weighed, so that heads and what is no head part best?

Finds the objects of labelled fields as recorded, and of every fourth one after each of some changes of its levels;
leaves out what other gates refuse and what lies at the border, and prints the weights of `gate.likeness` that a
logistic regression gives, as they stand in `imaging/gate.py`, with the objects wrongly told per threshold when each
fifth of the fields is judged by weights fitted on the others. Only for the training part of a data set:
`python -m benchmarks.fit_gate IMAGES LABELS --um-per-px 0.052`.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.robustness import CHANGES, at_border, true_heads
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.examine import examine
from zpscope.imaging.gate import reasons, terms
from zpscope.imaging.picture import read_picture

_CHANGES = ("gamma 0.8", "gamma 1.25", "exposure x1.3", "green x0.85", "blur sigma 1.5 px")
_EVERY = 4
_PARTS = 5
_RIDGE = 1.0
_NEWTON_STEPS = 12
_OTHER_GATES = ("border", "overlap", "size", "defocus", "dirty_background", "shape")
_THRESHOLDS = (-2.0, -1.5, -1.0, -0.5, 0.0)


def _objects(
    field: NDArray[np.uint8], labels: Path, um_per_px: float
) -> tuple[NDArray[np.float64], list[bool]]:
    """Return the terms (M, 8) of the objects that only the fitted gate may refuse, and which are heads."""
    seen = examine(field, um_per_px, SlideColour.fresh())
    pale = seen.figures.darker_light
    others = reasons(replace(seen.figures, darker_light=np.zeros_like(pale)))
    truth = true_heads(labels, (field.shape[0], field.shape[1]), 1.0)
    rows: list[int] = []
    heads: list[bool] = []
    for i, why in enumerate(others):
        mask = seen.heads.labels == i + 1
        if why in _OTHER_GATES or at_border(mask):
            continue
        best = (
            max(((mask & one).sum() / (mask | one).sum(), k) for k, one in enumerate(truth))
            if truth
            else (0, 0)
        )
        if best[0] >= 0.5 and at_border(truth[best[1]]):
            continue
        rows.append(i)
        heads.append(bool(best[0] >= 0.5))
    return terms(seen.figures)[rows], heads


def _fitted(figures: NDArray[np.float64], heads: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """Return the weights and the offset that make heads likely and other objects unlikely."""
    mean, spread = figures.mean(0), figures.std(0)
    scaled = (figures - mean) / spread
    rows = np.column_stack([np.ones(len(scaled)), scaled])
    ridge = np.diag([0.0] + [_RIDGE] * scaled.shape[1])
    b = np.zeros(rows.shape[1])
    for _ in range(_NEWTON_STEPS):
        likely = 1 / (1 + np.exp(-rows @ b))
        curved = (rows * (likely * (1 - likely))[:, None]).T @ rows + ridge
        b = b + np.linalg.solve(curved, rows.T @ (heads - likely) - ridge @ b)
    weights = b[1:] / spread
    return weights, float(b[0] - weights @ mean)


def main() -> int:
    """Print the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--um-per-px", type=float, required=True)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    figures: list[NDArray[np.float64]] = []
    heads: list[bool] = []
    part: list[int] = []
    for number, labels in enumerate(sorted(arguments.labels.glob("*.json"))):
        field = read_picture(arguments.images / f"{labels.stem}.jpg")
        changes = ["as recorded", *(name for k, name in enumerate(_CHANGES) if number % _EVERY == k % _EVERY)]
        for name in changes:
            found, which = _objects(CHANGES[name][0](field), labels, arguments.um_per_px)
            figures.append(found)
            heads += which
            part += [number % _PARTS] * len(which)
    table, is_head, fifth = np.concatenate(figures), np.array(heads), np.array(part)
    weights, offset = _fitted(table, is_head)
    sys.stdout.write(f"_WEIGHTS = ({', '.join(f'{one:.2f}' for one in weights)})\n_OFFSET = {offset:.2f}\n")
    likely = np.zeros(len(is_head))
    for k in range(_PARTS):
        w, b = _fitted(table[fifth != k], is_head[fifth != k])
        likely[fifth == k] = table[fifth == k] @ w + b
    sys.stdout.write(f"{is_head.sum()} heads, {(~is_head).sum()} other objects\n")
    for least in _THRESHOLDS:
        lost, kept = (is_head & (likely < least)).sum(), (~is_head & (likely >= least)).sum()
        sys.stdout.write(f"at least {least}: {lost} heads lost, {kept} others kept\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
