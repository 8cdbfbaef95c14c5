"""The seam to a classifier: what an engine is.

An engine knows crops and probabilities; it knows no frame, no field and no sample.
"""

from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray


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
