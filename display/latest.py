"""The newest state and picture of the inference process, for every reader at once.

One thread writes what it receives, any thread or task reads a snapshot. Older messages are dropped here, so
that no reader, however slow, can make anything grow. Knows no socket, no page and no terminal.
"""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from zpscope.daemon.wire import OverviewMessage, PreviewMessage, StateMessage

STALE_S = 3.0
"""The inference process sends a state at least once a second; after this silence the figures are old."""
_PICTURES = 4
"""Pictures kept, so that a reader who has just fetched the outlines still finds the picture they belong to."""

Link = Literal["waiting", "live", "stale", "refused"]


@dataclass(frozen=True)
class Picture:
    """One field as it was scored: a JPEG and the outlines that belong to it."""

    number: int
    """Unique over all lives of the display process, so that no cache mixes two pictures up."""
    header: PreviewMessage
    jpeg: bytes
    received_s: float
    """Monotonic clock at receipt."""


@dataclass(frozen=True)
class SlidePicture:
    """The overview of a sample's slide: a WebP and what it says of itself."""

    number: int
    """Unique over all lives of the display process."""
    header: OverviewMessage
    webp: bytes


@dataclass(frozen=True)
class Snapshot:
    """All that a display may show, at one instant."""

    link: Link
    problem: str
    """Why the figures are missing or old, and what is awaited; empty while all is well."""
    state: StateMessage | None
    age_s: float | None
    """Since the state was received; None before the first one."""
    picture: Picture | None
    picture_age_s: float | None
    overview: SlidePicture | None
    serial: int
    """Grows with everything received; says whether there is something new to show."""
    received: int
    """States received in this life of the display process."""


class Latest:
    """Holds the newest state and pictures, the time they came, and what went wrong since."""

    def __init__(self, endpoint: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._lock = threading.Lock()
        self._state: StateMessage | None = None
        self._state_s = 0.0
        self._refusals: dict[bytes, str] = {}
        self._pictures: deque[Picture] = deque(maxlen=_PICTURES)
        self._overview: SlidePicture | None = None
        self._numbers = itertools.count(time.time_ns() // 1_000_000)
        self._serial = 0
        self._received = 0

    def take_state(self, state: StateMessage) -> bool:
        """Replace the state; return whether states could not be read before."""
        with self._lock:
            self._state, self._state_s = state, self._clock()
            self._serial += 1
            self._received += 1
            return self._refusals.pop(state.topic, None) is not None

    def take_picture(self, header: PreviewMessage, jpeg: bytes) -> None:
        """Replace the picture; the last few stay available by number."""
        with self._lock:
            self._pictures.append(Picture(next(self._numbers), header, jpeg, self._clock()))
            self._refusals.pop(header.topic, None)
            self._serial += 1

    def take_overview(self, header: OverviewMessage, webp: bytes) -> None:
        """Replace the overview, if this one is another."""
        with self._lock:
            self._refusals.pop(header.topic, None)
            if self._overview is None or self._overview.webp != webp or self._overview.header != header:
                self._overview = SlidePicture(next(self._numbers), header, webp)
                self._serial += 1

    def refuse(self, topic: bytes, reason: str) -> bool:
        """Remember that messages of a topic cannot be read; return whether this reason is news."""
        with self._lock:
            news = reason not in self._refusals.values()
            self._refusals[topic] = reason
            self._serial += news
            return news

    @property
    def serial(self) -> int:
        """Grows with everything received."""
        return self._serial

    def received(self) -> tuple[int, float | None]:
        """Return how many states came, and the age in s of the last one; None before the first."""
        shown = self.snapshot()
        return shown.received, shown.age_s

    def snapshot(self) -> Snapshot:
        """Return all there is to show now."""
        with self._lock:
            now = self._clock()
            age_s = None if self._state is None else now - self._state_s
            picture = self._pictures[-1] if self._pictures else None
            link, problem = self._judge(age_s)
            return Snapshot(
                link=link,
                problem=problem,
                state=self._state,
                age_s=age_s,
                picture=picture,
                picture_age_s=None if picture is None else now - picture.received_s,
                overview=self._overview,
                serial=self._serial,
                received=self._received,
            )

    def picture(self, number: int) -> Picture | None:
        """Return the picture of that number while it is kept."""
        with self._lock:
            return next((picture for picture in self._pictures if picture.number == number), None)

    def _judge(self, age_s: float | None) -> tuple[Link, str]:
        if self._refusals:
            reason = next(iter(self._refusals.values()))
            return "refused", f"{reason}; the display goes on waiting at {self._endpoint}"
        if age_s is None:
            return "waiting", f"waiting for the inference process at {self._endpoint}"
        if age_s > STALE_S:
            return "stale", (
                f"the inference process at {self._endpoint} is silent: see whether it runs; "
                "the figures below are old"
            )
        return "live", ""
