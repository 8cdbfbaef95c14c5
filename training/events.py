"""The curves of a training run as TensorBoard event files; the one place that knows tensorboardX."""

from pathlib import Path
from types import TracebackType
from typing import Self

from tensorboardX import SummaryWriter

from zpscope.training.sgd import Epoch


class Events:
    """The event files of one training; closing writes what is left."""

    def __init__(self, folder: Path, rate: float) -> None:
        self._writer = SummaryWriter(str(folder / "events" / f"rate-{rate:g}"))

    def write(self, epoch: Epoch) -> None:
        """Add what is known after one epoch."""
        for name in ("loss", "accuracy"):
            self._writer.add_scalar(f"{name}/train", getattr(epoch, name), epoch.number)
            self._writer.add_scalar(f"{name}/validation", getattr(epoch, f"validation_{name}"), epoch.number)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
