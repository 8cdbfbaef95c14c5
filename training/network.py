"""The classifier of the paper, VGG13, as one chain of layers.

The topology is that of Simonyan & Zisserman 2015 (configuration B) as torchvision draws it: ten 3 x 3
convolutions in five blocks, a 7 x 7 average pooling, three linear layers; the last one has two outputs
(Leung et al. 2025). Only torch is needed. Knows no folder, no head and no ONNX. Torch comes with the extra
`train` and may be absent where types are checked; hence no subclass of its classes here.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

BLOCKS = (64, 128, 256, 512, 512)
"""Channels of the five blocks of two convolutions, at width 1."""
HIDDEN = 4096
"""Features of the two hidden linear layers, at width 1."""
POOL_PX = 7
"""Side of the average pooling's output, in cells."""
CLASSES = ("unbound", "bound")
"""The two outputs in order; P(ZP-binding) is the second."""
MEAN = (0.485, 0.456, 0.406)
"""ImageNet mean of each channel, of values in 0 to 1 (torchvision)."""
SPREAD = (0.229, 0.224, 0.225)
"""ImageNet standard deviation of each channel, of values in 0 to 1 (torchvision)."""


def vgg13(width: float = 1.0) -> nn.Sequential:
    """Return an untrained VGG13 for (N, 3, 128, 128) normalised pixels; logits (N, 2) out.

    Args:
        width: Share of the paper's channels and hidden features; 1.0 is the paper's network.

    Raises:
        ValueError: The width leaves a layer without a channel.
    """
    channels = [round(block * width) for block in BLOCKS]
    hidden = round(HIDDEN * width)
    if min(*channels, hidden) < 1:
        msg = f"a width of {width} leaves a layer without a channel; use 1/64 or more"
        raise ValueError(msg)
    layers: list[nn.Module] = []
    before = len(MEAN)
    for block in channels:
        layers += [_convolution(before, block), nn.ReLU(), _convolution(block, block), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
        before = block
    layers += [nn.AdaptiveAvgPool2d(POOL_PX), nn.Flatten()]
    layers += [_linear(before * POOL_PX**2, hidden), nn.ReLU(), nn.Dropout()]
    layers += [_linear(hidden, hidden), nn.ReLU(), nn.Dropout()]
    layers.append(_linear(hidden, len(CLASSES)))
    return nn.Sequential(*layers)


def normalise(crops: Tensor) -> Tensor:
    """Return grey crops (N, 128, 128), 0 to 255, as the network's pixels (N, 3, 128, 128).

    Floating crops keep their precision; uint8 ones become float32.
    """
    grey = crops if crops.is_floating_point() else crops.to(torch.float32)
    mean = torch.tensor(MEAN, dtype=grey.dtype).view(1, 3, 1, 1)
    spread = torch.tensor(SPREAD, dtype=grey.dtype).view(1, 3, 1, 1)
    return (grey.unsqueeze(1) / 255.0 - mean) / spread


def probability(network: nn.Module, crops: Tensor) -> Tensor:
    """Return P(ZP-binding) (N,) of grey crops (N, 128, 128), without dropout and without gradients."""
    network.eval()
    with torch.no_grad():
        return torch.softmax(network(normalise(crops)), dim=1)[:, 1]


def score(network: nn.Module, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return P(ZP-binding) (N,) of crops (N, 128, 128), a few at a time."""
    parts = [probability(network, torch.from_numpy(crops[at : at + 64])) for at in range(0, len(crops), 64)]
    return np.concatenate([np.asarray(part.numpy(), np.float32) for part in parts])


def _convolution(before: int, after: int) -> nn.Conv2d:
    layer = nn.Conv2d(before, after, kernel_size=3, padding=1)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _linear(before: int, after: int) -> nn.Linear:
    layer = nn.Linear(before, after)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return layer
