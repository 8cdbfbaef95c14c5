"""Protobuf as bytes: the fields of a message, read and written, without a schema and without a library.

What ONNX files are made of (https://protobuf.dev/programming-guides/encoding). Knows nothing of ONNX.
"""

from collections.abc import Iterator

Value = int | memoryview
"""A number (protobuf wire type 0), or the bytes of anything else."""


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield (field number, value) of a protobuf message; raise IndexError or ValueError where it is none."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        match tag & 7:
            case 0:
                value, at = _varint(message, at)
                yield tag >> 3, value
                continue
            case 1:
                length = 8
            case 2:
                length, at = _varint(message, at)
            case 5:
                length = 4
            case _:
                msg = "unknown wire type"
                raise ValueError(msg)
        if at + length > len(message):
            msg = "a field longer than its message"
            raise ValueError(msg)
        yield tag >> 3, message[at : at + length]
        at += length


def numbers(value: Value) -> Iterator[int]:
    """Yield the numbers of a repeated field, packed or not."""
    if isinstance(value, int):
        yield value
        return
    at = 0
    while at < len(value):
        each, at = _varint(value, at)
        yield each


def number(field: int, content: int) -> bytes:
    """Return a protobuf field that holds a number, not negative."""
    return _written(field << 3) + _written(content)


def chunk(field: int, content: bytes | str) -> bytes:
    """Return a protobuf field that holds bytes, text or a message."""
    written = content.encode() if isinstance(content, str) else content
    return opening(field, len(written)) + written


def opening(field: int, length: int) -> bytes:
    """Return what stands before the content, so many bytes, of a field that holds bytes, text or a message."""
    return _written(field << 3 | 2) + _written(length)


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return a variable-length number and where the next thing begins."""
    read = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        read |= (byte & 0x7F) << shift
        if byte < 0x80:
            return read, at
    msg = "a number of more than 64 bits"
    raise ValueError(msg)


def _written(content: int) -> bytes:
    written = bytearray()
    while content > 0x7F:
        written.append(content & 0x7F | 0x80)
        content >>= 7
    written.append(content)
    return bytes(written)
