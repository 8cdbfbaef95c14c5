"""What an operator may set, as frozen values with the unit in the key.

Knows no driver, no socket and no file: `load.py` reads the files.
"""

from pathlib import Path
from typing import Annotated, Literal, Self, cast

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator, model_validator

from zpscope.config.cameras import MicromanagerCamera, OpencvCamera, PylonCamera
from zpscope.config.classifiers import Classifier, OnnxRuntimeClassifier
from zpscope.config.model import Model, UmPerPx

Endpoint = Annotated[str, Field(pattern=r"^tcp://[^\s:]+:\d+$|^ipc://\S+$")]
"""A ZeroMQ address, `tcp://HOST:PORT` or `ipc://PATH`."""
Delivery = Literal["every", "newest"]
Port = Annotated[int, Field(ge=0, le=65535)]
"""A TCP port; 0 lets the system choose one."""


Percent = Annotated[float, Field(ge=0, le=25)]


class Faults(Model):
    """What a simulated camera does wrong on request: shares of its fields."""

    dropped_percent: Percent = 0.0
    """Lost at the driver, and counted there."""
    truncated_percent: Percent = 0.0
    """Handed over without its last rows; counted as lost, never scored."""
    repeated_percent: Percent = 0.0
    """Handed over once more as a further exposure, with the same clock."""
    reordered_percent: Percent = 0.0
    """Handed over after the field that follows."""
    clock_jump_percent: Percent = 0.0
    """The camera's clock jumps by up to an hour, either way."""


class SyntheticCamera(Model):
    """A simulated Diff-Quik slide, scanned field by field."""

    driver: Literal["synthetic"] = "synthetic"
    name: str = "synthetic"
    """Identifies the camera in every frame, record and metric."""
    seed: NonNegativeInt = 1
    """The slide: the same seed draws the same bytes."""
    width_px: Annotated[int, Field(ge=256, le=8192)] = 1280
    height_px: Annotated[int, Field(ge=256, le=8192)] = 1024
    um_per_px: UmPerPx = 0.069
    overlap_percent: Annotated[int, Field(ge=0, le=30)] = 20
    """Share of a field's width and height that its neighbour shows again, on the path `serpentine`."""
    path: Literal["serpentine", "random", "by_hand"] = "serpentine"
    """`serpentine`: rows of overlapping fields. `random`: a field at random in each of many equal parts of the slide.
    `by_hand`: an operator's hand, with moves seen on the way, pauses, ways back and jumps; `fields` counts all."""
    fields: PositiveInt | None = None
    """The scan ends after so many fields; without it, it goes on."""
    slide: Literal["clean", "usual"] = "clean"
    """`clean`: nothing but sperm, apart and in focus. `usual`: a smear as it comes, with sperm that touch, debris,
    bacteria, cells, film, dust on the sensor, and a few fields out of focus."""
    binding_percent: Annotated[float, Field(ge=0, le=100)] = 12.0
    """Share of the simulated heads that are drawn as able to bind the zona pellucida."""
    difference: Annotated[float, Field(ge=0.1, le=1)] = 1.0
    """How far apart binders and non-binders look, as a share of the usual. No classifier can be right more often than
    0.98 of the time at 0.6, 0.97 at 0.545, 0.93 at 0.4, if both are alike in number (`drivers/separability.py`)."""
    stage: bool = True
    """Whether a stage says where each field is."""
    stage_error_um: Annotated[float, Field(ge=0, le=20)] = 0.0
    """The stage's word on where a field is, is wrong by up to so much, in x and in y."""
    stage_backlash_um: Annotated[float, Field(ge=0, le=20)] = 0.0
    """Play of the motorised stage: it stops short by half of it, in each axis, and does not know."""
    stage_jitter_um: Annotated[float, Field(ge=0, le=20)] = 0.0
    """The motorised stage stops by up to so much beside where it was sent, in each axis, and does not know."""
    unplugged_after: PositiveInt | None = None
    """A fault on request: after so many exposures the camera is gone, as if unplugged."""
    faults: Faults = Faults()
    fault_file: Path | None = None
    """A fault on request: while this file says `unplugged` or `hung`, so is the camera, in every process."""
    timing: Literal["on_demand", "free_running"] = "on_demand"
    """`on_demand`: an exposure is made when it is asked for. `free_running`: one every 1/pace_hz s, asked for
    or not; those that nobody asked for in time are lost at the driver, and counted."""
    pace_hz: PositiveFloat | None = None
    """At most so many exposures per second; without it, as fast as they are asked for."""

    @model_validator(mode="after")
    def _free_running_has_a_pace(self) -> Self:
        if self.timing == "free_running" and self.pace_hz is None:
            msg = "timing free_running needs pace_hz, the exposures per second"
            raise ValueError(msg)
        return self


class ReplayCamera(Model):
    """Recorded fields: a folder of pictures, a recording, a TIFF stack or a whole slide."""

    driver: Literal["replay"]
    name: str = "replay"
    folder: Path
    """A folder of pictures, in name order, or one that `record.folder` made; or a TIFF file or a slide."""
    um_per_px: UmPerPx | None = None
    """Taken from the files where they state it; to be given for those that do not."""
    pace_hz: PositiveFloat | None = None
    """At most so many pictures per second; without it, as fast as they are read."""


Camera = Annotated[
    SyntheticCamera | ReplayCamera | PylonCamera | OpencvCamera | MicromanagerCamera,
    Field(discriminator="driver"),
]


class Segmentation(Model):
    """How heads are found."""

    reference: Path | Literal["built-in"] = "built-in"
    """Colours of the stain: a file that `zpscope reference` wrote from a lab's own pictures, or the built-in ones."""


class Place(Model):
    """Where fields lie on the slide, so that a head seen in several of them counts once."""

    stage_error_um: Annotated[float, Field(gt=0, le=20)] = 5.0
    """The stage's word on where a field is, is wrong by at most so much, in x and in y: backlash and repeatability."""
    apart: Literal["left_out", "counted"] = "left_out"
    """Without a stage: the heads of fields that are not known to join the others. `left_out`: they are not counted,
    for they may have been counted there. `counted`: they are, because fields that share nothing to be seen were
    taken at different places, as single pictures of a slide are."""


class Tally(Model):
    """Counting rules; see `counting/`."""

    threshold_permille: Annotated[int, Field(ge=1, le=999)] = 49
    """Published research threshold: at or below 4.9 % is at risk (Leung et al. 2025)."""
    minimum_heads: PositiveInt = 100
    minimum_fields: PositiveInt = 20
    """No answer before so many heads and fields, not even a provisional one."""
    error_percent: Annotated[float, Field(ge=0.1, le=20)] = 5.0
    """An answer on either side is wrong at most so often, however often one looks and whenever one stops."""
    slides: Annotated[int, Field(ge=1, le=4)] = 2
    heads_per_slide: PositiveInt = 200
    """A final answer needs so many heads on each of so many slides, which agree."""
    most_heads: Annotated[int, Field(ge=1, le=2000)] = 1000
    """Undecided with so many heads, a sample is indeterminate."""
    replicates_percent: Annotated[float, Field(ge=80, le=99.9)] = 95.0
    """Slides agree if chance alone explains their difference, at this level."""
    unidentified_percent: Annotated[float, Field(ge=0, lt=50)] = 10.0
    """A head whose probability of binding is this near to 50 % is told as unidentified; it counts as what it is
    more probably, as in the paper."""

    @model_validator(mode="after")
    def _most_is_enough(self) -> Self:
        if self.most_heads < self.slides * self.heads_per_slide:
            msg = f"most_heads is less than {self.slides} slides of {self.heads_per_slide}: no answer could be final"
            raise ValueError(msg)
        return self


Preparation = Literal["density_gradient", "swim_up", "washed", "raw", "other", "unknown"]
Stain = Literal["diff_quik", "papanicolaou", "haematoxylin_eosin", "other", "unknown"]


class Specimen(Model):
    """What every sample of this microscope is, unless `zpscope sample` says otherwise; see the gates of a verdict."""

    preparation: Preparation | None = None
    """How the sperm were prepared: the threshold was found on density-gradient preparations."""
    stain: Stain | None = None
    operator: str | None = None
    """Who scans: initials or a code."""
    no_names: tuple[str, ...] = ()
    """Words that may stand in an accession though they look like names, as that of the clinic does."""


class Controls(Model):
    """What must have been shown, and lately, before a sample gets an answer."""

    negative_control_hours: Annotated[int, Field(ge=1, le=8760)] = 168
    """A slide of sperm that cannot bind must have been counted in the last so many hours."""
    ceiling_percent: Annotated[float, Field(gt=0, le=20)] = 3.0
    """Of its heads, at most so many may be called bound, with 95 % confidence."""
    minimum_heads: PositiveInt = 200
    self_test_hours: Annotated[int, Field(ge=1, le=8760)] = 24
    """The recorded reference slide must have given the same counts as ever in the last so many hours."""
    reference: Path | None = None
    """The recording of the reference slide."""


class Review(Model):
    """What is asked of those who sign."""

    signers: Annotated[int, Field(ge=1, le=2)] = 1
    """2: two persons, each of whom signs for a slide of their own."""


class Wire(Model):
    """Sockets between the processes, and what happens to a frame that is not taken in time."""

    delivery: Delivery = "every"
    """`every`: a frame is kept until it is committed. `newest`: old frames give way, and are counted as lost."""
    frames: Endpoint = "tcp://127.0.0.1:8471"
    """Camera process: frames with credit and acknowledgement."""
    newest: Endpoint = "tcp://127.0.0.1:8472"
    """Camera process: frames to whoever listens."""
    state: Endpoint = "tcp://127.0.0.1:8473"
    """Inference process: state and preview for displays."""
    control: Endpoint = "tcp://127.0.0.1:8474"
    """Inference process: sample start, stop, status, list."""
    retain_frames: Annotated[int, Field(ge=2, le=1024)] = 8
    """Frames the camera process keeps until they are committed (bound in count)."""
    newest_age_ms: PositiveInt = 1000
    """With delivery `newest`, an older frame is not scored (bound in age)."""


class Store(Model):
    """The SQLite file of samples, fields and heads."""

    path: Path = Path("zpscope.sqlite")


class Optics(Model):
    """What stands between slide and camera: with the camera, it decides the scale."""

    objective: str | None = None
    """As it was named to `zpscope calibrate`."""
    adapter: str = ""
    calibrations: Annotated[Path, Field(validate_default=False)] = Path("calibrations.json")
    """The file that `zpscope calibrate` keeps."""


class Record(Model):
    """Recordings: the fields of every sample as the camera gave them, to be replayed to the same result."""

    folder: Path | None = None
    """Each sample gets a folder of its own in it; without it, nothing is recorded."""


class Metrics(Model):
    """Prometheus endpoints; port 0 switches one off."""

    host: str = "127.0.0.1"
    camera_port: Port = 9471
    inference_port: Port = 9472
    display_port: Port = 9473


class Display(Model):
    """The web page."""

    host: str = "127.0.0.1"
    port: Port = 8470


class Settings(Model):
    """Everything, as one tree."""

    camera: Camera
    classifier: Classifier = OnnxRuntimeClassifier()
    segmentation: Segmentation = Segmentation()
    place: Place = Place()
    tally: Tally = Tally()
    specimen: Specimen = Specimen()
    controls: Controls = Controls()
    review: Review = Review()
    wire: Wire = Wire()
    store: Store = Store()
    optics: Optics = Optics()
    record: Record = Record()
    metrics: Metrics = Metrics()
    display: Display = Display()

    @field_validator("classifier", mode="before")
    @classmethod
    def _default_runtime(cls, given: object) -> object:
        """A classifier that names no runtime is on the one that is always there."""
        if isinstance(given, dict):
            return {"runtime": "onnxruntime", **cast("dict[str, object]", given)}
        return given
