# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportMissingImports=false
"""The classifier on OpenVINO's CPU plugin, in float32 or in 8-bit integers; the only file that knows openvino.

As on ONNX Runtime, the convolutions of every crop are a run of their own on one thread, and the linear layers take the
crops in fours, so that a probability depends on nothing else; several threads are several streams of such runs.

OpenVINO adds the products of a sum to one another in turn, up to 8,192 of them, and rounds each time. In floats,
therefore, sums are made in parts (`sum_in_parts`): a probability is off by a third of what it was, for 2 % more time.

What was compiled is kept (`plan_cache`) by this zpscope's own rules and not in OpenVINO's cache, which anyone may fill.
"""

import sys
from functools import partial, reduce
from math import prod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zpscope.config.classifiers import OpenVinoClassifier
from zpscope.config.errors import ModelRefused
from zpscope.engines.bundle import MODEL, MODEL_INT8, Bundle, read_model
from zpscope.engines.engine import Tell, check_answer, check_crops, entered, entering, one_line, unheard
from zpscope.engines.onnx_split import ROWS, split
from zpscope.engines.plan_cache import PlanKey, PlanUnfit, cache_folder, cached
from zpscope.imaging.crop import CROP_PX

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # else the import reports to its maker: ADR 7
import openvino  # noqa: E402
import openvino.opset13 as operators  # noqa: E402

_FAULTS: tuple[type[Exception], ...] = (
    RuntimeError,
    openvino.frontend.GeneralFailure,
    openvino.frontend.InitializationFailure,
    openvino.frontend.NotImplementedFailure,
    openvino.frontend.OpConversionFailure,
    openvino.frontend.OpValidationFailure,
)
"""The runtime's own errors have no common root."""
_PRODUCTS = 512
"""A sum in floats is made in parts of so many products or fewer."""
_LENGTH_BYTES = 8
"""In front of a plan: the length of its first part."""


class OpenVinoEngine:
    """OpenVINO on the CPU; see `Engine`."""

    def __init__(self, settings: OpenVinoClassifier, bundle: Bundle, tell: Tell = unheard) -> None:
        self._settings = settings
        self._bundle = bundle
        self._tell = tell
        self._queues: list[Any] | None = None

    @property
    def runtime(self) -> str:
        """What runs, and on what, in words."""
        threads, version = self._settings.threads, openvino.__version__.partition("-")[0]
        return (
            f"openvino {version} CPU {self._settings.precision}, {threads} thread{'s' if threads > 1 else ''}"
        )

    def classify(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return P(ZP-binding) (N,) of crops (N, 128, 128).

        Raises:
            ModelRefused: The crops have another shape or type, or the model answers with no probability.
        """
        first, *last = entered(self._queues)
        check_crops(crops)
        answer = np.empty(-(-len(crops) // ROWS) * ROWS, np.float32)
        try:
            if last:
                cells = np.zeros((len(answer), *last[0][0].get_input_tensor().shape[1:]), np.float32)
                _through(first, crops, cells, 1)
                _through(last[0], cells, answer, ROWS)
            else:
                _through(first, crops, answer, 1)
        except _FAULTS as error:
            msg = f"the model fails on a crop: {one_line(error)}; install another model"
            raise ModelRefused(msg) from error
        check_answer(answer[: len(crops)], len(crops))
        return answer[: len(crops)]

    def __enter__(self) -> Self:
        self._tell("building", 0.0)
        threads = self._settings.threads
        with entering(self):
            parts = _compiled(self._bundle, self._settings)
            self._queues = [openvino.AsyncInferQueue(part, threads) for part in parts]
            self._tell("warming", 0.0)
        return self

    def __exit__(self, *exc: object) -> None:
        self._queues = None


def _through(queue: Any, taken: NDArray[Any], given: NDArray[np.float32], rows: int) -> None:  # noqa: ANN401
    """Fill what a part gives (N, ...) for what it takes (N, ...), so many rows a run."""

    def keep(request: Any, at: int) -> None:  # noqa: ANN401
        given[at : at + rows] = request.get_output_tensor().data

    queue.set_callback(keep)
    for at in range(0, len(taken), rows):
        queue.start_async({0: taken[at : at + rows]}, at)
    queue.wait_all()


def _compiled(bundle: Bundle, settings: OpenVinoClassifier) -> list[Any]:
    """Return the parts of a model, compiled now or by an earlier start on this processor."""
    core = openvino.Core()
    processor = str(core.get_property("CPU", "FULL_DEVICE_NAME"))
    able = " ".join(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    runtime = f"openvino {openvino.__version__}, linear layers of {ROWS} crops apart, sums of {_PRODUCTS}"
    key = PlanKey(bundle.sha256, settings.precision, runtime, processor, able, "")
    options = {
        "INFERENCE_NUM_THREADS": settings.threads,
        "NUM_STREAMS": settings.threads,
        "ENABLE_CPU_PINNING": False,
        # The same numbers on every processor: no 16-bit floats, no rounding that the model does not ask for.
        "INFERENCE_PRECISION_HINT": "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
    }
    build = partial(_compile, core, options, bundle, settings)
    return cached(cache_folder(), key, build, partial(_load, core, options))


def _load(core: Any, options: dict[str, Any], plan: bytes) -> list[Any]:  # noqa: ANN401
    length = int.from_bytes(plan[:_LENGTH_BYTES], "little") + _LENGTH_BYTES
    parts = [part for part in (plan[_LENGTH_BYTES:length], plan[length:]) if part]
    try:
        return [core.import_model(part, "CPU", options) for part in parts]
    except _FAULTS as error:
        raise PlanUnfit(one_line(error)) from error


def _compile(core: Any, options: dict[str, Any], bundle: Bundle, settings: OpenVinoClassifier) -> bytes:  # noqa: ANN401
    """Compile a model, and see that it takes and gives what an engine must; return its parts in one."""
    name = MODEL_INT8 if settings.precision == "int8" else MODEL
    path, content = bundle.folder / name, read_model(bundle, name)
    try:
        first, *last = map(core.read_model, split(content) or (content,))
        takes = [(port.element_type.get_type_name(), list(port.partial_shape)[1:]) for port in first.inputs]
        if takes != [("u8", [CROP_PX, CROP_PX])]:
            msg = (
                f"{path} takes {takes} where uint8 (N, {CROP_PX}, {CROP_PX}) is wanted; "
                "export it with zpscope.training"
            )
            raise ModelRefused(msg)
        if settings.precision == "fp32":
            for model in (first, *last):
                sum_in_parts(model)
        first.reshape([1, CROP_PX, CROP_PX])
        parts = [core.compile_model(first, "CPU", options)]
        for model in last:
            model.reshape([ROWS, *parts[0].outputs[0].shape[1:]])
            parts.append(core.compile_model(model, "CPU", options))
    except _FAULTS as error:
        msg = f"{path} does not load: {one_line(error)}; export the model again"
        raise ModelRefused(msg) from error
    gives = [(port.element_type.get_type_name(), list(port.shape)) for port in parts[-1].outputs]
    if gives != [("f32", [ROWS if last else 1])]:
        msg = f"{path} gives {gives} for a run and no probability; export it with zpscope.training"
        raise ModelRefused(msg)
    first_plan, *last_plan = (part.export_model().getvalue() for part in parts)
    return b"".join([len(first_plan).to_bytes(_LENGTH_BYTES, "little"), first_plan, *last_plan])


def sum_in_parts(model: Any) -> None:  # noqa: ANN401
    """Let every convolution and linear layer of a model (openvino.Model) add up `_PRODUCTS` products at once, not more.

    Those whose channels are not a multiple of so many stay as they are.
    """
    for layer in model.get_ordered_ops():
        kind = layer.get_type_name()
        if kind != "Convolution" and not (kind == "MatMul" and layer.get_attributes()["transpose_b"]):
            continue
        taken, weight = layer.input_values()
        _, channels, *taps = weight.get_shape()
        at_once = (
            1 << (_PRODUCTS // prod(taps)).bit_length() - 1
        )  # a power of two, for the layout of channels
        parts, rest = divmod(channels, at_once)
        if parts < 2 or rest:
            continue
        pairs = zip(*(operators.split(value, 1, parts).outputs() for value in (taken, weight)), strict=True)
        if kind == "Convolution":
            how = layer.get_strides(), layer.get_pads_begin(), layer.get_pads_end(), layer.get_dilations()
            sums = [operators.convolution(value, share, *how) for value, share in pairs]
        else:
            sums = [operators.matmul(value, share, False, True) for value, share in pairs]
        layer.output(0).replace(reduce(operators.add, sums).output(0))
    model.validate_nodes_and_infer_types()
