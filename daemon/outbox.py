"""The frames that the camera process has captured and not yet seen committed. Pure state, no socket, no clock.

It survives the death of the inference process: a new one gets every frame again that the last one did not commit.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zpscope.daemon.wire import FrameMessage


@dataclass(frozen=True)
class RetainedFrame:
    """A frame and its pixels, which nobody changes any more."""

    header: FrameMessage
    pixels: NDArray[np.uint8]
    """(H, W) or (H, W, 3), C-contiguous."""


class Outbox:
    """A bounded queue, oldest first; the first `sent` of them are on their way."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._frames: deque[RetainedFrame] = deque()
        self._sent = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def full(self) -> bool:
        """No room for another frame."""
        return len(self._frames) >= self._capacity

    def add(self, frame: RetainedFrame) -> None:
        """Retain a frame."""
        self._frames.append(frame)

    def acknowledge(self, number: int) -> None:
        """Let go of every frame up to this number: they are committed."""
        while self._frames and self._frames[0].header.number <= number:
            self._frames.popleft()
            self._sent = max(0, self._sent - 1)

    def rewind(self) -> None:
        """Count every retained frame as unsent: there is a new receiver."""
        self._sent = 0

    def clear(self) -> None:
        """Forget everything: the sample they belong to is over."""
        self._frames.clear()
        self._sent = 0

    def next(self, credit: int) -> RetainedFrame | None:
        """Return the next frame to send, or None if all are sent or the credit is used up."""
        if self._sent >= min(credit, len(self._frames)):
            return None
        return self._frames[self._sent]

    def sent(self) -> None:
        """Note that the frame that `next` returned is on its way."""
        self._sent += 1
