"""How are the figures of an object weighed, so that whole heads and everything else part best?

Finds the objects of labelled fields as recorded, and of every fourth one after each of some changes of its levels,
and those of simulated usual slides; leaves out what other gates refuse and what lies at the border, and prints the
weights of `gate.likeness` (heads against what is no head) and of `gate.coverage` (heads against heads that something
lies on, which real fields hardly show) that logistic regressions give, as they stand in `imaging/gate.py`. Then what
comes of real and simulated objects per pair of thresholds when each fifth of the fields is judged by weights
fitted on the others. Only for the training part of a data set, and for slides that nothing is reported of:
`python -m benchmarks.fit_gate IMAGES LABELS --um-per-px 0.052`.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.robustness import CHANGES, at_border, true_heads
from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.synthetic import expose, field_centre_um, sperm_near
from zpscope.drivers.truth import is_assessable
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.decode import decode
from zpscope.imaging.examine import Examination, examine
from zpscope.imaging.gate import cover_terms, reasons, terms
from zpscope.imaging.picture import read_picture
from zpscope.imaging.place import offsets_um

_CHANGES = (
    "gamma 0.8",
    "gamma 1.25",
    "exposure x1.3",
    "green x0.85",
    "blur sigma 1.5 px",
    "noise sigma 6",
    "exposure x0.7",
    "JPEG quality 60",
)
_EVERY = 4
_SEEDS = range(101, 121)
"""None of those that figures are reported of."""
_NEAR_UM = 1.5
_PARTS = 5
_RIDGE = 1.0
_NEWTON_STEPS = 25
_LEAST_LIKELY, _MOST_COVERED = (-2.0, -1.7, -1.4, -1.1, -0.8, -0.5), (0.8, 1.2, 1.6)
_SPOILT = ("covered", "at a cell")


@dataclass(frozen=True)
class _Object:
    """One object that only the fitted gates may refuse."""

    real: bool
    kind: str
    """`head`, `covered`, `at a cell` or `other`."""
    part: int
    terms: NDArray[np.float64]
    cover_terms: NDArray[np.float64]


def _objects(seen: Examination, kinds: list[str], part: int, *, real: bool) -> Iterator[_Object]:
    """Yield the objects of a field that only the fitted gates may refuse; kinds: of all, empty if unknown."""
    nothing = np.zeros(len(kinds))
    others = reasons(replace(seen.figures, hidden=nothing, weak_edge=nothing, contact=nothing))
    like, cover = terms(seen.figures), cover_terms(seen.figures)
    for i, (kind, why) in enumerate(zip(kinds, others, strict=True)):
        if kind and why in ("", "not_a_head") and not seen.skip:
            yield _Object(real, kind, part, like[i], cover[i])


def _real(images: Path, labels: Path, um_per_px: float) -> Iterator[_Object]:
    for number, path in enumerate(sorted(labels.glob("*.json"))):
        field = read_picture(images / f"{path.stem}.jpg")
        truth = true_heads(path, (field.shape[0], field.shape[1]), 1.0)
        changes = ["as recorded", *(name for k, name in enumerate(_CHANGES) if number % _EVERY == k % _EVERY)]
        for name in changes:
            seen = examine(CHANGES[name][0](field), um_per_px, SlideColour.fresh())
            kinds = [_kind(seen.heads.labels == i + 1, truth) for i in range(len(seen.heads.reason))]
            yield from _objects(seen, kinds, number % _PARTS, real=True)


def _kind(mask: NDArray[np.bool_], truth: list[NDArray[np.bool_]]) -> str:
    if at_border(mask):
        return ""
    shares = [((mask & one).sum() / (mask | one).sum(), k) for k, one in enumerate(truth)]
    share, best = max(shares, default=(0.0, -1))
    if share > 0 and at_border(truth[best]):
        return ""
    return "head" if share >= 0.5 else "other"


def _simulated(fields: int) -> Iterator[_Object]:
    for seed in _SEEDS:
        settings, colour = SyntheticCamera(seed=seed, slide="usual", overlap_percent=0), SlideColour.fresh()
        for number in range(fields):
            if not is_assessable(settings, number):
                continue
            pixels = decode(expose(settings, number), "bayer_rg8")
            seen = examine(pixels, settings.um_per_px, colour)
            colour = seen.colour
            sperm = sperm_near(settings, number, 2.0)
            at_um = [(one.x_um, one.y_um) for one in sperm]
            places = offsets_um(seen.heads.centre_px, (pixels.shape[0], pixels.shape[1]), settings.um_per_px)
            kinds: list[str] = []
            for place in (places + field_centre_um(settings, number)).tolist():
                apart, nearest = min(
                    ((math.dist(place, at), k) for k, at in enumerate(at_um)), default=(math.inf, -1)
                )
                one = sperm[nearest]
                sort = "head" if one.gradable else "covered" if one.covered > 0.05 else "at a cell"
                kinds.append(sort if apart <= _NEAR_UM else "other")
            yield from _objects(seen, kinds, seed % _PARTS, real=False)


def _fitted(figures: NDArray[np.float64], wanted: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """Return the weights and the offset that make what is wanted likely and the rest not."""
    mean, spread = figures.mean(0), figures.std(0)
    scaled = (figures - mean) / spread
    rows = np.column_stack([np.ones(len(scaled)), scaled])
    ridge = np.diag([0.0] + [_RIDGE] * scaled.shape[1])
    b = np.zeros(rows.shape[1])
    for _ in range(_NEWTON_STEPS):
        likely = 1 / (1 + np.exp(-np.clip(rows @ b, -30, 30)))
        curved = (rows * (likely * (1 - likely))[:, None]).T @ rows + ridge
        b = b + np.linalg.solve(curved, rows.T @ (wanted - likely) - ridge @ b)
    weights = b[1:] / spread
    return weights, float(b[0] - weights @ mean)


def _judged(
    figures: NDArray[np.float64],
    wanted: NDArray[np.bool_],
    learned: NDArray[np.bool_],
    part: NDArray[np.intp],
    name: str,
) -> NDArray[np.float64]:
    """Print the weights that `learned` objects give, and return the log odds of all by the other parts' weights."""
    weights, offset = _fitted(figures[learned], wanted[learned])
    sys.stdout.write(f"{name}_WEIGHTS = ({', '.join(f'{one:.2f}' for one in weights)})\n")
    sys.stdout.write(f"{name}_OFFSET = {offset:.2f}\n")
    odds = np.zeros(len(figures))
    for k in range(_PARTS):
        w, b = _fitted(figures[learned & (part != k)], wanted[learned & (part != k)])
        odds[part == k] = figures[part == k] @ w + b
    return odds


def main() -> int:
    """Print the weights, and what comes of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--um-per-px", type=float, required=True)
    parser.add_argument("--fields", type=int, default=24, help="of each simulated slide")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    objects = [*_real(given.images, given.labels, given.um_per_px), *_simulated(given.fields)]
    kind, real = np.array([one.kind for one in objects]), np.array([one.real for one in objects])
    part = np.array([one.part for one in objects], np.intp)
    spoilt = np.isin(kind, _SPOILT)
    like = _judged(np.array([one.terms for one in objects]), kind == "head", ~spoilt, part, "")
    learned = (like >= min(_LEAST_LIKELY)) & (kind != "other")
    cover = _judged(np.array([one.cover_terms for one in objects]), spoilt, learned, part, "_COVERED")
    columns = [(True, "head"), (True, "other"), *((False, one) for one in ("head", "other", *_SPOILT))]
    sys.stdout.write(
        "| least likely | most covered | " + " | ".join(_title(*one) for one in columns) + " |\n"
    )
    sys.stdout.write("|---" * (2 + len(columns)) + "|\n")
    for least in _LEAST_LIKELY:
        for most in _MOST_COVERED:
            kept = (like >= least) & (cover <= most)
            cells = [f"{(kept & (real == at) & (kind == one)).sum()}" for at, one in columns]
            sys.stdout.write(f"| {least} | {most} | " + " | ".join(cells) + " |\n")
    totals = [f"{((real == at) & (kind == one)).sum()}" for at, one in columns]
    sys.stdout.write("| all | | " + " | ".join(totals) + " |\n")
    return 0


def _title(real: bool, kind: str) -> str:
    return ("real " if real else "simulated ") + kind


if __name__ == "__main__":
    sys.exit(main())
