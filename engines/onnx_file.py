"""Looks into an ONNX file before any runtime does, without the onnx package.

A runtime would follow a weight to a file anywhere on the disk, and would let a ReLU turn a NaN weight into a
plausible zero. Both are found here, by walking the protobuf fields that can hold a tensor (onnx.proto3 of
ONNX 1.17). Knows neither bundles nor runtimes.
"""

from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import ModelRefused

# Message -> field number -> message inside it. Only the fields on a way to a tensor are followed.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_DEEPEST = 64
"""Graphs inside graphs are followed so far."""


class _Of(IntEnum):
    """Field numbers of TensorProto."""

    TYPE = 2
    FLOATS = 4
    INTEGERS = 5
    NAME = 8
    RAW = 9
    DOUBLES = 10
    EXTERNAL = 13
    LOCATION = 14


class _Type(IntEnum):
    """TensorProto.DataType, the floating-point ones of it."""

    FLOAT = 1
    FLOAT16 = 10
    DOUBLE = 11
    BFLOAT16 = 16


_Value = int | memoryview
"""A number (protobuf wire type 0), or the bytes of anything else."""


def check_weights(model: bytes, path: Path) -> None:
    """Refuse a model whose weights are not finite, or are not all in the file itself; `path` names it.

    Raises:
        ModelRefused: The bytes are no ONNX, a weight is NaN or infinite, or lies in another file.
    """
    tensors = 0
    try:
        for tensor in _tensors(memoryview(model), "model", 0):
            _check_tensor(list(_fields(tensor)), path)
            tensors += 1
    except (IndexError, ValueError) as error:
        msg = f"{path} cannot be read as ONNX: copy the bundle again, or export the model again"
        raise ModelRefused(msg) from error
    if tensors == 0:
        msg = f"{path} holds no weights: export the model again"
        raise ModelRefused(msg)


def _check_tensor(fields: list[tuple[int, _Value]], path: Path) -> None:
    names = [bytes(value) for number, value in fields if number == _Of.NAME and isinstance(value, memoryview)]
    name = b"".join(names[-1:]).decode("utf-8", "replace")
    if any(number == _Of.EXTERNAL or (number == _Of.LOCATION and value == 1) for number, value in fields):
        msg = f"{path} keeps the weight {name!r} in another file: export it with all weights inside"
        raise ModelRefused(msg)
    kind = next((value for number, value in fields if number == _Of.TYPE and isinstance(value, int)), 0)
    if not all(np.isfinite(_floats(number, value, kind)).all() for number, value in fields):
        msg = f"{path} holds NaN or infinity in the weight {name!r}: train the model again"
        raise ModelRefused(msg)


def _floats(number: int, value: _Value, kind: int) -> NDArray[np.floating]:
    """Return the floating-point numbers in one field of a tensor of type `kind`; none if it holds others."""
    half = kind in {_Type.FLOAT16, _Type.BFLOAT16}
    if number == _Of.INTEGERS and half:
        return _halves(np.asarray(list(_numbers(value)), np.uint16), kind)
    if isinstance(value, int):
        return np.empty(0)
    if number == _Of.FLOATS or (number == _Of.RAW and kind == _Type.FLOAT):
        return np.frombuffer(value, "<f4")
    if number == _Of.DOUBLES or (number == _Of.RAW and kind == _Type.DOUBLE):
        return np.frombuffer(value, "<f8")
    if number == _Of.RAW and half:
        return _halves(np.frombuffer(value, "<u2"), kind)
    return np.empty(0)


def _halves(bits: NDArray[np.uint16], kind: int) -> NDArray[np.floating]:
    if kind == _Type.FLOAT16:
        return bits.view(np.float16)
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def _tensors(message: memoryview, name: str, depth: int) -> Iterator[memoryview]:
    """Yield every TensorProto inside a message, wherever it lies."""
    if depth > _DEEPEST:
        msg = "nested too deep"
        raise ValueError(msg)
    inside = _INSIDE[name]
    for number, value in _fields(message):
        if number not in inside:
            continue
        if isinstance(value, int):
            msg = "a number where a message belongs"
            raise ValueError(msg)
        if inside[number] == "tensor":
            yield value
        else:
            yield from _tensors(value, inside[number], depth + 1)


def _fields(message: memoryview) -> Iterator[tuple[int, _Value]]:
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


def _numbers(value: _Value) -> Iterator[int]:
    """Yield the numbers of a repeated field, packed or not, each cut to 16 bits."""
    if isinstance(value, int):
        yield value & 0xFFFF
        return
    at = 0
    while at < len(value):
        number, at = _varint(value, at)
        yield number & 0xFFFF


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return a variable-length number and where the next thing begins."""
    number = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    msg = "a number of more than 64 bits"
    raise ValueError(msg)
