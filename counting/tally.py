"""k of n: the percentage, its interval, and where it stands against the threshold.

Pure arithmetic on counts; knows no head, no sample and no clock. Where k/n stands is decided on integers: the
rounded percentage that a display shows decides nothing.
"""

from typing import Literal

from zpscope.counting.interval import wilson

Position = Literal["collecting", "above", "at_or_below"]


def percent(k: int, n: int) -> float | None:
    """Return 100 k/n; None before the first head."""
    return 100 * k / n if n else None


def interval_percent(k: int, n: int) -> tuple[float, float]:
    """Return the Wilson 95 % interval of k/n, in percent; 0 to 100 before the first head."""
    low, high = wilson(k, n)
    return 100 * low, 100 * high


def position(
    k: int, n: int, fields: int, threshold_permille: int, minimum_heads: int, minimum_fields: int
) -> Position:
    """Return where k/n stands against the threshold, or `collecting` before the minimum of heads and fields.

    Exactly at the threshold is `at_or_below`: at 4.9 % a sample is at risk (Leung et al. 2025). It is the raw
    percentage's position, not a verdict.
    """
    if not 0 <= k <= n:
        msg = f"k must be from 0 to n, but k is {k} and n is {n}"
        raise ValueError(msg)
    if n == 0 or n < minimum_heads or fields < minimum_fields:
        return "collecting"
    return "above" if 1000 * k > threshold_permille * n else "at_or_below"
