"""The graph in an ONNX file as values: its operators, their weights, its ends. Without the onnx package.

For what zpscope does to a network itself: run it in torch, write it again in half precision. Reads what
`onnx_writer` writes, and refuses the rest aloud; `onnx_file` has seen before that the weights are sound.
Knows no runtime.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import ModelRefused
from zpscope.engines.onnx_writer import ElementType
from zpscope.engines.protobuf import Value, fields, numbers

_ELEMENTS = {
    ElementType.FLOAT: "<f4",
    ElementType.FLOAT16: "<f2",
    ElementType.INT64: "<i8",
    ElementType.INT8: "i1",
    ElementType.UINT8: "u1",
}


@dataclass(frozen=True)
class Node:
    """One operator: its kind, the names of the values it takes and of the one it gives."""

    kind: str
    takes: tuple[str, ...]
    gives: str
    attributes: Mapping[str, int | tuple[int, ...]]


@dataclass(frozen=True)
class Graph:
    """A network: operators in the order in which they run."""

    nodes: tuple[Node, ...]
    weights: Mapping[str, NDArray[np.generic]]
    takes: str
    """Name of its one input."""
    gives: str
    """Name of its one output."""


def read_graph(model: bytes, path: Path) -> Graph:
    """Return the graph of an ONNX file; `path` names it.

    Raises:
        ModelRefused: It holds what no network of zpscope does.
    """
    try:
        graph = _only(memoryview(model), 7)
        weights = dict(_weight(value) for value in _messages(graph, 5))
        (takes,), (gives,) = ([_text(value, 1) for value in _messages(graph, field)] for field in (11, 12))
        return Graph(tuple(_node(value) for value in _messages(graph, 1)), weights, takes, gives)
    except (IndexError, KeyError, ValueError) as error:
        msg = f"{path} holds what zpscope does not write ({error}): export it with zpscope.training"
        raise ModelRefused(msg) from error


def _messages(message: memoryview, field: int) -> list[memoryview]:
    return [value for number, value in fields(message) if number == field and not isinstance(value, int)]


def _only(message: memoryview, field: int) -> memoryview:
    (value,) = _messages(message, field)
    return value


def _text(message: memoryview, field: int) -> str:
    return bytes(_only(message, field)).decode()


def _numbers(message: memoryview, field: int) -> tuple[int, ...]:
    return tuple(each for number, value in fields(message) if number == field for each in numbers(value))


def _node(message: memoryview) -> Node:
    takes = tuple(bytes(value).decode() for value in _messages(message, 1))
    attributes = dict(_attribute(value) for value in _messages(message, 5))
    return Node(_text(message, 4), takes, _text(message, 2), attributes)


def _attribute(message: memoryview) -> tuple[str, int | tuple[int, ...]]:
    """Return an AttributeProto's name and its integer or integers; there are no others here."""
    parts: list[tuple[int, Value]] = list(fields(message))
    if unknown := {number for number, _ in parts} - {1, 3, 8, 20}:
        msg = f"attribute fields {sorted(unknown)}"
        raise ValueError(msg)
    single = _numbers(message, 3)
    return _text(message, 1), single[0] if single else _numbers(message, 8)


def _weight(message: memoryview) -> tuple[str, NDArray[np.generic]]:
    (element,) = _numbers(message, 2)
    shape = _numbers(message, 1)
    values = np.frombuffer(_only(message, 9), _ELEMENTS[ElementType(element)])
    return _text(message, 8), values.reshape(shape)
