"""Which pixels a network's answer hangs on: the slope of a class's output at every pixel (Simonyan et al. 2014)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from zpscope.training.network import normalise


def saliency(network: nn.Module, crops: NDArray[np.uint8], bound: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the absolute slope (N, 128, 128) of the output of class (N,) at each grey value of crops (N, 128, 128)."""
    network.eval()
    maps = np.empty(crops.shape, np.float32)
    for i, crop in enumerate(crops):
        pixels: Tensor = torch.from_numpy(crop[None].astype(np.float32)).requires_grad_()
        output = network(normalise(pixels))[0, int(bound[i])]
        (slope,) = torch.autograd.grad(output, [pixels])
        maps[i] = slope[0].abs().numpy()
    return maps
