# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false
"""Rounded weights lie nearer, by what they are fed, than plain ones, and no two neighbours overflow 16 bits."""

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from zpscope.training.rounding import LARGEST, PAIR, rounded  # noqa: E402


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[name-defined]
    """A weight (16, 8, 3, 3), and the products of inputs that resemble each other."""
    maker = torch.Generator().manual_seed(seed)
    weight = torch.randn(16, 8, 3, 3, generator=maker, dtype=torch.float64)
    mixed = torch.randn(72, 24, generator=maker, dtype=torch.float64)
    inputs = torch.randn(4000, 24, generator=maker, dtype=torch.float64) @ mixed.T
    inputs += 0.3 * torch.randn(4000, 72, generator=maker, dtype=torch.float64)
    return weight, inputs.T @ inputs


def test_lies_nearer_than_plain_rounding() -> None:
    weight, products = drawn(1)
    integers, step = rounded(weight, products)
    finest = weight.flatten(1).abs().amax(1) / LARGEST
    plain = (weight / finest.view(-1, 1, 1, 1)).round() * finest.view(-1, 1, 1, 1)

    def error(near: torch.Tensor) -> float:  # type: ignore[name-defined]
        off = (near - weight).flatten(1)
        return float(((off @ products) * off).sum())

    assert error(integers * step.view(-1, 1, 1, 1)) < error(plain) / 2


@pytest.mark.parametrize("seed", [1, 2])
def test_no_pair_overflows_16_bits(seed: int) -> None:
    weight, products = drawn(seed)
    weight[:8, :2, 1, 1] = 3 * weight[:8, :1, 1, 1].sign()  # large, and of one sign
    integers, _ = rounded(weight, products)
    assert torch.equal(integers, integers.round())
    assert integers.abs().max() <= LARGEST
    assert integers.abs().max() > PAIR / 2
    pairs = integers[:, 0::2] + integers[:, 1::2]
    assert 255 * pairs.abs().max() <= 2**15 - 1


def test_silent_inputs_and_weights_give_no_nonsense() -> None:
    weight, products = drawn(1)
    weight[0] = 0
    integers, step = rounded(weight, 0 * products)
    assert torch.isfinite(integers).all()
    assert (integers[0] == 0).all()
    assert torch.abs(integers * step.view(-1, 1, 1, 1) - weight).max() <= step.max() * 64
