"""Reading a picture file: the one place for segment, replay and score.

A picture is used as it is or refused with a reason; it is never converted in silence.
"""

from pathlib import Path

import cv2
import cv2.typing
import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import PictureRefused

ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")
"""Files of a folder that are pictures, by their names."""
_ENDS = {
    b"\xff\xd8\xff": (b"\xff\xd9", 64),  # JPEG: end-of-image marker, which some cameras pad
    b"\x89PNG": (b"IEND\xaeB\x60\x82", 8),
}
"""What a whole file of a kind ends with, and within how many of its last bytes."""


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Return the field (H, W, 3), RGB, 8 bits; raise PictureRefused with one line that says what to do."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refused(
            path, f"cannot be read ({error.strerror})", "check the file and its permissions"
        ) from error
    if _truncated(content):
        raise _refused(path, "is truncated", "copy it again from where it was recorded")
    field = _decoded(content, cv2.IMREAD_UNCHANGED)
    if field is None:
        raise _refused(path, "is not a picture, or is damaged", "remove it from the folder or copy it again")
    if field.dtype != np.uint8:
        raise _refused(path, f"has {8 * field.itemsize} bits per channel", "save it with 8")
    grey = field.ndim == 2 or ((field[..., :1] == field[..., :3]).all() and field.min() < field.max())
    if grey:  # what is only black, or only white, was recorded without light, or with too much
        raise _refused(path, "is grey", "record it in colour: the stain is told by its colour")
    if field.shape[2] != 3:
        raise _refused(path, "has an alpha channel", "save it without transparency")
    return np.asarray(cv2.cvtColor(field, cv2.COLOR_BGR2RGB), np.uint8)


def read_grey(path: Path) -> NDArray[np.uint8]:
    """Return a picture of something without colour (H, W), 8 bits; raise PictureRefused as `read_picture` does."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refused(
            path, f"cannot be read ({error.strerror})", "check the file and its permissions"
        ) from error
    grey = _decoded(content, cv2.IMREAD_GRAYSCALE)
    if grey is None or _truncated(content):
        raise _refused(path, "is not a picture, or is damaged", "copy it again from where it was recorded")
    return np.asarray(grey, np.uint8)


def _decoded(content: bytes, flags: int) -> cv2.typing.MatLike | None:
    """Return the pixels; None if it is no picture, or one larger than OpenCV reads."""
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    except cv2.error:
        return None


def _truncated(content: bytes) -> bool:
    for start, (end, within) in _ENDS.items():
        if content.startswith(start):
            return end not in content[-within:]
    return False


def _refused(path: Path, what: str, remedy: str) -> PictureRefused:
    return PictureRefused(f"{path} {what}: {remedy}")
