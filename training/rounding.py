"""Weights rounded to 8-bit integers one input after another, so that later ones make up for the error of earlier ones.

This is the rounding of GPTQ (Frantar et al. 2023, arXiv 2210.17323): what an integer is off by is spread over the
inputs that are still floats, as the inputs' own products say. It costs nothing when the network runs. Knows no network.
"""

import torch
from torch import Tensor

LARGEST = 127
"""Of a weight in 8-bit integers; -128 is not used."""
PAIR = 128
"""Two neighbours of one sign sum to so much, at most: times 255, that fits the 16 bits in which processors without VNNI
add the products of two input channels, and cuts off what does not fit."""
_AT_ONCE = 128
_DAMPING = 0.01
"""Added to every input's square, as a share of their mean: few crops do not tell all inputs apart."""
_COARSER = (1.0, 1.1, 1.25, 1.5, 2.0)
"""Steps that are tried, as multiples of the finest; at twice that no pair is too large."""


def rounded(weight: Tensor, products: Tensor) -> tuple[Tensor, Tensor]:
    """Return a convolution's integers, float64, and their step (out,).

    Args:
        weight: (out, in, 3, 3), float64; `in` is even, and pairs are channels 0 and 1, 2 and 3, and so on.
        products: (in * 9, in * 9), float64: sums over the crops of each input times each, the means taken away.
    """
    flat, importance = weight.flatten(1), products.diagonal()
    step = _step(weight, importance.view(weight.shape[1:]))
    order = torch.argsort(importance, descending=True, stable=True)
    place = torch.argsort(order)
    column = torch.arange(len(order))
    taps = weight[0, 0].numel()
    partner = place[(column // taps ^ 1) * taps + column % taps][order]
    damped = products + torch.eye(len(order), dtype=torch.float64) * (_DAMPING * importance.mean() or 1.0)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped[order][:, order]))
    spread = torch.linalg.cholesky(inverse, upper=True).float()
    left = (flat / step[:, None])[:, order].float()
    integers = torch.zeros_like(left)
    for first in range(0, len(order), _AT_ONCE):
        end = min(first + _AT_ONCE, len(order))
        off = torch.zeros(len(left), end - first)
        for at in range(first, end):
            other = integers[:, partner[at]]  # 0 while it has no integer
            low, high = -PAIR - other.clamp(max=0), PAIR - other.clamp(min=0)
            whole = left[:, at].round().clamp(low, high).clamp(-LARGEST, LARGEST)
            integers[:, at] = whole
            off[:, at - first] = (left[:, at] - whole) / spread[at, at]
            left[:, at:end] -= off[:, at - first, None] * spread[at, at:end]
        left[:, end:] -= off @ spread[first:end, end:]
    return integers[:, place].double().view_as(weight), step


def _step(weight: Tensor, importance: Tensor) -> Tensor:
    """Return the step (out,) that leaves each output nearest, rounded plainly and too large pairs made smaller."""
    finest = weight.flatten(1).abs().amax(1) / LARGEST
    finest = torch.where(finest > 0, finest, 1.0)
    steps = torch.stack([(finest * coarser).float().double() for coarser in _COARSER])
    errors: list[Tensor] = []
    for step in steps:
        exact = weight / step.view(-1, 1, 1, 1)
        whole = exact.round()
        one, other = whole[:, 0::2], whole[:, 1::2]
        over = ((one.abs() + other.abs() - PAIR).clamp(min=0) / 2) * (one * other > 0)
        near = whole - whole.sign() * over.repeat_interleave(2, dim=1)
        errors.append(((near - exact).square() * importance).flatten(1).sum(1) * step.square())
    best = torch.stack(errors).argmin(0)
    return steps.gather(0, best[None])[0]
