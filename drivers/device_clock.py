"""A device's clock, told in the host's time. Knows no device."""

from collections import deque

_EXPOSURES = 256
"""So many recent exposures decide; the clocks' drift in that time, at 50 ppm, is far below a millisecond."""


class DeviceClock:
    """The device's clock plus an offset: the least delay, from exposure to host, of the recent exposures.

    What remains unknown is that least delay itself: read-out and transfer, the same for every exposure.
    """

    def __init__(self) -> None:
        self._offsets_ns: deque[int] = deque(maxlen=_EXPOSURES)

    def host_ns(self, device_ns: int, arrived_ns: int) -> int:
        """Return when the host's monotonic clock showed the device's time; never after the arrival."""
        self._offsets_ns.append(arrived_ns - device_ns)
        return device_ns + min(self._offsets_ns)
