"""The bytes on the wire, per version. Run as a script, it prints the golden file of the present version."""

import re
from contextlib import suppress
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpscope.config.errors import WireVersionError
from zpscope.counting.verdict import Verdict
from zpscope.daemon import wire

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"

MODEL = wire.Model(
    name="demonstration", version="1", sha256="ab" * 32, demonstration=True, runtime="onnxruntime"
)
CAMERA = wire.CameraMessage(
    camera="synthetic",
    session="00c0ffee00c0ffee",
    driver="synthetic",
    delivery="every",
    store="5702e5702e5702e5",
    sample="20261122-1",
    capturing=True,
    captured=42,
    lost={"driver": 2},
    retained=3,
    exhausted=False,
    connected=True,
    repeats=False,
    ended=[
        wire.Life(
            life=7,
            session="0ddba11c0ddba11c",
            sample="20261122-1",
            first=0,
            captured=17,
            lost={"driver": 1},
            format="1280 x 1024 bayer_rg8",
        )
    ],
    problem="",
)
SAMPLE = wire.SampleSummary(
    sample="20261122-1",
    accession="A-17",
    state="scanning",
    kind="sample",
    life="scanning",
    preparation="density_gradient",
    stain="diff_quik",
    objective="100x",
    um_per_px=0.069,
    operator="OP",
    slides=[
        wire.SlideSummary(
            slide="20261122-1",
            number=1,
            state="scanning",
            scored=35,
            k=36,
            n=300,
            percent=12.0,
            model_sha256="ab" * 32,
        )
    ],
    verdict=Verdict(
        state="invalid",
        final=False,
        reasons=("the model is a demonstration model",),
        more_heads=0,
        anytime_percent=(6.5, 19.25),
        wilson_percent=(8.79, 16.17),
        design_effect=1.0,
        correlation=0.0,
        agreement=None,
    ),
    rules={"threshold_permille": 49.0},
    rules_version="0123456789ab",
    research=wire.Research(percent=11.5, interval=(8.0, 15.5)),
    reviewed=wire.ReviewedResult(
        k=35,
        n=299,
        percent=11.7,
        interval=(8.5, 15.9),
        position=None,
        reclassified=0,
        excluded=1,
        reviewers=["RV"],
    ),
    signatures=[
        wire.Signature(slide=0, version=1, at_ns=1_795_000_000_000_000_000, signer="RV", meaning="approved")
    ],
    started_ns=1_795_000_000_000_000_000,
    stopped_ns=None,
    uncalibrated="",
    simulated=True,
    reconnects=1,
    gaps=[(1_795_000_000_000_000_000, 1_795_000_004_000_000_000)],
    captured=42,
    scored=35,
    skipped={"defocus": 2},
    lost={"driver": 2},
    in_flight=3,
    found=410,
    rejected={"duplicate": 80, "overlap": 30},
    k=36,
    n=300,
    percent=12.0,
    interval=(8.79, 16.17),
    position=None,
    threshold_percent=4.9,
    unidentified=4,
    unidentified_bounds=(11.0, 12.5),
    rejected_bounds=(10.9, 20.0),
    model=MODEL,
)
EXAMPLES: tuple[wire.Message, ...] = (
    wire.FrameMessage(
        camera="synthetic",
        session="00c0ffee00c0ffee",
        number=41,
        sample="20261122-1",
        captured=42,
        lost={"driver": 2},
        height_px=1024,
        width_px=1280,
        layout="rgb8",
        um_per_px=0.069,
        captured_ns=1_795_000_000_123_456_789,
        device_ns=8_200_000_000,
        stage_um=(70.656, 0.0),
        source="",
        serial="24001",
        simulated=False,
    ),
    CAMERA,
    wire.DemandMessage(
        store="5702e5702e5702e5",
        delivery="every",
        sample="20261122-1",
        session="00c0ffee00c0ffee",
        committed=38,
        earlier=0,
        credit=8,
    ),
    wire.StateMessage(
        sample=SAMPLE,
        camera=CAMERA,
        camera_connected=True,
        fields_per_s=3.5,
        heads_per_s=30.0,
        lag_s=0.4,
        recording="",
        sent_ns=1_795_000_001_000_000_000,
        model=MODEL,
    ),
    wire.PreviewMessage(
        sample="20261122-1",
        number=38,
        source="",
        skipped="",
        width_px=960,
        height_px=768,
        heads=[
            wire.PreviewHead(
                outline=[(10, 10), (20, 10), (15, 20)], tip=(15, 20), reason="", p=0.75, bound=True
            ),
            wire.PreviewHead(
                outline=[(0, 0), (9, 0), (9, 9)], tip=(0, 0), reason="border", p=None, bound=False
            ),
        ],
    ),
    wire.OverviewMessage(
        sample="20261122-1",
        painted=30,
        fields=38,
        apart=2,
        um_per_px=2.0,
        width_px=812,
        height_px=300,
        area_mm2=0.25,
        seen_twice=0.3,
    ),
    wire.ControlRequest(action="start", accession="A-17", words={"operator": "OP"}),
    wire.ControlReply(samples=[SAMPLE]),
)
KINDS: tuple[type[wire.Message], ...] = tuple(type(example) for example in EXAMPLES)
STRUCTS: tuple[type[msgspec.Struct], ...] = (
    *KINDS,
    wire.Model,
    wire.Life,
    wire.SampleSummary,
    wire.SlideSummary,
    wire.Research,
    wire.ReviewedResult,
    wire.Signature,
    wire.PreviewHead,
)


def golden_text() -> str:
    """Return the golden file: one message a line, as topic and header in hex."""
    return "".join(f"{topic.decode()} {header.hex()}\n" for topic, header in map(wire.encode, EXAMPLES))


def golden_lines(version: int) -> list[tuple[bytes, bytes]]:
    lines = (GOLDEN / f"wire-{version}.txt").read_text("ascii").splitlines()
    return [(topic.encode(), bytes.fromhex(header)) for topic, header in (line.split() for line in lines)]


def test_a_result_that_an_earlier_zpscope_kept_is_still_read() -> None:
    """Stores keep results as JSON: what is added to a summary needs a default, and nothing may be taken away."""
    kept = wire.summary_from_json((GOLDEN / "result-4.json").read_text("utf-8"))
    assert (kept.k, kept.n, kept.verdict, kept.slides[0].k) == (36, 300, SAMPLE.verdict, 36)


def test_every_message_has_an_example() -> None:
    assert set(KINDS) == set(wire.Message.__subclasses__())
    assert len({kind.topic for kind in KINDS}) == len(KINDS)


def test_the_bytes_are_those_of_this_version() -> None:
    assert golden_text() == (GOLDEN / f"wire-{wire.WIRE_VERSION}.txt").read_text("ascii"), (
        "the bytes changed: raise WIRE_VERSION and add its golden file; only for a version that was never released, "
        f"python tests/contract/test_wire.py > tests/contract/golden/wire-{wire.WIRE_VERSION}.txt"
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_the_golden_bytes_are_understood(example: wire.Message) -> None:
    (header,) = (header for topic, header in golden_lines(wire.WIRE_VERSION) if topic == example.topic)
    assert wire.decode(type(example), [example.topic, header]) == example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_the_version_comes_first(example: wire.Message) -> None:
    header = wire.encode(example)[1]
    assert next(iter(msgspec.msgpack.decode(header).items())) == ("version", wire.WIRE_VERSION)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("wire-*.txt")), ids=lambda path: path.stem)
def test_another_version_is_refused_in_words(path: Path) -> None:
    version = int(path.stem.rpartition("-")[2])
    for topic, header in golden_lines(version):
        (kind,) = (kind for kind in KINDS if kind.topic == topic)
        other = header.replace(b"\xa7version" + bytes([version]), b"\xa7version" + bytes([99]), 1)
        with pytest.raises(WireVersionError, match=r"speaks wire version 99, this one \d+: install the same"):
            wire.decode(kind, [topic, other])


ANY_INT = st.integers(-(2**63), 2**63 - 1)
st.register_type_strategy(int, ANY_INT)
st.register_type_strategy(float, st.floats(allow_nan=False))
st.register_type_strategy(str, st.text(max_size=4))
st.register_type_strategy(dict, lambda kind: st.dictionaries(*map(st.from_type, get_args(kind)), max_size=2))
st.register_type_strategy(  # its parts are messages' parts too, and would be drawn four times over
    wire.SampleSummary,
    st.builds(
        wire.SampleSummary,
        slides=st.just(SAMPLE.slides),
        verdict=st.just(SAMPLE.verdict),
        model=st.just(MODEL),
        rules=st.just(SAMPLE.rules),
        reviewed=st.just(SAMPLE.reviewed),
        signatures=st.just(SAMPLE.signatures),
    ),
)
st.register_type_strategy(list, lambda kind: st.lists(*map(st.from_type, get_args(kind)), max_size=1))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_every_message_comes_back_as_it_was(kind: type[wire.Message], data: st.DataObject) -> None:
    message = data.draw(st.builds(kind, version=st.just(wire.WIRE_VERSION)))
    assert wire.decode(kind, wire.encode(message)) == message


@pytest.mark.parametrize("kind", KINDS)
@given(header=st.binary(max_size=200))
def test_garbage_is_refused(kind: type[wire.Message], header: bytes) -> None:
    with pytest.raises(WireVersionError):
        wire.decode(kind, [kind.topic, header])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
@given(data=st.data())
def test_a_damaged_message_is_refused_or_still_one(example: wire.Message, data: st.DataObject) -> None:
    topic, header = wire.encode(example)
    place = data.draw(st.integers(0, len(header) - 1))
    damaged = header[:place] + data.draw(st.binary(max_size=3)) + header[place + 1 :]
    with suppress(WireVersionError):
        wire.decode(type(example), [topic, damaged])
    with pytest.raises(WireVersionError):
        wire.decode(type(example), [topic, header[:place]])


@pytest.mark.parametrize(
    "parts",
    [[], [b"frame"], [b"frame", b""], [b"frame", b"\x80"], [b"frame", b"\x91" * 10_000], [b"frame", b"\xc1"]],
    ids=["nothing", "topic only", "empty", "empty map", "deep", "never used"],
)
def test_what_is_no_message_is_refused(parts: list[bytes]) -> None:
    with pytest.raises(WireVersionError, match="not zpscope's"):
        wire.decode(wire.FrameMessage, parts)


def test_what_is_nested_too_deep_is_refused() -> None:
    deep = b"\x91" * 200_000 + b"\xc0"
    version = b"\xa7version" + bytes([wire.WIRE_VERSION])
    for header in (b"\x82\xa1x" + deep + version, b"\x82" + version + b"\xa5words" + deep):
        with pytest.raises(WireVersionError, match="recursion"):
            wire.decode(wire.ControlRequest, [b"request", header])
    with pytest.raises(WireVersionError, match="not the record of a camera process"):
        wire.life_from_json(b'{"x":' + b"[" * 200_000)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_a_key_that_is_not_known_is_passed_over(example: wire.Message) -> None:
    topic, header = wire.encode(example)
    more = msgspec.msgpack.encode(msgspec.msgpack.decode(header) | {"weather": ["fair"]})
    assert wire.decode(type(example), [topic, more]) == example


def sections() -> dict[str, str]:
    """Return the reference's sections by the name of the struct in their heading."""
    text = (ROOT / "docs" / "reference" / "wire.md").read_text("utf-8")
    parts = re.split(r"^#+ .*\((\w+)\)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_the_reference_names_every_field(struct: type[msgspec.Struct]) -> None:
    section = sections()[struct.__name__]
    missing = [name for name in struct.__struct_fields__ if f"| `{name}` |" not in section]
    assert not missing, f"docs/reference/wire.md does not tell of {struct.__name__}'s {', '.join(missing)}"


def test_the_reference_names_no_field_that_is_not_there() -> None:
    structs = {struct.__name__: struct for struct in STRUCTS}
    for name, section in sections().items():
        told = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
        assert told <= set(structs[name].__struct_fields__), name


def test_the_reference_s_example_is_a_real_message() -> None:
    text = (ROOT / "docs" / "reference" / "wire.md").read_text("utf-8")
    (shown,) = re.findall(r"^```hex\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    example = EXAMPLES[KINDS.index(wire.DemandMessage)]
    header = bytes.fromhex("".join(line.partition("#")[0] for line in shown.splitlines()))
    assert header == wire.encode(example)[1]


if __name__ == "__main__":
    print(golden_text(), end="")
