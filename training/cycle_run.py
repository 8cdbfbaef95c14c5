"""Trains a CycleGAN on the crops of two preparations, so that a stop at any moment costs at most one epoch.

The schedule is the paper's (Leung et al. 2025): Adam at 0.0002 with beta1 0.5, 100 epochs, then 100 in which the
rate falls in a line. A checkpoint after every epoch holds all that the next one depends on; on a processor, a run
that was stopped and resumed gives the same weights as one that was not, bit for bit. Knows no slide and no class.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain
from math import isfinite
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zpscope.config.errors import CommandRefused
from zpscope.training.cyclegan import (
    Buffer,
    Cycle,
    Weights,
    discriminator_loss,
    generator_losses,
    pass_through,
    to_crops,
    to_pixels,
    translate,
)
from zpscope.training.device import device, repeatable
from zpscope.training.sgd import keep, read


@dataclass(frozen=True)
class Schedule:
    """What to train, how long and how fast; the defaults are the paper's, and Zhu et al.'s where it is silent."""

    epochs: int = 100
    """At the full rate."""
    decay_epochs: int = 100
    """In which the rate falls in a line towards zero."""
    rate: float = 2e-4
    """Learning rate of Adam."""
    beta1: float = 0.5
    weights: Weights = field(default_factory=Weights)
    buffer: int = 50
    """Earlier translations that a discriminator may be shown again, for each domain."""
    width: int = 64
    """Channels of the first convolution of each network."""
    blocks: int = 6
    """Residual blocks of a generator."""
    seed: int = 0


@dataclass(frozen=True)
class Epoch:
    """What the caller hears after each pass over the crops."""

    number: int
    """From 1."""
    losses: dict[str, float]
    """Mean over the pass: `adversarial`, `cycle`, `identity`, `discriminator`."""


class Run:
    """A training run in a folder: everything that the next epoch depends on."""

    def __init__(self, laboratory: NDArray[np.uint8], clinic: NDArray[np.uint8], schedule: Schedule) -> None:
        """Begin a run on the crops (N, 128, 128) of two domains, A the laboratory's and B the clinic's."""
        repeatable(schedule.seed)
        if device() == "cuda":  # where some of these layers have no deterministic gradient
            torch.use_deterministic_algorithms(False)
        self.schedule = schedule
        self.cycle = Cycle.fresh(schedule.width, schedule.blocks)
        self.epochs: list[Epoch] = []
        self._a, self._b = to_pixels(laboratory).to(device()), to_pixels(clinic).to(device())
        self.digest = _digest(laboratory, clinic, schedule)
        self._random = np.random.default_rng(schedule.seed)
        self._buffers = Buffer(schedule.buffer), Buffer(schedule.buffer)
        self._optimisers = [
            torch.optim.Adam(networks.to(device()).parameters(), schedule.rate, (schedule.beta1, 0.999))
            for networks in (self.cycle.generators, self.cycle.discriminators)
        ]

    @property
    def steps_per_epoch(self) -> int:
        """Every crop of the larger domain is seen once an epoch."""
        return max(len(self._a), len(self._b))

    @property
    def done(self) -> bool:
        """Whether the schedule has come to its end."""
        return len(self.epochs) == self.schedule.epochs + self.schedule.decay_epochs

    def train_epoch(self, step_done: Callable[[], None]) -> Epoch:
        """Train for one epoch; the caller hears of each step.

        Raises:
            FloatingPointError: A loss or a weight is no longer finite.
        """
        number = len(self.epochs) + 1
        share = rate_share(number, self.schedule.epochs, self.schedule.decay_epochs)
        for group in chain(*(optimiser.param_groups for optimiser in self._optimisers)):
            group["lr"] = self.schedule.rate * share
        seen: list[dict[str, float]] = []
        for a, b in self._pairs():
            seen.append(self._step(a, b))
            if not all(map(isfinite, seen[-1].values())):
                msg = f"the loss of epoch {number} is not finite"
                raise FloatingPointError(msg)
            step_done()
        weights = chain(self.cycle.generators.parameters(), self.cycle.discriminators.parameters())
        if not all(bool(torch.isfinite(weight).all()) for weight in weights):
            msg = f"the weights of epoch {number} are not finite"
            raise FloatingPointError(msg)
        means = {name: float(np.mean([one[name] for one in seen])) for name in seen[0]}
        self.epochs.append(Epoch(number, means))
        return self.epochs[-1]

    def save(self, path: Path) -> None:
        """Write all that the next epoch depends on; raise StoreError if the disk is full or may not be written."""
        state = {
            "digest": self.digest,
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "networks": [networks.state_dict() for networks in self._networks()],
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "buffers": [buffer.kept for buffer in self._buffers],
            "random": self._random.bit_generator.state,
        }
        keep(path, state)

    def load(self, path: Path) -> None:
        """Go on from where `save` left off; raise CommandRefused if that was another run or is damaged."""
        state = read(path)
        if state.get("digest") != self.digest:
            msg = f"{path} is of another run (other crops, schedule or torch): choose another folder"
            raise CommandRefused(msg)
        self.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
        for networks, weights in zip(self._networks(), state["networks"], strict=True):
            networks.load_state_dict(weights)
        for optimiser, moments in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(moments)
        for buffer, kept in zip(self._buffers, state["buffers"], strict=True):
            buffer.kept = kept
        self._random.bit_generator.state = state["random"]

    def to_clinic(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return crops (N, 128, 128) of any domain as the generator towards the clinic's domain gives them."""
        return self._translated(self.cycle.to_b, crops)

    def to_laboratory(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return crops (N, 128, 128) of any domain as the generator towards the laboratory's domain gives them."""
        return self._translated(self.cycle.to_a, crops)

    def _networks(self) -> tuple[torch.nn.Module, ...]:
        return self.cycle.generators, self.cycle.discriminators

    def _pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one crop of each domain (1, 1, H, W) at a time, mirrored or not, each drawn by itself."""
        steps = self.steps_per_epoch
        order = self._random.permutation(steps) % len(self._a)
        partners = self._random.integers(len(self._b), size=steps)
        mirrored = self._random.random((steps, 2)) < 0.5
        for i in range(steps):
            a, b = self._a[order[i]][None], self._b[partners[i]][None]
            yield (a.flip(3) if mirrored[i, 0] else a), (b.flip(3) if mirrored[i, 1] else b)

    def _step(self, a: Tensor, b: Tensor) -> dict[str, float]:
        """Improve the generators, then the discriminators; return the losses."""
        generators, discriminators = self._optimisers
        passed = pass_through(self.cycle, a, b)
        terms = generator_losses(self.cycle, a, b, passed, self.schedule.weights)
        generators.zero_grad()
        torch.autograd.backward(torch.stack(list(terms.values())).sum())
        generators.step()
        discriminators.zero_grad()
        shown_a, shown_b = (
            buffer.exchange(false, self._random)
            for buffer, false in zip(self._buffers, (passed.false_a, passed.false_b), strict=True)
        )
        doubt = discriminator_loss(self.cycle.discriminator_a, a, shown_a) + discriminator_loss(
            self.cycle.discriminator_b, b, shown_b
        )
        torch.autograd.backward(doubt)
        discriminators.step()
        return {name: float(term.detach()) for name, term in {**terms, "discriminator": doubt}.items()}

    def _translated(self, generator: torch.nn.ModuleList, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        translated = np.empty_like(crops)
        with torch.no_grad():
            for i in range(len(crops)):
                pixels = to_pixels(crops[i : i + 1]).to(device())
                translated[i] = to_crops(translate(generator, pixels))[0]
        return translated


def rate_share(epoch: int, full: int, falling: int) -> float:
    """Return the share of the learning rate in an epoch, from 1: 1, then a line that would reach 0 after the last."""
    return 1 - max(0, epoch - full) / (falling + 1)


def _digest(laboratory: NDArray[np.uint8], clinic: NDArray[np.uint8], schedule: Schedule) -> str:
    """Return the SHA-256 of what decides a run, but for its processor."""
    declared = json.dumps({"torch": str(torch.__version__), **asdict(schedule)}, sort_keys=True).encode()
    hashed = hashlib.sha256(declared)
    for crops in (laboratory, clinic):
        hashed.update(str(crops.shape).encode() + crops.tobytes())
    return hashed.hexdigest()
