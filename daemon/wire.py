"""Every message between the processes, and its bytes. The only file that knows msgspec.

A message is a ZeroMQ multipart: topic, header, and for some a payload of raw bytes. The header is a msgpack
map with `version` first. Messages carry state, never deltas: the latest one is the whole truth, so a lost or
late message does no harm. `docs/reference/wire.md` describes them for writers of other clients.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal, TypeVar

import msgspec

from zpscope.config.errors import WireVersionError
from zpscope.config.notice import NOTICE as NOTICE
from zpscope.counting.verdict import Verdict
from zpscope.daemon.life import Kind, SampleLife

WIRE_VERSION = 1
SampleState = Literal["planned", "scanning", "paused", "closing", "complete", "incomplete"]
"""Of the present slide, else the last; `planned`: none yet; `incomplete`: it is closed, and frames were lost."""

Delivery = Literal["every", "newest"]
Action = Literal[
    "plan",
    "start",
    "next_slide",
    "pause",
    "resume",
    "stop",
    "status",
    "list",
    "review",
    "sign",
    "amend",
    "enrol",
    "self_test",
    "purge",
]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Common to all: the topic that names the kind, and the protocol version."""

    topic: ClassVar[bytes]
    version: int = WIRE_VERSION


class FrameMessage(Message, frozen=True, kw_only=True):
    """Camera to inference: one exposure; the payload is its pixels, row by row."""

    topic: ClassVar[bytes] = b"frame"
    camera: str
    session: str
    """One life of the camera process; with camera and number it identifies the frame."""
    number: int
    """From 0, without gaps but for frames lost at the driver."""
    sample: str
    captured: int
    """Frames captured for this sample in this session, this one and the lost ones included."""
    lost: dict[str, int]
    """Of these, lost so far, by stage."""
    height_px: int
    width_px: int
    layout: Literal["rgb8", "bayer_rg8", "bayer_bg8", "bayer_gr8", "bayer_gb8"]
    um_per_px: float
    captured_ns: int
    """Host clock at the grab, ns since 1970-01-01 UTC."""
    device_ns: int
    stage_um: tuple[float, float] | None
    source: str
    serial: str
    """Of the camera; empty where it does not tell, and for recordings."""
    simulated: bool
    """A program drew it: it shows no slide."""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """What one life of the camera process captured for its last sample."""

    life: int
    """Counts the lives, from 0."""
    session: str
    sample: str
    first: int
    """Number of the first frame captured for the sample."""
    captured: int
    """Frames captured, the lost ones included."""
    lost: dict[str, int]
    """Of these, lost, by stage."""
    format: str
    """Shape and layout of its frames, in words."""


class CameraMessage(Message, frozen=True, kw_only=True):
    """Camera to inference, twice a second and at every change: how the camera is."""

    topic: ClassVar[bytes] = b"camera"
    camera: str
    session: str
    driver: str
    delivery: Delivery
    store: str
    """The store it serves; empty before the first demand."""
    sample: str | None
    """The sample that the figures below speak of."""
    capturing: bool
    """Exposures are being made for it; False once another sample, or none, was demanded."""
    captured: int
    """Frames captured for the sample in this session, the lost ones included."""
    lost: dict[str, int]
    """Of these, lost, by stage."""
    retained: int
    """Frames of the sample captured and not yet known to be committed."""
    exhausted: bool
    """A recording or simulated scan has ended."""
    connected: bool
    """The camera is there; if not, it is looked for."""
    repeats: bool
    """It captures again what was not committed of an earlier session; what a live camera showed is gone."""
    ended: list[Life]
    """The lives of the camera process before this one, of the latest sample, oldest first."""
    problem: str
    """The last thing that went wrong, in words, or empty."""


class DemandMessage(Message, frozen=True, kw_only=True):
    """Inference to camera, twice a second and after every commit: what is wanted and what is safe."""

    topic: ClassVar[bytes] = b"demand"
    store: str
    """Identity of the store that commits; one camera serves one store at a time."""
    delivery: Delivery
    sample: str | None
    """Capture for this sample; None: capture nothing."""
    session: str
    """The camera's session that the demand speaks to; empty at first contact, which only asks who is there."""
    committed: int
    """Every frame of the session up to this number is in the store; -1: none."""
    earlier: int
    """Frames accounted for in the sample's earlier sessions: a recording goes on after them."""
    credit: int
    """The camera may have so many sent frames that are not yet committed."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """Which model made the scores."""

    name: str
    version: str
    sha256: str
    demonstration: bool
    """Trained on simulated heads: its results say DEMONSTRATION wherever they appear."""
    runtime: str
    sensitivity: tuple[float, int] | None = None
    """As its card states it, and on how many bound heads it was measured."""
    specificity: tuple[float, int] | None = None
    """The same, on unbound heads."""
    empty_grey: tuple[float, float] | None = None
    """Between these grey levels the empty slide lay when it learned; None: its card does not say."""


NO_MODEL = Model(name="none yet", version="", sha256="", demonstration=False, runtime="")
"""Of a sample that is only planned."""


class Research(msgspec.Struct, frozen=True, kw_only=True):
    """The true percentage behind the raw one, if the model is as good here as its card says. It decides nothing."""

    percent: float | None
    """Rogan-Gladen, not below 0; None: not estimable, the raw percentage is below that of false positives."""
    interval: tuple[float, float]
    """Lang-Reiczigel 95 %, percent."""


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the fields of one sample, and the count."""

    captured: int
    scored: int
    skipped: dict[str, int]
    """Whole fields, by reason."""
    lost: dict[str, int]
    """Whole fields, by stage."""
    in_flight: int
    """captured = scored + sum(skipped) + sum(lost) + in_flight."""
    found: int
    """Objects that segmentation found in the scored fields."""
    rejected: dict[str, int]
    """Objects not counted, by reason; `duplicate`: counted before in an overlapping field."""
    unplaced: int = 0
    """Scored fields that nobody knows the place of; their heads are in `rejected`, reason `unplaced`."""
    k: int
    """Heads classified as ZP-binding."""
    n: int
    """Heads classified; found = n + sum(rejected)."""
    percent: float | None
    interval: tuple[float, float]
    """Percent: valid at every look while a sample is scanned, Wilson 95 % of a finished count."""
    position: Literal["collecting", "above", "at_or_below", "not_calibrated"] | None
    """The raw percentage against the threshold, decided on integers, not a verdict; `collecting` before the
    minimum of heads and fields. None: it lies on a side, and the verdict is withheld, so the side is too."""
    threshold_percent: float
    unidentified: int = 0
    """Of the n heads, those whose probability is near one half."""
    unidentified_bounds: tuple[float, float] = (0.0, 100.0)
    """The percentage if none, and if all, of the unidentified heads were bound."""
    rejected_bounds: tuple[float, float] = (0.0, 100.0)
    """The percentage if none, and if all, of the heads refused for how they look were bound."""
    model: Model
    notice: str = NOTICE


class SlideSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One slide of a sample."""

    slide: str
    number: int
    state: SampleState
    scored: int
    k: int
    n: int
    percent: float | None
    model_sha256: str
    reference: str = "built-in"
    """The colour reference: `built-in`, or the beginning of the sha256 of its colours."""
    colour_drift: float = 0.0
    """How far the stain of the last field lies from that of the slide's first ones, in L*a*b* units."""
    empty_grey: float = 0.0
    """Grey level of the empty slide in the last field; 0: none was seen."""


class ReviewedResult(msgspec.Struct, frozen=True, kw_only=True):
    """The count after a review, beside the machine's and never in its place."""

    k: int
    n: int
    percent: float | None
    interval: tuple[float, float]
    """Wilson 95 %, percent. A reviewer chooses what to look at: the sequential guarantee is the machine's only."""
    position: Literal["collecting", "above", "at_or_below", "not_calibrated"] | None
    """As in a sample."""
    reclassified: int
    excluded: int
    reviewers: list[str]


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers for a result."""

    slide: int
    """0: the whole sample."""
    version: int
    """From 1; an amended sample is signed anew."""
    at_ns: int
    signer: str
    meaning: str


class SampleSummary(Count, frozen=True, kw_only=True):
    """One sample's ledger and count: what displays show and what programs read."""

    sample: str
    accession: str
    state: SampleState
    kind: Kind
    life: SampleLife
    preparation: str
    stain: str
    objective: str
    um_per_px: float | None
    """None: as every field states it."""
    operator: str
    slides: list[SlideSummary]
    verdict: Verdict
    """By the rules below, from the machine's count alone."""
    rules: dict[str, float]
    """`[tally]` of the settings, as it was when the sample was begun."""
    rules_version: str
    """First digits of the sha256 of these rules."""
    research: Research | None = None
    reviewed: ReviewedResult | None = None
    signatures: list[Signature] = []
    started_ns: int
    stopped_ns: int | None
    uncalibrated: str
    """Why the scale cannot be relied on, so that no percentage is given; empty if it can."""
    simulated: bool
    """A program drew its fields: the count says nothing about any slide."""
    reconnects: int
    """Times the camera process was started afresh while the sample was open."""
    gaps: list[tuple[int, int]]
    """From the last frame before a reconnect to the first after it, ns since 1970-01-01 UTC: what a free-running
    camera showed in between, nobody knows."""


class TruthCount(msgspec.Struct, frozen=True, kw_only=True):
    """What a perfect system would have counted on a simulated slide."""

    k: int
    n: int


class DemoResult(SampleSummary, frozen=True, kw_only=True):
    """What `zpscope demo --json` writes."""

    truth: TruthCount


class HeadResult(msgspec.Struct, frozen=True, kw_only=True):
    """One object of a recorded field."""

    x_px: float
    y_px: float
    angle_deg: float
    area_um2: float
    reason: str
    """Empty if classified."""
    p: float | None
    bound: bool | None


class FieldResult(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded field."""

    field: str
    """Name of the picture without its ending."""
    number: int
    skip: str
    """Reason if the whole field was skipped, else empty."""
    heads: list[HeadResult]


class RecordedResult(Count, frozen=True, kw_only=True):
    """What `zpscope score --json` prints: no time and no random name in it."""

    folder: str
    um_per_px: float
    preprocessing: str
    """sha256 of how crops are made."""
    reference: str
    """The colour reference: `built-in`, or the beginning of the sha256 of its colours."""
    fields: list[FieldResult]


class StateMessage(Message, frozen=True, kw_only=True):
    """Inference to displays, at least once a second: everything they show."""

    topic: ClassVar[bytes] = b"state"
    sample: SampleSummary | None
    """The open sample, else the last one of this process's life."""
    camera: CameraMessage | None
    camera_connected: bool
    fields_per_s: float
    heads_per_s: float
    """Heads classified per second, over the last ten seconds."""
    lag_s: float
    """Age of the last committed frame at its commit."""
    recording: str
    """Where fields are recorded to, or why that stopped, in words; empty: nowhere."""
    sent_ns: int
    model: Model
    stage: Literal["building", "warming", "ready"] = "ready"
    """How far the engine is: the model is read and compiled; the first crops run; fields are scored."""
    stage_done: float = 1.0
    """Share of the stage that is done, 0 to 1."""
    notice: str = NOTICE


class PreviewHead(msgspec.Struct, frozen=True, kw_only=True):
    """One object of the previewed field, in pixels of the preview picture."""

    outline: list[tuple[int, int]]
    """Closed polygon, (x, y)."""
    tip: tuple[int, int]
    """The anterior tip."""
    reason: str
    """Empty if counted."""
    p: float | None
    """P(ZP-binding) if classified."""
    bound: bool


class PreviewMessage(Message, frozen=True, kw_only=True):
    """Inference to displays, a few times a second: the last field and its heads; the payload is a JPEG."""

    topic: ClassVar[bytes] = b"preview"
    sample: str
    number: int
    source: str
    skipped: str
    """Reason if the whole field was skipped, else empty."""
    width_px: int
    height_px: int
    heads: list[PreviewHead]
    notice: str = NOTICE


class OverviewMessage(Message, frozen=True, kw_only=True):
    """Inference to displays, every few seconds: the scanned part of the slide; the payload is a WebP picture."""

    topic: ClassVar[bytes] = b"overview"
    sample: str
    painted: int
    """Fields in the picture, of `fields` that were placed: after a restart it is painted anew."""
    fields: int
    apart: int
    """Of the painted ones, those on islands that are not known to join the one that counts; they are paler."""
    um_per_px: float
    """Of the picture."""
    width_px: int
    height_px: int
    area_mm2: float
    """Of the slide, on the island that counts."""
    seen_twice: float
    """Share of that area that more than one field shows."""
    notice: str = NOTICE


class ControlRequest(Message, frozen=True, kw_only=True):
    """A command to the inference process."""

    topic: ClassVar[bytes] = b"request"
    action: Action
    accession: str = ""
    """The pseudonymous accession, or the id, of the sample; for most actions empty is the present one."""
    words: dict[str, str] = {}
    """What else the action needs, by name; see `docs/reference/wire.md`."""


class ControlReply(Message, frozen=True, kw_only=True):
    """The answer to a command."""

    topic: ClassVar[bytes] = b"reply"
    error: str = ""
    """One line that says what to do, or empty."""
    samples: list[SampleSummary] = []


class _Envelope(msgspec.Struct):
    version: int


CountT = TypeVar("CountT", bound=Count)
MessageT = TypeVar("MessageT", bound=Message)
_envelope = msgspec.msgpack.Decoder(_Envelope)
_UNREADABLE = (UnicodeDecodeError, RecursionError, msgspec.DecodeError)
"""What decoding raises for bytes that are no message; RecursionError where they are nested too deep."""


def encode(message: Message) -> list[bytes]:
    """Return topic and header; the sender appends the payload where there is one."""
    return [message.topic, msgspec.msgpack.encode(message)]


def decode(kind: type[MessageT], parts: Sequence[bytes | memoryview]) -> MessageT:
    """Return the message in the first two parts; raise WireVersionError if it is not one of ours."""
    try:
        version = _envelope.decode(parts[1]).version
    except (IndexError, *_UNREADABLE) as error:
        msg = f"a message is not zpscope's ({error}): another program talks to this port; change the endpoint"
        raise WireVersionError(msg) from error
    if version != WIRE_VERSION:
        msg = (
            f"the other process speaks wire version {version}, this one {WIRE_VERSION}: "
            "install the same zpscope version on both sides and restart them"
        )
        raise WireVersionError(msg)
    try:
        return msgspec.msgpack.decode(parts[1], type=kind)
    except _UNREADABLE as error:
        kind_name = kind.topic.decode()
        msg = (
            f"a {kind_name} message cannot be read ({error}): install the same zpscope version on both sides"
        )
        raise WireVersionError(msg) from error


def extend(kind: type[CountT], count: Count, /, **more: object) -> CountT:
    """Return a count with what else its kind holds."""
    return msgspec.convert(msgspec.structs.asdict(count) | more, kind, from_attributes=True)


def without_percentage(sample: SampleSummary) -> SampleSummary:
    """Return the counts and no share of them: the scale is not calibrated, and heads are told by their size."""
    anything = (0.0, 100.0)
    return msgspec.structs.replace(
        sample,
        position="not_calibrated",
        percent=None,
        interval=anything,
        unidentified_bounds=anything,
        rejected_bounds=anything,
        research=None,
        slides=[msgspec.structs.replace(slide, percent=None) for slide in sample.slides],
        verdict=replace(sample.verdict, anytime_percent=anything, wilson_percent=anything),
    )


def without_side(sample: SampleSummary) -> SampleSummary:
    """Return a sample that tells no side of the threshold, its review neither, where the verdict is withheld."""
    if sample.verdict.state != "invalid":
        return sample
    reviewed, sides = sample.reviewed, ("above", "at_or_below")
    if reviewed is not None and reviewed.position in sides:
        reviewed = msgspec.structs.replace(reviewed, position=None)
    position = None if sample.position in sides else sample.position
    return msgspec.structs.replace(sample, position=position, reviewed=reviewed)


def model_from_json(text: str) -> Model:
    """Return the model that `to_json` wrote."""
    return msgspec.json.decode(text, type=Model)


def with_review(
    summary: SampleSummary, life: SampleLife, reviewed: ReviewedResult | None, signatures: list[Signature]
) -> SampleSummary:
    """Return a machine's result with what people made of it since."""
    return msgspec.structs.replace(summary, life=life, reviewed=reviewed, signatures=signatures)


def summary_from_json(text: str) -> SampleSummary:
    """Return the summary that `to_json` wrote."""
    return msgspec.json.decode(text, type=SampleSummary)


def reviewed_from_json(text: str) -> ReviewedResult:
    """Return the result of a review that `to_json` wrote."""
    return msgspec.json.decode(text, type=ReviewedResult)


def life_from_json(text: bytes) -> Life:
    """Return the life that `to_json` wrote; raise WireVersionError if it is not one."""
    try:
        return msgspec.json.decode(text, type=Life)
    except _UNREADABLE as error:
        msg = f"not the record of a camera process: {error}"
        raise WireVersionError(msg) from error


def to_json(value: object, *, indent: int = 0) -> str:
    """Return a message, or built-in values, as JSON with the fields in their declared order."""
    text = msgspec.json.encode(value)
    return (msgspec.json.format(text, indent=indent) if indent else text).decode()
