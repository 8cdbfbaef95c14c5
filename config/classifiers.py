"""What an operator may set about the classifier: its bundle, its runtime, how crops are gathered. Knows no engine."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from zpscope.config.model import Model

LARGEST_GPU_BATCH = 256
"""Crops in one run on a GPU, at most."""


class _AnyClassifier(Model):
    """What every runtime of the classifier has."""

    bundle: Annotated[Literal["demonstration"] | Path, Field(union_mode="left_to_right")] = "demonstration"
    """Folder of the model bundle, or the demonstration model that ships with zpscope."""
    batch: Annotated[int, Field(ge=1, le=1024)] = 32
    """Crops gathered across fields before the classifier runs, at most."""
    deadline_ms: Annotated[int, Field(ge=0, le=1000)] = 0
    """Crops wait at most so long for others to fill the batch; 0: those that are there are classified at once."""


class OnnxRuntimeClassifier(_AnyClassifier):
    """The classifier on ONNX Runtime's CPU provider."""

    runtime: Literal["onnxruntime"] = "onnxruntime"
    threads: PositiveInt = 1


class OpenVinoClassifier(_AnyClassifier):
    """The classifier on OpenVINO's CPU plugin; needs the extra `openvino`."""

    runtime: Literal["openvino"] = "openvino"
    threads: PositiveInt = 1
    precision: Literal["fp32", "int8"] = "fp32"
    """`int8` runs the bundle's model.int8.onnx, whose card says how well it agrees with the other."""


class TensorRtClassifier(_AnyClassifier):
    """The classifier on NVIDIA's TensorRT; needs a GPU and the extra `tensorrt`, which brings TensorRT for RTX."""

    runtime: Literal["tensorrt", "tensorrt_rtx"] = "tensorrt_rtx"
    """`tensorrt_rtx` is for RTX cards; for others install the package `tensorrt` and take that."""
    precision: Literal["fp32", "fp16", "int8"] = "fp16"
    """`int8` runs the bundle's model.int8.onnx, whose card says how well it agrees with the other."""
    batch: Annotated[int, Field(ge=1, le=LARGEST_GPU_BATCH)] = 32
    """Crops gathered across fields before the classifier runs, at most; every run has this size."""


class CudaClassifier(_AnyClassifier):
    """The classifier in torch on an NVIDIA GPU; needs the extra `cuda`."""

    runtime: Literal["cuda"] = "cuda"
    precision: Literal["fp32", "fp16", "bf16"] = "fp16"
    """`bf16` is coarser than `fp16`, for networks whose values `fp16` cannot hold."""
    batch: Annotated[int, Field(ge=1, le=LARGEST_GPU_BATCH)] = 32
    """Crops gathered across fields before the classifier runs, at most; every run has this size."""


class AutoClassifier(_AnyClassifier):
    """The classifier on the best runtime that this machine has; the log and every result say which, and why."""

    runtime: Literal["auto"] = "auto"
    threads: PositiveInt = 1
    """Of a runtime on the CPU."""


Classifier = Annotated[
    OnnxRuntimeClassifier | OpenVinoClassifier | TensorRtClassifier | CudaClassifier | AutoClassifier,
    Field(discriminator="runtime"),
]
