"""Every way an ONNX file can hold a weight is looked into, without any runtime."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zpscope.config.errors import ModelRefused
from zpscope.engines.onnx_file import check_weights
from zpscope.engines.onnx_writer import ElementType, graph, model, tensor, value
from zpscope.engines.protobuf import chunk, number

PATH = Path("bundle/model.onnx")
FLOAT, INT8, FLOAT16, DOUBLE, BFLOAT16 = 1, 3, 10, 11, 16
NAN, ONE = {FLOAT16: 0x7E00, BFLOAT16: 0x7FC0}, {FLOAT16: 0x3C00, BFLOAT16: 0x3F80}
ENDS = {side: value(side, ElementType.FLOAT, []) for side in ("input", "output")}


def f32(*values: float) -> bytes:
    return np.asarray(values, "<f4").tobytes()


def f64(*values: float) -> bytes:
    return np.asarray(values, "<f8").tobytes()


def typed(kind: int, *parts: bytes) -> bytes:
    return number(1, 1) + number(2, kind) + b"".join(parts) + chunk(8, "w")


def in_initialiser(weight: bytes) -> bytes:
    return model(graph("g", [], [weight], ENDS))


def in_attribute(weight: bytes, field: int) -> bytes:
    node = chunk(2, "out") + chunk(4, "Constant") + chunk(5, chunk(1, "value") + chunk(field, weight))
    return model(graph("g", [node], [], ENDS))


def in_branch(weight: bytes) -> bytes:
    branch = chunk(1, "then_branch") + chunk(6, graph("inner", [], [weight], ENDS))
    return model(graph("g", [chunk(4, "If") + chunk(5, branch)], [], ENDS))


def in_sparse(weight: bytes) -> bytes:
    return model(graph("g", [], [], ENDS) + chunk(15, chunk(1, weight)))


def in_function(weight: bytes) -> bytes:
    node = chunk(4, "Constant") + chunk(5, chunk(5, weight))
    return model(graph("g", [], [], ENDS)) + chunk(25, chunk(7, node))


PLACES: dict[str, Callable[[bytes], bytes]] = {
    "initialiser": in_initialiser,
    "constant": lambda weight: in_attribute(weight, 5),
    "constants": lambda weight: in_attribute(weight, 10),
    "branch": in_branch,
    "sparse": in_sparse,
    "function": in_function,
}
BAD = {
    "raw": typed(FLOAT, chunk(9, f32(1, np.nan))),
    "infinite": typed(FLOAT, chunk(9, f32(-np.inf))),
    "packed": typed(FLOAT, chunk(4, f32(1, np.nan))),
    "unpacked": typed(FLOAT, b"\x25" + f32(1), b"\x25" + f32(np.nan)),
    "double": typed(DOUBLE, chunk(9, f64(np.nan))),
    "double_packed": typed(DOUBLE, chunk(10, f64(np.nan))),
    **{
        f"{name}_{kind}": typed(kind, part)
        for kind, bits in NAN.items()
        for name, part in {
            "raw": chunk(9, np.asarray([bits], "<u2").tobytes()),
            "unpacked": number(5, bits),
            "packed": chunk(5, number(5, bits)[1:]),
        }.items()
    },
}


@pytest.mark.parametrize("place", sorted(PLACES))
@pytest.mark.parametrize("weight", sorted(BAD))
def test_finds_a_bad_number_wherever_it_lies(weight: str, place: str) -> None:
    with pytest.raises(ModelRefused, match="NaN or infinity in the weight 'w'"):
        check_weights(PLACES[place](BAD[weight]), PATH)


@pytest.mark.parametrize("place", sorted(PLACES))
@pytest.mark.parametrize(
    "mark",
    [chunk(13, chunk(1, "location") + chunk(2, "../../etc/passwd")), number(14, 1)],
    ids=["location", "flag"],
)
def test_finds_a_weight_in_another_file(mark: bytes, place: str) -> None:
    with pytest.raises(ModelRefused, match="'w' in another file"):
        check_weights(PLACES[place](typed(FLOAT, mark)), PATH)


@pytest.mark.parametrize(
    "weight",
    [
        tensor("w", np.ones((2, 3), np.float32)),
        tensor("w", np.asarray([-1, 2**40], np.int64)),
        typed(FLOAT, chunk(4, f32(1, 2)), number(14, 0)),
        *(typed(kind, number(5, bits)) for kind, bits in ONE.items()),
        typed(INT8, chunk(9, b"\xff\xff")),
    ],
    ids=["raw", "int64", "packed", "float16", "bfloat16", "int8"],
)
def test_accepts_finite_weights(weight: bytes) -> None:
    check_weights(in_initialiser(weight), PATH)


@pytest.mark.parametrize(
    "written",
    [
        in_initialiser(tensor("w", np.ones(1, np.float32)))[:-1],
        in_initialiser(typed(FLOAT, chunk(9, b"abc"))),
        number(7, 1),
        b"\xff" * 16,
        b"\x0b",
    ],
    ids=["cut", "odd_bytes", "number_for_message", "endless_number", "group"],
)
def test_refuses_what_is_no_onnx(written: bytes) -> None:
    with pytest.raises(ModelRefused, match="cannot be read as ONNX"):
        check_weights(written, PATH)


def test_refuses_graphs_nested_without_end() -> None:
    inner = graph("g", [], [tensor("w", np.ones(1, np.float32))], ENDS)
    for _ in range(100):
        inner = chunk(1, chunk(5, chunk(6, inner)))
    with pytest.raises(ModelRefused, match="cannot be read as ONNX"):
        check_weights(model(inner), PATH)


def test_refuses_no_weights_at_all() -> None:
    with pytest.raises(ModelRefused, match="holds no weights"):
        check_weights(b"", PATH)
