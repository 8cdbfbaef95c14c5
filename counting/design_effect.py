"""How much less heads of one field tell than heads of different fields.

The intra-field correlation by analysis of variance of a binary outcome, and the design effect that counts are
divided by. A. Donner, J. Koval, "The estimation of intraclass correlation in the analysis of family data",
Biometrics 36 (1980) 19-25; L. Kish, Survey Sampling (1965), 5.4. Knows counts per field only.
"""

from dataclasses import dataclass

MATTERS = 1.1
"""A smaller design effect is taken for noise, and not applied."""


@dataclass(frozen=True)
class FieldSums:
    """Sums over the fields with heads, enough for the intra-field correlation."""

    fields: int = 0
    n: int = 0
    """Heads."""
    k: int = 0
    """Heads bound."""
    n_squared: int = 0
    """Sum of the squares of the heads per field."""
    k_squared_per_n: float = 0.0
    """Sum of the squares of the bound heads per field, each over the field's heads."""

    def plus(self, k: int, n: int) -> "FieldSums":
        """Return the sums with one more field of n heads, k of them bound."""
        if not 0 <= k <= n:
            msg = f"k must be from 0 to n, but k is {k} and n is {n}"
            raise ValueError(msg)
        if n == 0:
            return self
        return FieldSums(
            self.fields + 1,
            self.n + n,
            self.k + k,
            self.n_squared + n * n,
            self.k_squared_per_n + k * k / n,
        )


def intra_field_correlation(sums: FieldSums) -> float:
    """Return the intra-field correlation, 0 to 1; 0 where it cannot be estimated."""
    fields, n, k = sums.fields, sums.n, sums.k
    if fields < 2 or n <= fields or k in (0, n):
        return 0.0
    between = (sums.k_squared_per_n - k * k / n) / (fields - 1)
    within = (k - sums.k_squared_per_n) / (n - fields)
    size = (n - sums.n_squared / n) / (fields - 1)
    spread = between + (size - 1) * within
    return min(1.0, max(0.0, (between - within) / spread)) if spread > 0 else 0.0


def design_effect(sums: FieldSums) -> float:
    """Return what the counts are to be divided by: 1 where heads of a field are as good as independent."""
    if sums.n == 0:
        return 1.0
    effect = 1 + (sums.n_squared / sums.n - 1) * intra_field_correlation(sums)
    return effect if effect > MATTERS else 1.0
