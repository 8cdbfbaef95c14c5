"""The seam to what is replayed: recorded fields of one slide, in order. Knows no pace and no camera."""

from typing import Protocol

from zpscope.drivers.camera import Grab
from zpscope.imaging.decode import PixelLayout


class Source(Protocol):
    """Recorded fields."""

    @property
    def layout(self) -> PixelLayout:
        """Layout of every field."""
        ...

    @property
    def um_per_px(self) -> float | None:
        """The scale that the files themselves state; None if they do not."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether it is known to be drawn by a program."""
        ...

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Return the name of a field, unique in the source."""
        ...

    def lost_before(self, index: int) -> int:
        """Return how many fields were lost, when it was recorded, between a field and the one before it."""
        ...

    def read(self, index: int) -> Grab:
        """Return a field; raise PictureRefused with one line that says what to do."""
        ...
