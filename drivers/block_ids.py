"""How many exposures a stream lost, from the numbers that a camera gives to its blocks. Knows no SDK."""

NO_ID = (1 << 64) - 1
"""The SDK's word for a camera that numbers nothing."""
_LAST_OF_16_BITS = 65535
"""A GigE Vision camera of the first generation goes on with 1 after this."""


class LossCount:
    """What went by between one exposure that arrived whole and the next.

    Two accounts of the same loss are kept, and the larger one holds: the gap in the camera's numbers (what was
    overwritten in the camera, lost on the cable, passed over by the SDK, or arrived broken), and what the SDK
    itself says it passed over or received broken (for a camera without numbers, and before the first one).
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._told = 0

    def broken(self, passed_over: int) -> None:
        """Note an exposure that arrived broken, and how many the SDK passed over before it."""
        self._told += passed_over + 1

    def whole(self, block: int, passed_over: int) -> int:
        """Return how many were lost before this one, which arrived whole."""
        told, self._told = self._told + passed_over, 0
        if block == NO_ID:
            return told
        gap = 0 if self._last is None else _gap(self._last, block)
        self._last = block
        return max(gap, told)


def _gap(last: int, block: int) -> int:
    """Return how many numbers lie between two."""
    if block > last:
        return block - last - 1
    if last <= _LAST_OF_16_BITS and block:
        return max(0, _LAST_OF_16_BITS - last + block - 1)
    return 0
