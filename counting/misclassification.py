"""What a raw percentage says of the true one, and how far a control can be trusted. A research line only.

W. J. Rogan, B. Gladen, "Estimating prevalence from the results of a screening test", Am. J. Epidemiol. 107 (1978)
71-76; Z. Lang, J. Reiczigel, "Confidence limits for prevalence of disease adjusted for estimated sensitivity and
specificity", Prev. Vet. Med. 113 (2014) 13-22. The threshold of 4.9 % is one on raw percentages: a corrected one
is never held against it. Knows numbers only.
"""

from math import sqrt

from zpscope.counting.binomial import chances

_Z = 1.959963984540054


def rogan_gladen(raw: float, sensitivity: float, specificity: float) -> float:
    """Return the true share behind a raw one, all 0 to 1; below 0 where the raw share is below the false ones."""
    return (raw + specificity - 1) / (sensitivity + specificity - 1)


def lang_reiczigel(
    raw: float, n: int, sensitivity: tuple[float, int], specificity: tuple[float, int]
) -> tuple[float, float]:
    """Return the 95 % bounds of the true share, 0 to 1, behind a raw share of n heads.

    `sensitivity` and `specificity`: the share, and the number of heads it was measured on.
    """
    z2 = _Z * _Z
    heads = n + z2
    share = (n * raw + z2 / 2) / heads
    se, se_variance = _measured(*sensitivity)
    sp, sp_variance = _measured(*specificity)
    youden = se + sp - 1
    middle = (share + sp - 1) / youden
    shift = 2 * z2 * (middle * se_variance - (1 - middle) * sp_variance)
    variance = share * (1 - share) / heads + middle**2 * se_variance + (1 - middle) ** 2 * sp_variance
    spread = _Z * sqrt(variance) / youden
    return max(0.0, middle + shift - spread), min(1.0, middle + shift + spread)


def _measured(share: float, heads: int) -> tuple[float, float]:
    """Return a measured share, drawn to the middle by two heads, and its variance."""
    drawn = (heads * share + 1) / (heads + 2)
    return drawn, drawn * (1 - drawn) / (heads + 2)


def called_normal(false_positive_share: float, n: int, threshold_permille: int) -> float:
    """Return the probability that n heads without one binder read above the threshold."""
    most = threshold_permille * n // 1000
    return float(chances(n, false_positive_share)[most + 1 :].sum())
