# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUntypedBaseClass=false
"""The classifier on NVIDIA's TensorRT, or TensorRT for RTX, which share an interface; the only file that knows either.

The model is compiled once for a GPU, and kept (`plan_cache`). The precision stands in the ONNX itself: both packages
take it literally. Every run has the same shape, the settings' batch, filled up with blank crops: a probability
cannot depend on how many crops come together. Compiling needs a GPU on TensorRT, and none on TensorRT for RTX.
"""

import logging
from contextlib import ExitStack
from functools import partial
from types import ModuleType
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from zpscope.config.classifiers import LARGEST_GPU_BATCH, TensorRtClassifier
from zpscope.config.errors import ModelRefused
from zpscope.engines.bundle import MODEL, MODEL_INT8, Bundle, read_model
from zpscope.engines.engine import Stage, Tell, entered, entering, in_one_shape
from zpscope.engines.gpu import Gpu, Lane, find_gpu
from zpscope.engines.half import to_half
from zpscope.engines.plan_cache import PlanKey, PlanUnfit, cache_folder, cached
from zpscope.engines.signed import to_signed
from zpscope.imaging.crop import CROP_PX

_log = logging.getLogger(__name__)
BATCHES = (1, 32, LARGEST_GPU_BATCH)
"""Least, usual and largest batch that a plan serves."""


class TensorRtEngine:
    """TensorRT on an NVIDIA GPU; see `Engine`."""

    def __init__(self, settings: TensorRtClassifier, bundle: Bundle, tell: Tell) -> None:
        self._settings = settings
        self._bundle = bundle
        self._tell = tell
        self._library = library(settings.runtime)
        self._gpu = find_gpu()
        self._stack = ExitStack()
        self._lane: Lane | None = None
        self._context: Any = None

    @property
    def runtime(self) -> str:
        """What runs, and on what, in words."""
        return f"{self._settings.runtime} {self._library.__version__} {self._gpu.name} {self._settings.precision}"

    def classify(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return P(ZP-binding) (N,) of crops (N, 128, 128).

        Raises:
            ModelRefused: The crops have another shape or type, the GPU fails, or the model answers with no probability.
        """
        lane = entered(self._lane)
        return in_one_shape(crops, lane.crops, partial(self._run, lane))

    def _run(self, lane: Lane) -> NDArray[np.float32]:
        lane.send()
        if not self._context.execute_async_v3(lane.stream):
            msg = f"{self._settings.runtime} does not run the model: see the log, or set classifier.runtime to auto"
            raise ModelRefused(msg)
        lane.fetch()
        return lane.answers

    def __enter__(self) -> Self:
        self._tell("building", 0.0)
        with entering(self):
            plan = cached(cache_folder(), self._key(), self._build, self._load)
            self._tell("warming", 0.0)
            self._lane = self._stack.enter_context(Lane((self._settings.batch, CROP_PX, CROP_PX)))
            self._context = plan.create_execution_context()
            self._context.set_input_shape(plan.get_tensor_name(0), self._lane.crops.shape)
            for at, address in enumerate(self._lane.addresses):
                self._context.set_tensor_address(plan.get_tensor_name(at), address)
        return self

    def __exit__(self, *exc: object) -> None:
        self._context, self._lane = None, None
        self._stack.close()

    def _key(self) -> PlanKey:
        runtime = f"{self._settings.runtime} {self._library.__version__}"
        gpu = self._gpu
        return PlanKey(
            self._bundle.sha256, self._settings.precision, runtime, gpu.name, gpu.capability, gpu.driver
        )

    def _build(self) -> bytes:
        return build_plan(self._settings, self._bundle, self._gpu, self._tell)

    def _load(self, plan: bytes) -> Any:  # noqa: ANN401  (a runtime's own type)
        return load_plan(self._library, plan)


def library(runtime: str) -> ModuleType:
    """Return the package that a runtime is."""
    if runtime == "tensorrt":
        import tensorrt

        return cast("ModuleType", tensorrt)
    import tensorrt_rtx

    return cast("ModuleType", tensorrt_rtx)


def build_plan(settings: TensorRtClassifier, bundle: Bundle, gpu: Gpu, tell: Tell) -> bytes:
    """Return a model compiled for a GPU, which TensorRT for RTX need not have at hand.

    Raises:
        ModelRefused: The package cannot compile the model for this GPU, or was told to end.
    """
    trt, log = (found := library(settings.runtime)), _Log(found)
    path, onnx = _onnx(settings, bundle)
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(onnx):
        msg = f"{path} does not load: {parser.get_error(0).desc()}; export the model again"
        raise ModelRefused(" ".join(msg.split()))
    check_ends(network, path)
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)  # float32 is float32
    config.progress_monitor = _monitor(trt, tell)
    profile = builder.create_optimization_profile()
    profile.set_shape(network.get_input(0).name, *((batch, CROP_PX, CROP_PX) for batch in BATCHES))
    config.add_optimization_profile(profile)
    if settings.runtime == "tensorrt_rtx":
        try:
            capability = getattr(trt.ComputeCapability, f"SM{gpu.capability}")
        except AttributeError as error:
            msg = (
                f"tensorrt_rtx {trt.__version__} does not know {gpu.name} (compute capability {gpu.capability}): "
                "set classifier.runtime to tensorrt or cuda"
            )
            raise ModelRefused(msg) from error
        config.num_compute_capabilities = 1
        config.set_compute_capability(capability, 0)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        msg = f"{settings.runtime} cannot compile {path} for {gpu.name}: {log.last or 'it was told to end'}"
        raise ModelRefused(msg)
    return bytes(plan)


def load_plan(trt: ModuleType, plan: bytes) -> Any:  # noqa: ANN401  (a runtime's own type)
    """Return a plan loaded on the GPU; raise PlanUnfit if the package does not take it."""
    loaded = trt.Runtime(_Log(trt)).deserialize_cuda_engine(plan) if plan else None
    if loaded is None:
        msg = f"{trt.__name__} {trt.__version__} does not take it"
        raise PlanUnfit(msg)
    return loaded


def check_ends(network: Any, path: object) -> None:  # noqa: ANN401  (a runtime's own type)
    """Refuse a network that does not take crops and give one number for each."""
    takes = [
        (each.dtype.name, list(each.shape)) for each in map(network.get_input, range(network.num_inputs))
    ]
    gives = [
        (each.dtype.name, list(each.shape)) for each in map(network.get_output, range(network.num_outputs))
    ]
    if takes != [("UINT8", [-1, CROP_PX, CROP_PX])] or gives != [("FLOAT", [-1])]:
        msg = (
            f"{path} takes {takes} and gives {gives} where uint8 (N, {CROP_PX}, {CROP_PX}) and float32 (N,) "
            "are wanted; export it with zpscope.training"
        )
        raise ModelRefused(msg)


def _onnx(settings: TensorRtClassifier, bundle: Bundle) -> tuple[str, bytes]:
    """Return a model's path and its ONNX in the precision that is wanted."""
    name = MODEL_INT8 if settings.precision == "int8" else MODEL
    path, content = bundle.folder / name, read_model(bundle, name)
    if settings.precision == "fp16":
        return str(path), to_half(content, path)
    return str(path), to_signed(content, path) if settings.precision == "int8" else content


def _Log(trt: ModuleType) -> Any:  # noqa: ANN401, N802  (a class of its own for each package)
    """Return what takes the package's messages into the log of this process."""

    class Log(trt.ILogger):  # type: ignore[name-defined, misc]
        last = ""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, words: str) -> None:  # noqa: ANN401
            if severity in (trt.Logger.ERROR, trt.Logger.INTERNAL_ERROR):
                self.last = " ".join(words.split())
                _log.warning("%s: %s", trt.__name__, self.last)

    return Log()


def _monitor(trt: ModuleType, tell: Tell) -> Any:  # noqa: ANN401
    """Return what hears how far the package is: the share of the outermost phase's steps."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}
            self._share = 0.0

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            if parent is None:
                self._steps = {phase: steps}

        def step_complete(self, phase: str, step: int) -> bool:
            if phase in self._steps:
                self._share = (step + 1) / self._steps[phase]
            stage: Stage = "building"
            return tell(stage, self._share)

        def phase_finish(self, phase: str) -> None:
            pass

    return Monitor()
