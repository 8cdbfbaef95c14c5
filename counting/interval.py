"""The Wilson score interval of a share k/n.

E. B. Wilson, "Probable inference, the law of succession, and statistical inference", J. Am. Stat. Assoc. 22
(1927) 209-212. It describes a finished count; looking at it after every field and stopping when it leaves the
threshold is not a test (see the design's sequential rule).
"""

from math import sqrt

Z_95 = 1.959963984540054
"""97.5 % quantile of the standard normal distribution."""


def wilson(k: float, n: float, z: float = Z_95) -> tuple[float, float]:
    """Return the bounds of the share k/n, from 0 to 1; everything is possible when n is 0.

    Counts that a design effect divides are not whole.
    """
    if not 0 <= k <= n:
        msg = f"k must be from 0 to n, but k is {k} and n is {n}"
        raise ValueError(msg)
    if n == 0:
        return 0.0, 1.0
    return _lower(k, n, z), 1.0 - _lower(n - k, n, z)


def _lower(k: float, n: float, z: float) -> float:
    # The smaller root of (p - k/n)^2 = z^2 p (1 - p) / n, as product of the roots over the larger one: exactly 0
    # at k = 0, and without the cancellation that the difference of the textbook form suffers at small k.
    return k * (k / n) / (k + z * z / 2 + z * sqrt(z * z / 4 + k * ((n - k) / n)))
