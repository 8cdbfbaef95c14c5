"""The card of a model bundle: what the model is, what it was trained on, and how well it does.

The card is the only description of a model that anything believes. It knows no runtime and opens no file.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in lower-case hexadecimal."""
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""Name of a file directly in the bundle's folder."""
Share = Annotated[float, Field(ge=0, le=1)]
Line = Annotated[str, Field(min_length=1, pattern=r"^[^\r\n]*$")]
"""Text of one line, to be shown as it is."""


class Model(BaseModel):
    """A group of the card: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Preprocessing(Model):
    """What a crop must have gone through before this model may see it."""

    hash: Line
    """Digest of the segmenter's and cropper's code and constants, as `zpscope.imaging` gives it."""
    um_per_px: PositiveFloat
    """Physical scale of a crop, in µm per pixel."""
    crop_px: Literal[128] = 128
    """Side of a crop, in pixels."""


class Architecture(Model):
    """The network, in words that a training run can be repeated from."""

    name: Line
    width: PositiveFloat
    """Share of the paper's channels; 1 is the paper's network."""
    weights: PositiveInt
    """Numbers in the ONNX file."""


class Training(Model):
    """What the model has seen."""

    digest: Sha256
    """Of every training crop and label, in order."""
    description: Line
    heads: PositiveInt
    seed: int
    empty_grey: tuple[PositiveFloat, PositiveFloat] | None = None
    """Grey levels of the empty slide around 98 % of the training crops; None: not known."""


class Metric(Model):
    """One measured property, with the interval that belongs to it."""

    value: Share
    low: Share
    high: Share
    interval: Line
    """How the interval was made and its level, for example `Clopper-Pearson 95 %`."""
    counts: Line
    """The counts behind it, for example `412 of 420 bound heads`."""

    @model_validator(mode="after")
    def _value_is_inside(self) -> Self:
        if not self.low <= self.value <= self.high:
            msg = "the interval low..high does not hold the value"
            raise ValueError(msg)
        return self


class Integers(Model):
    """How `model.int8.onnx` compares with `model.onnx`, on the same labelled crops."""

    runtime: Line
    """What ran them."""
    auc_loss: float
    """Area under the ROC curve in floats minus that in integers."""
    changed: NonNegativeInt
    """Heads that the one calls bound and the other unbound."""
    heads: PositiveInt


class Card(Model):
    """Everything `card.json` says."""

    format: Literal[1] = 1
    """Version of this layout."""
    name: Line
    version: Line
    demonstration: bool
    """True: the model may never be used for more than showing how zpscope works."""
    notice: str
    """Shown wherever a result of the model is shown; empty when there is nothing to say."""
    files: dict[FileName, Sha256]
    """Every file of the folder except the card itself."""
    architecture: Architecture
    preprocessing: Preprocessing
    training: Training
    metrics: dict[Line, Metric]
    integers: Integers | None = None
    """With `model.int8.onnx` only."""
    licence: Line
    intended_use: Line

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if "model.onnx" not in self.files:
            msg = "files must name model.onnx"
            raise ValueError(msg)
        if ("model.int8.onnx" in self.files) != (self.integers is not None):
            msg = "model.int8.onnx and integers, its agreement, must be there together"
            raise ValueError(msg)
        if self.demonstration and "DEMONSTRATION" not in self.notice:
            msg = "the notice of a demonstration model must say DEMONSTRATION"
            raise ValueError(msg)
        return self
