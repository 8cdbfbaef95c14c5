"""Trains a network on crops, the same way every time.

One thread, seeded draws and deterministic kernels: on the same processor and the same torch a run gives the
same weights, bit for bit. Knows no file and no simulator; the caller hears of every epoch.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import cos, pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from zpscope.training.augment import Augmentation, augment
from zpscope.training.network import normalise, probability


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train."""

    epochs: int = 12
    batch: int = 32
    """Crops per step."""
    rate: float = 1e-3
    """Highest learning rate of AdamW; it rises over the first epoch and falls to zero as a cosine."""
    decay: float = 1e-2
    """Weight decay of AdamW."""
    label_smoothing: float = 0.02
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True)
class Epoch:
    """What the caller hears after each pass over the crops."""

    number: int
    """From 1."""
    loss: float
    """Mean cross-entropy over the pass, in nat."""


def fit(
    network: nn.Module,
    crops: NDArray[np.uint8],
    bound: NDArray[np.bool_],
    schedule: Schedule,
    tell: Callable[[Epoch], None],
) -> None:
    """Train a network in place on crops (N, 128, 128) and their classes (N,).

    Raises:
        ValueError: A class is empty.
        FloatingPointError: The loss is no longer finite; the rate is too high for these crops.
    """
    if bound.all() or not bound.any():
        msg = f"{int(bound.sum())} of {len(bound)} crops are bound: both classes must have some"
        raise ValueError(msg)
    random = np.random.default_rng(schedule.seed)
    _lay_channels_last(network)
    optimiser = torch.optim.AdamW(network.parameters(), schedule.rate, weight_decay=schedule.decay)
    steps_per_epoch = -(-len(crops) // schedule.batch)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: rate_share(step, steps_per_epoch, schedule.epochs * steps_per_epoch)
    )
    criterion = nn.CrossEntropyLoss(label_smoothing=schedule.label_smoothing)
    for epoch in range(1, schedule.epochs + 1):
        network.train()
        losses: list[float] = []
        for chosen in _batches(len(crops), schedule.batch, random):
            seen = torch.from_numpy(augment(crops[chosen], random, schedule.augmentation))
            pixels = normalise(seen).contiguous(memory_format=torch.channels_last)
            loss = criterion(network(pixels), torch.from_numpy(bound[chosen].astype(np.int64)))
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            rate.step()
            losses.append(float(loss.item()))
        if not np.isfinite(losses).all():
            msg = f"the loss of epoch {epoch} is not finite; train with a lower rate than {schedule.rate}"
            raise FloatingPointError(msg)
        tell(Epoch(epoch, float(np.mean(losses))))


def rate_share(step: int, rising: int, steps: int) -> float:
    """Return the share of the highest learning rate at a step: a line up over `rising` steps, a cosine down."""
    if step < rising:
        return (step + 1) / rising
    return (1 + cos(pi * (step - rising) / max(steps - rising, 1))) / 2


def score(network: nn.Module, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return P(ZP-binding) (N,) of crops (N, 128, 128)."""
    parts = [probability(network, torch.from_numpy(crops[at : at + 64])) for at in range(0, len(crops), 64)]
    return np.concatenate([np.asarray(part.numpy(), np.float32) for part in parts])


def repeatable(seed: int) -> None:
    """Make torch give the same numbers on every run of this process."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


def _lay_channels_last(network: nn.Module) -> None:
    """Lay convolution weights out so that a training step takes a third less time on a CPU."""
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


def _batches(count: int, size: int, random: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Yield the indices 0 to count, shuffled, in groups of `size`."""
    order = random.permutation(count)
    for at in range(0, count, size):
        yield order[at : at + size]
