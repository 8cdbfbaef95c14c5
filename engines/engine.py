"""The seam to a classifier: what an engine is.

An engine knows crops and probabilities; it knows no frame, no field and no sample.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Literal, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import ModelRefused
from zpscope.imaging.crop import CROP_PX

Stage = Literal["building", "warming", "ready"]
"""How far an engine is: the model is read, checked and compiled; the first crops run; it serves."""
Held = TypeVar("Held")
Tell = Callable[[Stage, float], bool]
"""Called while an engine is entered, with its stage and the share of it that is done; answers False to end it."""


def unheard(stage: Stage, share: float) -> bool:
    """Tell nobody."""
    del stage, share
    return True


class Engine(Protocol):
    """A loaded classifier. Entering makes it ready, leaving lets its memory go."""

    @property
    def runtime(self) -> str:
        """What runs, and on what, in words: `onnxruntime 1.32 CPU, 1 thread`."""
        ...

    def classify(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return P(ZP-binding) (N,) of crops (N, 128, 128); the result is the caller's.

        The probability of a crop does not depend on the other crops of the call.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


@contextmanager
def entering(engine: Engine) -> Generator[None, None, None]:
    """Make an engine ready in the `with`, and run its first crop after it; leave the engine again if either fails."""
    try:
        yield
        engine.classify(np.zeros((1, CROP_PX, CROP_PX), np.uint8))
    except BaseException:
        engine.__exit__()
        raise


def entered(held: Held | None) -> Held:
    """Return what an engine holds from its `__enter__` on."""
    if held is None:
        msg = "the engine is not entered"
        raise RuntimeError(msg)
    return held


def check_crops(crops: NDArray[np.uint8]) -> None:
    """Refuse what is no batch of crops.

    Raises:
        ModelRefused: The crops have another shape or type.
    """
    if crops.dtype != np.uint8 or crops.ndim != 3 or crops.shape[1:] != (CROP_PX, CROP_PX):
        msg = (
            f"the model takes crops of uint8 (N, {CROP_PX}, {CROP_PX}), not {crops.dtype} {crops.shape}; "
            "make them with zpscope.imaging"
        )
        raise ModelRefused(msg)


def check_answer(answer: NDArray[np.float32], crops: int) -> None:
    """Refuse what is no probability (N,) for each of N crops.

    Raises:
        ModelRefused: A number is missing, no number, or outside 0 to 1.
    """
    if answer.shape != (crops,) or not ((answer >= 0.0) & (answer <= 1.0)).all():
        shown = np.array2string(answer, threshold=8).replace("\n", " ")
        msg = f"the model answers {crops} crop(s) with {shown} and no probability; install another model"
        raise ModelRefused(msg)


def in_one_shape(
    crops: NDArray[np.uint8], held: NDArray[np.uint8], run: Callable[[], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return the answers (N,) to crops (N, 128, 128), always asked for in runs of B.

    So a probability cannot depend on how many crops come together, and a GPU's work can be recorded once.

    Args:
        crops: Any number of them.
        held: (B, 128, 128), filled before each run; blank where there are no more crops.
        run: Answers (B,) to what is held; good until the next run.

    Raises:
        ModelRefused: The crops have another shape or type, or an answer is no probability.
    """
    check_crops(crops)
    answer = np.empty(len(crops), np.float32)
    for at in range(0, len(crops), len(held)):
        part = crops[at : at + len(held)]
        held[: len(part)] = part
        held[len(part) :] = 0
        answer[at : at + len(part)] = run()[: len(part)]
    check_answer(answer, len(crops))
    return answer


def one_line(error: Exception) -> str:
    """Return a runtime's own words on one line."""
    return " ".join(str(error).split())
