"""The three networks of the paper, each as one chain of layers, and which part of a chain is trained.

A chain is cut in two: what lies before the cut is frozen, so that its features can be computed once. Knows no
crop and no file.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import nn

from zpscope.training.network import CLASSES, vgg13
from zpscope.training.vision import models

Name = Literal["vgg13", "resnet34", "basic"]
Part = Literal["last", "head", "block", "all"]
"""What is trained: the last linear layer, all linear layers, also the last block of convolutions, everything."""


@dataclass(frozen=True)
class Recipe:
    """How the paper trains a network."""

    make: Callable[[float], nn.Sequential]
    """From a share of the channels; 1 is the paper's network."""
    part: Part
    batch: int
    rate: float


def resnet34(width: float = 1.0) -> nn.Sequential:
    """Return an untrained ResNet34 (He et al. 2016) as torchvision draws it; logits (N, 2) out."""
    if width != 1:
        msg = "ResNet34 comes at width 1 only"
        raise ValueError(msg)
    *trunk, linear = models().resnet34().children()
    return nn.Sequential(*trunk, nn.Flatten(), nn.Linear(linear.in_features, len(CLASSES)))


def basic(width: float = 1.0) -> nn.Sequential:
    """Return the paper's basic CNN: two convolutions and one maximum pooling; its sizes are not stated.

    Here 16 and 32 channels of 5 x 5, then 4 x 4 maximum pooling of every second pixel, and one linear layer.
    """
    first, second = round(16 * width), round(32 * width)
    layers = [nn.Conv2d(3, first, 5, stride=2, padding=2), nn.ReLU()]
    layers += [nn.Conv2d(first, second, 5, stride=2, padding=2), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(second * 8 * 8, len(CLASSES)))


RECIPES: dict[Name, Recipe] = {
    "vgg13": Recipe(vgg13, "last", 4, 0.001),
    "resnet34": Recipe(resnet34, "all", 4, 0.001),
    "basic": Recipe(basic, "all", 6, 0.01),
}


def cut(network: nn.Sequential, part: Part) -> int:
    """Return the place of the first layer that is trained.

    Raises:
        ValueError: The network has no such part.
    """
    linear = [i for i, layer in enumerate(network) if isinstance(layer, nn.Linear)]
    pools = [i for i, layer in enumerate(network) if isinstance(layer, nn.MaxPool2d)]
    match part:
        case "all":
            return 0
        case "last":
            return linear[-1]
        case "head":
            # What pools and flattens has no weights and blows features up: it goes with the trained part.
            return pools[-1] + 1 if len(linear) > 1 else linear[0]
        case "block" if len(pools) > 1:
            return pools[-2] + 1
        case "block":
            msg = "this network has no blocks: train `last`, `head` or `all`"
            raise ValueError(msg)


def trainable(network: nn.Sequential, part: Part) -> int:
    """Return how many weights are trained."""
    return sum(weight.numel() for weight in network[cut(network, part) :].parameters())
