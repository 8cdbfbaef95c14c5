# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportMissingImports=false
"""The classifier on OpenVINO's CPU plugin, in float32 or in 8-bit integers; the only file that knows openvino.

As on ONNX Runtime, every crop is a run of its own on one thread, so that its probability depends on nothing else;
several threads are several streams of such runs. A whole batch in one run would gain nothing here: the large
linear layers read their weights as integers (`zpscope.training.export`).

What was compiled is kept (`plan_cache`) by this zpscope's own rules and not in OpenVINO's cache, which anyone may fill.
"""

import sys
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zpscope.config.classifiers import OpenVinoClassifier
from zpscope.config.errors import ModelRefused
from zpscope.engines.bundle import MODEL, MODEL_INT8, Bundle, read_model
from zpscope.engines.engine import Tell, check_answer, check_crops, entered, entering, one_line, unheard
from zpscope.engines.plan_cache import PlanKey, PlanUnfit, cache_folder, cached
from zpscope.imaging.crop import CROP_PX

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # else the import reports to its maker: ADR 7
import openvino  # noqa: E402

_FAULTS: tuple[type[Exception], ...] = (
    RuntimeError,
    openvino.frontend.GeneralFailure,
    openvino.frontend.InitializationFailure,
    openvino.frontend.NotImplementedFailure,
    openvino.frontend.OpConversionFailure,
    openvino.frontend.OpValidationFailure,
)
"""The runtime's own errors have no common root."""


class OpenVinoEngine:
    """OpenVINO on the CPU; see `Engine`."""

    def __init__(self, settings: OpenVinoClassifier, bundle: Bundle, tell: Tell = unheard) -> None:
        self._settings = settings
        self._bundle = bundle
        self._tell = tell
        self._queue: Any = None

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
        queue = entered(self._queue)
        check_crops(crops)
        answer = np.empty(len(crops), np.float32)

        def keep(request: Any, index: int) -> None:  # noqa: ANN401  (a runtime's own type)
            answer[index] = request.get_output_tensor().data[0]

        queue.set_callback(keep)
        try:
            for index in range(len(crops)):
                queue.start_async({0: crops[index : index + 1]}, index)
            queue.wait_all()
        except _FAULTS as error:
            msg = f"the model fails on a crop: {one_line(error)}; install another model"
            raise ModelRefused(msg) from error
        check_answer(answer, len(crops))
        return answer

    def __enter__(self) -> Self:
        self._tell("building", 0.0)
        threads = self._settings.threads
        with entering(self):
            self._queue = openvino.AsyncInferQueue(_compiled(self._bundle, self._settings), threads)
            self._tell("warming", 0.0)
        return self

    def __exit__(self, *exc: object) -> None:
        self._queue = None


def _compiled(bundle: Bundle, settings: OpenVinoClassifier) -> Any:  # noqa: ANN401  (a runtime's own type)
    """Return a model for one crop a run, compiled now or by an earlier start on this processor."""
    core = openvino.Core()
    processor = str(core.get_property("CPU", "FULL_DEVICE_NAME"))
    able = " ".join(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    runtime = f"openvino {openvino.__version__}"
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


def _load(core: Any, options: dict[str, Any], plan: bytes) -> Any:  # noqa: ANN401
    try:
        return core.import_model(plan, "CPU", options)
    except _FAULTS as error:
        raise PlanUnfit(one_line(error)) from error


def _compile(core: Any, options: dict[str, Any], bundle: Bundle, settings: OpenVinoClassifier) -> bytes:  # noqa: ANN401
    """Compile a model for one crop a run, and see that it takes and gives what an engine must."""
    name = MODEL_INT8 if settings.precision == "int8" else MODEL
    path, content = bundle.folder / name, read_model(bundle, name)
    try:
        model = core.read_model(content)
        takes = [(port.element_type.get_type_name(), list(port.partial_shape)[1:]) for port in model.inputs]
        if takes != [("u8", [CROP_PX, CROP_PX])]:
            msg = (
                f"{path} takes {takes} where uint8 (N, {CROP_PX}, {CROP_PX}) is wanted; "
                "export it with zpscope.training"
            )
            raise ModelRefused(msg)
        model.reshape([1, CROP_PX, CROP_PX])
        compiled = core.compile_model(model, "CPU", options)
    except _FAULTS as error:
        msg = f"{path} does not load: {one_line(error)}; export the model again"
        raise ModelRefused(msg) from error
    gives = [(port.element_type.get_type_name(), list(port.shape)) for port in compiled.outputs]
    if gives != [("f32", [1])]:
        msg = f"{path} gives {gives} for a crop and no probability; export it with zpscope.training"
        raise ModelRefused(msg)
    return bytes(compiled.export_model().getvalue())
