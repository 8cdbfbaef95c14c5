"""Where and how torch computes: on which device, in which precision, and the same on every run.

Knows no network of its own and no crop.
"""

from typing import Any

import torch
from torch import nn


def device() -> str:
    """Return where networks run: `cuda` where there is a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def spread(network: nn.Module) -> nn.Module:
    """Return a network on the device, on every GPU where there are several."""
    placed: nn.Module = network.to(device())
    return nn.DataParallel(placed) if torch.cuda.device_count() > 1 else placed


def precision() -> Any:  # noqa: ANN401  (a context manager of torch)
    """Return the context to compute in: mixed precision on a GPU, plain float32 on a CPU.

    bfloat16, whose range is that of float32: in float16 small gradients would become zero unless they are scaled.
    """
    return torch.autocast(device(), torch.bfloat16, enabled=device() == "cuda")


def repeatable(seed: int) -> None:
    """Make torch give the same numbers on every run of this process: one thread, drawn numbers from a seed.

    On a GPU only the draws are the same: torch refuses to train this network's average pooling there deterministically.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(device() == "cpu")
