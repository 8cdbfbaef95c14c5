"""One device, one process: a name that only one process of this machine can hold, and that dies with it.

Not every SDK refuses a second process, and those that do say it in their own words.
"""

import socket
from collections.abc import Generator
from contextlib import contextmanager

from zpscope.config.errors import CameraLost


@contextmanager
def claim(device: str) -> Generator[None]:
    """Hold a device's name; raise CameraLost while another process holds it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as held:
        try:
            held.bind(f"\0zpscope {device}")  # a leading zero: no file, and gone with the process (unix(7))
        except OSError:
            msg = f"{device} is held by another zpscope process: stop that one, or set another camera"
            raise CameraLost(msg) from None
        yield
