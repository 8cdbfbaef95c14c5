"""CycleGAN for grey crops: networks, losses and the buffer of earlier translations.

Architecture and losses are those of Zhu et al. 2017 (arXiv 1703.10593) as their own code has them: a ResNet
generator, a 70 x 70 PatchGAN discriminator, instance normalisation, least squares. Two domains, A and B; a
translation keeps a crop's size. Knows no file, no schedule and no class. As in `network`, no subclass of torch's.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

WEIGHT_SD = 0.02
"""Standard deviation of the initial weights."""
_LEAK = 0.2
_ALIGN = 4
"""A generator halves a crop's side twice; sides are multiples of this many pixels."""


@dataclass(frozen=True)
class Weights:
    """How much each loss counts beside the adversarial one."""

    cycle: float = 10.0
    """Of the mean absolute difference between a crop and itself translated there and back."""
    identity: float = 0.5
    """Of the mean absolute change to a crop that is of the right domain already, as a share of `cycle`."""


@dataclass(frozen=True)
class Cycle:
    """Two generators and two discriminators."""

    to_b: nn.ModuleList
    to_a: nn.ModuleList
    discriminator_a: nn.Sequential
    discriminator_b: nn.Sequential

    @classmethod
    def fresh(cls, width: int, blocks: int) -> "Cycle":
        """Return untrained networks; torch's seed decides their weights."""
        return cls(
            generator(width, blocks), generator(width, blocks), discriminator(width), discriminator(width)
        )

    @property
    def generators(self) -> nn.ModuleList:
        """Both generators."""
        return nn.ModuleList([self.to_b, self.to_a])

    @property
    def discriminators(self) -> nn.ModuleList:
        """Both discriminators."""
        return nn.ModuleList([self.discriminator_a, self.discriminator_b])


@dataclass(frozen=True)
class Passed:
    """What the generators made of a batch of each domain, all (N, 1, H, W), -1 to 1."""

    false_a: Tensor
    """Made from B."""
    false_b: Tensor
    """Made from A."""
    same_a: Tensor
    """A, put through the generator that makes A."""
    same_b: Tensor
    again_a: Tensor
    """A, to B and back."""
    again_b: Tensor


def generator(width: int, blocks: int) -> nn.ModuleList:
    """Return an untrained generator (encoder, residual blocks, decoder) for `translate`.

    Args:
        width: Channels after the first convolution; the paper's is 64.
        blocks: Residual blocks; Zhu et al. take 6 at 128 x 128.
    """
    encoder = nn.Sequential(
        nn.ReflectionPad2d(3),
        *_normalised(nn.Conv2d(1, width, 7), width),
        *_normalised(nn.Conv2d(width, 2 * width, 3, 2, 1), 2 * width),
        *_normalised(nn.Conv2d(2 * width, 4 * width, 3, 2, 1), 4 * width),
    )
    decoder = nn.Sequential(
        *_normalised(nn.ConvTranspose2d(4 * width, 2 * width, 3, 2, 1, 1), 2 * width),
        *_normalised(nn.ConvTranspose2d(2 * width, width, 3, 2, 1, 1), width),
        nn.ReflectionPad2d(3),
        nn.Conv2d(width, 1, 7),
        nn.Tanh(),
    )
    made = nn.ModuleList([encoder, nn.ModuleList([_block(4 * width) for _ in range(blocks)]), decoder])
    _draw_weights(made)
    return made


def discriminator(width: int) -> nn.Sequential:
    """Return an untrained PatchGAN: (N, 1, H, W) in, one score for each 70 x 70 patch out, 1 for a true one."""
    layers: list[nn.Module] = [nn.Conv2d(1, width, 4, 2, 1), nn.LeakyReLU(_LEAK)]
    for before, after, stride in ((1, 2, 2), (2, 4, 2), (4, 8, 1)):
        layers += [nn.Conv2d(before * width, after * width, 4, stride, 1), nn.InstanceNorm2d(after * width)]
        layers.append(nn.LeakyReLU(_LEAK))
    made = nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))
    _draw_weights(made)
    return made


def translate(made: nn.ModuleList, pixels: Tensor) -> Tensor:
    """Return pixels (N, 1, H, W), -1 to 1, as the generator gives them in the other domain."""
    encoder, blocks, decoder = made
    features: Tensor = encoder(pixels)
    for block in _each(blocks):
        features = features + block(features)
    translated: Tensor = decoder(features)
    return translated


def pass_through(cycle: Cycle, a: Tensor, b: Tensor) -> Passed:
    """Translate a batch of each domain, each also by the generator of its own domain, and back again.

    A generator sees both in one batch, which is the same as one after the other: it normalises each by itself.
    """
    made_b, made_a = translate(cycle.to_b, torch.cat([a, b])), translate(cycle.to_a, torch.cat([b, a]))
    false_b, same_b, false_a, same_a = made_b[: len(a)], made_b[len(a) :], made_a[: len(b)], made_a[len(b) :]
    again_a, again_b = translate(cycle.to_a, false_b), translate(cycle.to_b, false_a)
    return Passed(false_a, false_b, same_a, same_b, again_a, again_b)


def generator_losses(
    cycle: Cycle, a: Tensor, b: Tensor, passed: Passed, weights: Weights
) -> dict[str, Tensor]:
    """Return the terms whose sum the generators make small."""
    absolute = nn.functional.l1_loss
    return {
        "adversarial": _wrong(cycle.discriminator_b(passed.false_b), true=True)
        + _wrong(cycle.discriminator_a(passed.false_a), true=True),
        "cycle": weights.cycle * (absolute(passed.again_a, a) + absolute(passed.again_b, b)),
        "identity": weights.cycle
        * weights.identity
        * (absolute(passed.same_a, a) + absolute(passed.same_b, b)),
    }


def discriminator_loss(judge: nn.Sequential, true: Tensor, false: Tensor) -> Tensor:
    """Return half the squared error of a discriminator on true crops and on earlier or present translations."""
    return (_wrong(judge(true), true=True) + _wrong(judge(false.detach()), true=False)) / 2


class Buffer:
    """The last translations, of which a discriminator is shown an earlier one half the time (Shrivastava 2017)."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.kept: list[Tensor] = []
        """At most `size`, (1, 1, H, W) each."""

    def exchange(self, false: Tensor, random: np.random.Generator) -> Tensor:
        """Take in translations (N, 1, H, W); return as many, of now or of before."""
        shown: list[Tensor] = []
        for i in range(len(false)):
            one = false[i : i + 1].detach()
            if len(self.kept) < self._size:
                self.kept.append(one)
                shown.append(one)
            elif self.kept and random.random() < 0.5:
                at = int(random.integers(len(self.kept)))
                shown.append(self.kept[at])
                self.kept[at] = one
            else:
                shown.append(one)
        return torch.cat(shown)


def to_pixels(crops: NDArray[np.uint8]) -> Tensor:
    """Return grey crops (N, H, W) as pixels (N, 1, H, W), -1 to 1.

    Raises:
        ValueError: A side is no multiple of 4.
    """
    if any(side % _ALIGN for side in crops.shape[1:]):
        msg = f"crops of {crops.shape[1]} x {crops.shape[2]} cannot be translated: both must be multiples of {_ALIGN}"
        raise ValueError(msg)
    return torch.from_numpy(crops).to(torch.float32).unsqueeze(1) / 127.5 - 1


def to_crops(pixels: Tensor) -> NDArray[np.uint8]:
    """Return pixels (N, 1, H, W), -1 to 1, as grey crops (N, H, W)."""
    grey = ((pixels.squeeze(1) + 1) * 127.5).round().clamp(0, 255)
    return np.asarray(grey.to("cpu", torch.uint8).numpy(), np.uint8)


def _normalised(layer: nn.Module, channels: int) -> tuple[nn.Module, ...]:
    return layer, nn.InstanceNorm2d(channels), nn.ReLU()


def _block(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ReflectionPad2d(1),
        *_normalised(nn.Conv2d(channels, channels, 3), channels),
        nn.ReflectionPad2d(1),
        nn.Conv2d(channels, channels, 3),
        nn.InstanceNorm2d(channels),
    )


def _each(blocks: Any) -> Any:  # noqa: ANN401  torch types what a list of modules holds as one module
    return blocks


def _wrong(scores: Tensor, *, true: bool) -> Tensor:
    """Return the mean squared distance of patch scores from 1 (true) or 0."""
    return ((scores - float(true)) ** 2).mean()


def _draw_weights(network: nn.Module) -> None:
    for name, weight in network.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(weight)
        else:
            nn.init.normal_(weight, 0.0, WEIGHT_SD)
