"""How often is the sequential rule wrong at exactly the threshold, and what does peeking at an interval do instead?

`python benchmarks/sequential.py [--paths 4000]`: samples whose true share is 4.9 %, counted field by field (5 heads
each) up to 2,000 heads; after every field one looks. Prints the share of samples that get an answer, on either side,
for independent heads and for an intra-field correlation of 0.05, with and without the design effect; beside it the
same for one who looks at the Wilson 95 % interval and stops when it leaves the threshold.
"""

import argparse
import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from zpscope.counting.design_effect import FieldSums, design_effect
from zpscope.counting.interval import wilson
from zpscope.counting.sequential import Answer, answer

_PERMILLE, _ALPHA = 49, 0.05
_FIELDS, _PER_FIELD = 400, 5
_LEAST_HEADS, _LEAST_FIELDS = 100, 20
Look = Callable[[FieldSums], Answer]


def _bound(rng: np.random.Generator, correlation: float) -> NDArray[np.int64]:
    """Return the bound heads of each field (fields,): beta-binomial with this intra-field correlation."""
    share = _PERMILLE / 1000
    if correlation == 0:
        return rng.binomial(_PER_FIELD, share, _FIELDS)
    size = 1 / correlation - 1
    return rng.binomial(_PER_FIELD, rng.beta(share * size, (1 - share) * size, _FIELDS))


def _plain(sums: FieldSums) -> Answer:
    return answer(sums.k, sums.n, _PERMILLE, _ALPHA)


def _corrected(sums: FieldSums) -> Answer:
    return answer(sums.k, sums.n, _PERMILLE, _ALPHA, design_effect(sums))


def _peeking(sums: FieldSums) -> Answer:
    low, high = wilson(sums.k, sums.n)
    if low > _PERMILLE / 1000:
        return "above"
    return "below" if high < _PERMILLE / 1000 else "undecided"


def _first(bound: NDArray[np.int64], look: Look) -> Answer:
    sums = FieldSums()
    for k in bound.tolist():
        sums = sums.plus(k, _PER_FIELD)
        if sums.n < _LEAST_HEADS or sums.fields < _LEAST_FIELDS:
            continue
        found = look(sums)
        if found != "undecided":
            return found
    return "undecided"


def main() -> int:
    """Print the table; 1 if the rule with its design effect is wrong more often than it may be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", type=int, default=4000)
    paths = parser.parse_args().paths
    rules: dict[str, Look] = {
        "sequential": _plain,
        "sequential, design effect": _corrected,
        "peeking at Wilson": _peeking,
    }
    held = True
    sys.stdout.write("correlation  rule                        above   below\n")
    for correlation in (0.0, 0.05):
        rng = np.random.default_rng(1)
        samples = [_bound(rng, correlation) for _ in range(paths)]
        for name, look in rules.items():
            answers = [_first(bound, look) for bound in samples]
            above, below = (answers.count(side) / paths for side in ("above", "below"))
            sys.stdout.write(f"{correlation:11.2f}  {name:26s} {above:6.4f}  {below:6.4f}\n")
            if name == "sequential, design effect":
                held = held and max(above, below) <= _ALPHA
    return int(not held)


if __name__ == "__main__":
    sys.exit(main())
