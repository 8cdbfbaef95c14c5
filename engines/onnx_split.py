"""Cuts an ONNX file in two: what is computed from pictures, and the linear layers behind its `Flatten`.

The second part is small in arithmetic and large in weights, so a runtime reads them once for several crops. Weights
are copied as they lie, once. Knows no runtime and no shape.
"""

from collections.abc import Sequence

from zpscope.engines.onnx_writer import ElementType, value
from zpscope.engines.protobuf import chunk, fields, number, opening

ROWS = 4
"""Crops that share a run of the linear layers: more would gain little, and a single crop pays for all of them."""
_NODE, _NAME, _WEIGHT, _INPUT, _OUTPUT = 1, 2, 5, 11, 12
"""Field numbers of GraphProto, those that zpscope writes."""
_GRAPH = 7
"""Field number of ModelProto."""


def split(model: bytes) -> tuple[bytes, bytes] | None:
    """Return the ONNX of the part up to the last `Flatten`, with its output as result, and of the part that takes it.

    None if the graph has no such place, if more than one value passes it, or if it holds what zpscope does not write.
    """
    whole = list(fields(memoryview(model)))
    (graph,) = (content for field, content in whole if field == _GRAPH and not isinstance(content, int))
    parts: dict[int, list[memoryview]] = {}
    for field, content in fields(graph):
        if field not in (_NODE, _NAME, _WEIGHT, _INPUT, _OUTPUT) or isinstance(content, int):
            return None
        parts.setdefault(field, []).append(content)
    nodes = parts[_NODE]
    ends = [at for at, node in enumerate(nodes, 1) if _texts(node, 4) == ["Flatten"]]
    if not ends:
        return None
    before, after = nodes[: ends[-1]], nodes[ends[-1] :]
    (cells,) = _texts(before[-1], 2)
    weights = {_texts(weight, 8)[0]: weight for weight in parts.get(_WEIGHT, [])}
    given = {name for node in after for name in _texts(node, 2)}
    if {name for node in after for name in _texts(node, 1)} - given - weights.keys() != {cells}:
        return None
    between = memoryview(value(cells, ElementType.FLOAT, ["N", "cells"]))
    rest = b"".join(
        number(field, content) if isinstance(content, int) else chunk(field, bytes(content))
        for field, content in whole
        if field != _GRAPH
    )
    return (
        _part(before, weights, [(_INPUT, parts[_INPUT][0]), (_OUTPUT, between)], rest),
        _part(after, weights, [(_INPUT, between), (_OUTPUT, parts[_OUTPUT][0])], rest),
    )


def _part(
    nodes: Sequence[memoryview],
    weights: dict[str, memoryview],
    ends: list[tuple[int, memoryview]],
    rest: bytes,
) -> bytes:
    """Return the ONNX of some nodes, the weights that they take, and these ends."""
    taken = {name for node in nodes for name in _texts(node, 1)}
    inside = [(_NODE, node) for node in nodes] + [(_NAME, memoryview(b"part"))]
    inside += [(_WEIGHT, weight) for name, weight in weights.items() if name in taken] + ends
    pieces = [piece for field, content in inside for piece in (opening(field, len(content)), content)]
    return b"".join([rest, opening(_GRAPH, sum(map(len, pieces))), *pieces])


def _texts(message: memoryview, field: int) -> list[str]:
    return [
        bytes(content).decode()
        for at, content in fields(message)
        if at == field and not isinstance(content, int)
    ]
