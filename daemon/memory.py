"""Memory that is taken in the first seconds and kept, so that a long scan needs no more than a short one.

How much a process needs swings by tens of MiB, with how many frames wait and whether an overview is drawn. Left alone,
glibc gives memory back and takes it again at nearly every field, in each thread's own arena, and how much is left in
between differs from minute to minute: a leak could not be told from it.
"""

import ctypes
import mmap
from collections.abc import Iterable

import numpy as np

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Numbers of mallopt(3)."""
_KEPT_BYTES = 2**30
_MOST_FROM_HEAP_BYTES = 2**25
"""The most that glibc allows."""


def keep_memory() -> None:
    """Keep what is freed, for whichever thread needs some next; to be called before threads start. Only with glibc."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_ARENA_MAX, 1)
        libc.mallopt(_MMAP_THRESHOLD, _MOST_FROM_HEAP_BYTES)
        libc.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)


def reserve(sizes: Iterable[int]) -> None:
    """See that pieces of so many bytes can be had at once: after `keep_memory` they stay with the process.

    Larger ones than glibc takes from its heap are left out: they come from the system each time.
    """
    held = [np.empty(size, np.uint8) for size in sizes if size <= _MOST_FROM_HEAP_BYTES]
    for one in held:
        one[:: mmap.PAGESIZE] = 0  # what is not written to is only promised
