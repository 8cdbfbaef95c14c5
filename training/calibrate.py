"""Whether a probability of 0.8 is right in 8 of 10 heads, and the temperature that makes it so.

Dividing both outputs by one temperature (Guo et al. 2017) changes no call, only how sure it is said to be. Knows no
network.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LOWEST, _HIGHEST = 0.05, 20.0


@dataclass(frozen=True)
class Bin:
    """Heads of similar probability."""

    heads: int
    probability: float
    """Mean of what was said."""
    bound: float
    """Share that is bound."""


def temperature(logits: NDArray[np.float32], bound: NDArray[np.bool_]) -> float:
    """Return the temperature of the lowest cross-entropy, 0.05 to 20, for outputs (N, 2) of heads (N,)."""
    low, high = np.log(_LOWEST), np.log(_HIGHEST)
    for _ in range(60):  # the cross-entropy has one minimum in the inverse temperature
        third = (high - low) / 3
        if _cost(logits, bound, np.exp(low + third)) < _cost(logits, bound, np.exp(high - third)):
            high -= third
        else:
            low += third
    return float(np.exp((low + high) / 2))


def probabilities(logits: NDArray[np.float32], at: float = 1.0) -> NDArray[np.float32]:
    """Return P(ZP-binding) (N,) of outputs (N, 2) at a temperature."""
    margin = (logits[:, 1].astype(np.float64) - logits[:, 0]) / at
    return np.asarray(0.5 * (1 + np.tanh(margin / 2)), np.float32)


def bins(probability: NDArray[np.float32], bound: NDArray[np.bool_], count: int = 10) -> list[Bin]:
    """Return heads in order of probability, in bins of about equal size: the calibration curve."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, count) if len(part)]
    return [Bin(len(part), float(probability[part].mean()), float(bound[part].mean())) for part in parts]


def calibration_error(curve: list[Bin]) -> float:
    """Return the mean distance between what is said and what is, over all heads (expected calibration error)."""
    heads = sum(one.heads for one in curve)
    return sum(one.heads * abs(one.probability - one.bound) for one in curve) / heads


def _cost(logits: NDArray[np.float32], bound: NDArray[np.bool_], at: float) -> float:
    margin = (logits[:, 1].astype(np.float64) - logits[:, 0]) / at
    return float(np.logaddexp(0, np.where(bound, -margin, margin)).mean())
