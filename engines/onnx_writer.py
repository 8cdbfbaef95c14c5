"""Writes ONNX byte by byte, so that the same weights give the same bytes whatever is installed.

An ONNX file is one protobuf message (onnx.proto3 of ONNX 1.17); the few fields a feed-forward network needs
are written here, in the order of their numbers. Knows no network; `zpscope.engines.onnx_graph` reads them.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from zpscope.engines.protobuf import chunk, number

OPSET = 17
"""ONNX operator set; ONNX Runtime from 1.13, OpenVINO from 2023 and TensorRT from 10 read it."""
IR_VERSION = 8


class ElementType(IntEnum):
    """TensorProto.DataType, those used here."""

    FLOAT = 1
    UINT8 = 2
    INT8 = 3
    INT64 = 7
    FLOAT16 = 10


_ELEMENTS = {
    "float32": ElementType.FLOAT,
    "float16": ElementType.FLOAT16,
    "int64": ElementType.INT64,
    "int8": ElementType.INT8,
    "uint8": ElementType.UINT8,
}
_INTEGER, _INTEGERS = 2, 7
"""AttributeProto.AttributeType."""


def node(kind: str, takes: Sequence[str], gives: str, **attributes: int | Sequence[int]) -> bytes:
    """Return a NodeProto: one operator, the names of what it takes and of the one value it gives."""
    message = b"".join(chunk(1, name) for name in takes) + chunk(2, gives) + chunk(3, gives) + chunk(4, kind)
    return message + b"".join(chunk(5, _attribute(name, value)) for name, value in sorted(attributes.items()))


def tensor(name: str, values: NDArray[np.generic]) -> bytes:
    """Return a TensorProto of float32, float16, int64, int8 or uint8 values of any shape."""
    element = _ELEMENTS[values.dtype.name]
    little = values.astype(values.dtype.newbyteorder("<"))
    dims = b"".join(number(1, side) for side in values.shape)
    return dims + number(2, element) + chunk(8, name) + chunk(9, little.tobytes())


def value(name: str, element: ElementType, shape: Sequence[int | str]) -> bytes:
    """Return a ValueInfoProto: an input or output; a side that varies is given as its name."""
    dims = b"".join(chunk(1, chunk(2, side) if isinstance(side, str) else number(1, side)) for side in shape)
    return chunk(1, name) + chunk(2, chunk(1, number(1, element) + chunk(2, dims)))


def graph(name: str, nodes: Sequence[bytes], weights: Sequence[bytes], ends: Mapping[str, bytes]) -> bytes:
    """Return a GraphProto; `ends` holds the ValueInfoProto of `input` and of `output`."""
    message = b"".join(chunk(1, each) for each in nodes) + chunk(2, name)
    message += b"".join(chunk(5, each) for each in weights)
    return message + chunk(11, ends["input"]) + chunk(12, ends["output"])


def model(whole: bytes) -> bytes:
    """Return the ModelProto of a graph: the content of the file."""
    return number(1, IR_VERSION) + chunk(2, "zpscope") + chunk(7, whole) + chunk(8, number(2, OPSET))


def _attribute(name: str, content: int | Sequence[int]) -> bytes:
    if isinstance(content, int):
        return chunk(1, name) + number(3, content) + number(20, _INTEGER)
    return chunk(1, name) + b"".join(number(8, each) for each in content) + number(20, _INTEGERS)
