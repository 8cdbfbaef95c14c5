"""The curves of a training run as TensorBoard event files; the one place that knows tensorboardX."""

from pathlib import Path
from types import TracebackType
from typing import Self

from tensorboardX import SummaryWriter  # pyright: ignore[reportMissingTypeStubs]

from zpscope.training.sgd import Epoch


class Events:
    """The event files of one training; closing writes what is left."""

    def __init__(self, folder: Path, rate: float) -> None:
        self._writer = SummaryWriter(str(folder / "events" / f"rate-{rate:g}"))

    def write(self, epoch: Epoch) -> None:
        """Add what is known after one epoch."""
        for name in ("loss", "accuracy"):
            figures = {"train": getattr(epoch, name), "validation": getattr(epoch, f"validation_{name}")}
            self.add(name, figures, epoch.number)

    def add(self, name: str, figures: dict[str, float], epoch: int) -> None:
        """Add figures of one name after one epoch."""
        for which, figure in figures.items():
            self._writer.add_scalar(f"{name}/{which}", figure, epoch)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
