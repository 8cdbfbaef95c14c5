"""A picture is used as it is or refused with a reason."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.drawn_field import DrawnHead, draw_field
from zpscope.config.errors import PictureRefused
from zpscope.imaging.picture import read_grey, read_picture


@pytest.fixture
def field() -> NDArray[np.uint8]:
    return draw_field([DrawnHead(60, 60)], shape=(120, 120))


def _write(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Path:
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif"])
def test_a_colour_picture_comes_back_as_it_was(tmp_path: Path, field: NDArray[np.uint8], ending: str) -> None:
    path = _write(tmp_path / f"field{ending}", np.ascontiguousarray(field[..., ::-1]))
    np.testing.assert_array_equal(read_picture(path), field)


@pytest.mark.parametrize("ending", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
def test_half_a_picture_is_refused(
    tmp_path: Path, field: NDArray[np.uint8], ending: str, share: float
) -> None:
    path = _write(tmp_path / f"field{ending}", field)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(PictureRefused, match="truncated"):
        read_picture(path)


def test_what_is_no_colour_picture_of_8_bits_is_refused(tmp_path: Path, field: NDArray[np.uint8]) -> None:
    alpha = np.dstack([field, np.full(field.shape[:2], 255, np.uint8)])
    written = {
        "16 bits": _write(tmp_path / "deep.png", field.astype(np.uint16) * 256),
        "grey": _write(tmp_path / "grey.png", field[..., 1]),
        "is grey": _write(tmp_path / "three.png", np.repeat(field[..., 1:2], 3, 2)),
        "alpha": _write(tmp_path / "alpha.png", alpha),
        "not a picture": tmp_path / "notes.jpg",
        "damaged": tmp_path / "empty.png",
        "cannot be read": tmp_path / "absent.png",
    }
    written["not a picture"].write_text("slide 3, second counting chamber\n")
    written["damaged"].write_bytes(b"")
    for reason, path in written.items():
        with pytest.raises(PictureRefused, match=reason) as refusal:
            read_picture(path)
        assert str(path) in str(refusal.value)
        assert "\n" not in str(refusal.value)


def test_a_picture_larger_than_can_be_read_is_refused(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    size = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0"))
    path = tmp_path / "huge.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + size + pixels + chunk(b"IEND", b""))
    for read in (read_picture, read_grey):
        with pytest.raises(PictureRefused, match="is not a picture, or is damaged"):
            read(path)
