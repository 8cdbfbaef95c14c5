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
from zpscope.engines.protobuf import Value, fields, numbers

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


def check_weights(model: bytes, path: Path) -> None:
    """Refuse a model whose weights are not finite, or are not all in the file itself; `path` names it.

    Raises:
        ModelRefused: The bytes are no ONNX, a weight is NaN or infinite, or lies in another file.
    """
    tensors = 0
    try:
        for tensor in _tensors(memoryview(model), "model", 0):
            _check_tensor(list(fields(tensor)), path)
            tensors += 1
    except (IndexError, ValueError) as error:
        msg = f"{path} cannot be read as ONNX: copy the bundle again, or export the model again"
        raise ModelRefused(msg) from error
    if tensors == 0:
        msg = f"{path} holds no weights: export the model again"
        raise ModelRefused(msg)


def _check_tensor(parts: list[tuple[int, Value]], path: Path) -> None:
    names = [bytes(value) for number, value in parts if number == _Of.NAME and isinstance(value, memoryview)]
    name = b"".join(names[-1:]).decode("utf-8", "replace")
    if any(number == _Of.EXTERNAL or (number == _Of.LOCATION and value == 1) for number, value in parts):
        msg = f"{path} keeps the weight {name!r} in another file: export it with all weights inside"
        raise ModelRefused(msg)
    kind = next((value for number, value in parts if number == _Of.TYPE and isinstance(value, int)), 0)
    if not all(np.isfinite(_floats(number, value, kind)).all() for number, value in parts):
        msg = f"{path} holds NaN or infinity in the weight {name!r}: train the model again"
        raise ModelRefused(msg)


def _floats(number: int, value: Value, kind: int) -> NDArray[np.floating]:
    """Return the floating-point numbers in one field of a tensor of type `kind`; none if it holds others."""
    half = kind in {_Type.FLOAT16, _Type.BFLOAT16}
    if number == _Of.INTEGERS and half:
        return _halves(np.asarray([bits & 0xFFFF for bits in numbers(value)], np.uint16), kind)
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
    for number, value in fields(message):
        if number not in inside:
            continue
        if isinstance(value, int):
            msg = "a number where a message belongs"
            raise ValueError(msg)
        if inside[number] == "tensor":
            yield value
        else:
            yield from _tensors(value, inside[number], depth + 1)
