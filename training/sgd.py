"""Trains the last part of a network as the paper does, so that a stop at any moment costs at most one epoch.

Stochastic gradient descent with momentum on cross-entropy; the rate falls in steps; the weights that do best on the
validation set are kept (Leung et al. 2025; momentum, steps and the kept weights from the tutorial it follows). What an
epoch draws depends on the seed and its number only, and a checkpoint holds the rest: on a CPU a run that was killed
and resumed ends with the same weights, bit for bit. Knows no crop folder and no split.
"""

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from zpscope.config.errors import CommandRefused, StoreError
from zpscope.training.device import device, precision, spread


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train; the paper's values, and the tutorial's where it is silent."""

    epochs: int = 50
    batch: int = 4
    rate: float = 0.001
    momentum: float = 0.9
    step_epochs: int = 7
    """After so many epochs the rate is multiplied by `step_factor`."""
    step_factor: float = 0.1
    clip: float = 0.0
    """A longer gradient is cut to this length, so that a network that is trained whole begins fast; 0: not cut."""
    seed: int = 0

    def rate_of(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 1."""
        return self.rate * self.step_factor ** ((epoch - 1) // self.step_epochs)


@dataclass(frozen=True)
class Epoch:
    """What is known after one pass over the crops."""

    number: int
    """From 1."""
    loss: float
    """Mean cross-entropy over the pass, in nat."""
    validation_loss: float
    accuracy: float
    """Over the pass, dropout included."""
    validation_accuracy: float

    @property
    def merit(self) -> tuple[float, float]:
        """What is kept: the highest accuracy on the validation set; of equal ones, the lowest loss."""
        return self.validation_accuracy, -self.validation_loss


@dataclass(frozen=True)
class Examples:
    """What a part of a network takes, with the class of each."""

    values: NDArray[np.float32 | np.uint8]
    """(N, views, ...)."""
    bound: NDArray[np.bool_]
    """(N,)."""


class Fit:
    """One training of one part, at one learning rate."""

    def __init__(
        self, part: nn.Module, enter: Callable[[Tensor], Tensor], schedule: Schedule, digest: str
    ) -> None:
        """Begin.

        Args:
            part: The layers that are trained, in place.
            enter: Makes what the part takes of `Examples.values`.
            schedule: How long and how fast.
            digest: Of everything else the result depends on; a checkpoint of another is refused.
        """
        self.schedule = schedule
        self.epochs: list[Epoch] = []
        self.best: dict[str, Any] = {}
        self._part, self._placed, self._enter = part, spread(part), enter
        self._digest = f"{digest} {schedule}"
        self._optimiser = torch.optim.SGD(part.parameters(), schedule.rate, schedule.momentum)

    @property
    def done(self) -> bool:
        """Whether the schedule has come to its end."""
        return len(self.epochs) == self.schedule.epochs

    @property
    def kept(self) -> Epoch:
        """The epoch whose weights are kept: the best one on the validation set."""
        return max(self.epochs, key=lambda epoch: epoch.merit)

    def train_epoch(self, train: Examples, validation: Examples) -> Epoch:
        """Train for one epoch.

        Raises:
            FloatingPointError: A loss or a weight is no longer finite; the last checkpoint is as it was.
        """
        number = len(self.epochs) + 1
        random = np.random.default_rng([self.schedule.seed, number])
        torch.manual_seed(int(random.integers(2**31)))
        for group in self._optimiser.param_groups:
            group["lr"] = self.schedule.rate_of(number)
        order = random.permutation(len(train.bound))
        view = random.integers(train.values.shape[1], size=len(order))
        self._placed.train()
        criterion = nn.CrossEntropyLoss()
        loss, right = 0.0, 0
        for at in range(0, len(order), self.schedule.batch):
            chosen = order[at : at + self.schedule.batch]
            target = torch.from_numpy(train.bound[chosen].astype(np.int64)).to(device())
            with precision():
                logits = self._placed(
                    self._enter(torch.from_numpy(train.values[chosen, view[chosen]]).to(device()))
                )
                cost = criterion(logits, target)
            self._optimiser.zero_grad()
            cost.backward()
            if self.schedule.clip:
                nn.utils.clip_grad_norm_(self._part.parameters(), self.schedule.clip)
            self._optimiser.step()
            loss += float(cost.item()) * len(chosen)
            right += int((logits.argmax(1) == target).sum().item())
        logits = self.logits(validation.values[:, 0])
        epoch = Epoch(
            number,
            loss / len(order),
            _loss(logits, validation.bound),
            right / len(order),
            float(((logits[:, 1] > logits[:, 0]) == validation.bound).mean()),
        )
        finite = all(bool(torch.isfinite(weight).all()) for weight in self._part.parameters())
        if not (finite and np.isfinite(epoch.loss) and np.isfinite(epoch.validation_loss)):
            msg = (
                f"the loss of epoch {number} is not finite; train with a lower rate than {self.schedule.rate}"
            )
            raise FloatingPointError(msg)
        if not self.epochs or epoch.merit > self.kept.merit:
            self.best = copy.deepcopy(self._part.state_dict())
        self.epochs.append(epoch)
        return epoch

    def logits(self, values: NDArray[np.float32 | np.uint8]) -> NDArray[np.float32]:
        """Return the two outputs (N, 2) of values (N, ...), without dropout."""
        self._part.eval()
        with torch.no_grad():
            parts = [
                self._part(self._enter(torch.from_numpy(values[at : at + 64]).to(device())))
                .float()
                .cpu()
                .numpy()
                for at in range(0, len(values), 64)
            ]
        return np.concatenate(parts)

    def save(self, path: Path) -> None:
        """Write all that the next epoch depends on; raise StoreError if the disk is full or may not be written."""
        state = {
            "digest": self._digest,
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "weights": self._part.state_dict(),
            "best": self.best,
            "optimiser": self._optimiser.state_dict(),
        }
        keep(path, state)

    def load(self, path: Path) -> None:
        """Go on from where `save` left off; raise CommandRefused if that was another run or is damaged."""
        state = read(path)
        if state["digest"] != self._digest:
            msg = f"{path} is of another run (other crops, weights or schedule): choose another run folder"
            raise CommandRefused(msg)
        self._part.load_state_dict(state["weights"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.best, self.epochs = state["best"], [Epoch(**epoch) for epoch in state["epochs"]]


def keep(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and numbers whole or not at all; raise StoreError if the disk is full or may not be written."""
    fresh = path.with_suffix(".new")
    try:
        with fresh.open("wb") as file:
            torch.save(state, file)
        fresh.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        fresh.unlink(missing_ok=True)
        msg = f"{path} cannot be written ({error}): make room or choose another folder, and run it again"
        raise StoreError(msg.replace("\n", " ")) from error


def read(path: Path) -> dict[str, Any]:
    """Return what `keep` wrote; nothing but tensors and numbers is read. Raise CommandRefused if it is damaged."""
    try:
        state: dict[str, Any] = torch.load(path, map_location=device(), weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, UnpicklingError) as error:
        msg = f"{path} cannot be read: remove it, and run it again"
        raise CommandRefused(msg) from error
    return state


def _loss(logits: NDArray[np.float32], bound: NDArray[np.bool_]) -> float:
    return float(
        nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(bound.astype(np.int64)))
    )
