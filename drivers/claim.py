"""One device, one process: a name that only one process of this machine can hold, and that dies with it.

Not every SDK refuses a second process, and those that do say it in their own words.
"""

import errno
import re
import socket
from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256

from zpscope.config.errors import CameraLost


def without_user(source: str) -> str:
    """Return what a message may say of a camera's source: a URL without its user, password and query.

    To the last `@`, for a password may have been written with a slash in it.
    """
    return re.sub(r"(?<=://)(.*@)?([^?]*)(\?.*)?", _masked, source, flags=re.DOTALL)


def _masked(url: re.Match[str]) -> str:
    user, place, query = url.groups()
    return f"{'***@' if user else ''}{place}{'?***' if query else ''}"


@contextmanager
def claim(device: str) -> Generator[None]:
    """Hold a device's name; raise CameraLost while another process holds it."""
    # A leading zero: no file, and gone with the process (unix(7)). Everybody may read the names that are held, and
    # they are of 107 bytes at most: hence the hash.
    name = f"\0zpscope {sha256(device.encode()).hexdigest()}"
    told = without_user(device)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as held:
        try:
            held.bind(name)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                msg = f"{told} is held by another zpscope process: stop that one, or set another camera"
            else:
                msg = f"{told} cannot be claimed ({error.strerror}): mend that, and start again"
            raise CameraLost(msg) from None
        yield
