"""The one place that knows which engine serves which settings; each is imported only where it is chosen.

`auto` is settled here, before anything is loaded: the best runtime that is installed and has its hardware, and
the reason why every better one was passed over, which then stands wherever the runtime is named.
"""

import logging
from importlib import util
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zpscope.config.classifiers import (
    LARGEST_GPU_BATCH,
    AutoClassifier,
    Classifier,
    CudaClassifier,
    OnnxRuntimeClassifier,
    OpenVinoClassifier,
    TensorRtClassifier,
)
from zpscope.config.errors import ModelRefused
from zpscope.engines.bundle import Bundle
from zpscope.engines.engine import Engine, Tell, unheard
from zpscope.imaging.pixels import OpenCvPixels, OpenPixels

_log = logging.getLogger(__name__)


class ChosenEngine:
    """The engine that `auto` chose; it says so, and why."""

    def __init__(self, engine: Engine, passed_over: str) -> None:
        self._engine = engine
        self._passed_over = passed_over

    @property
    def runtime(self) -> str:
        """What runs, and on what, and why nothing better."""
        return f"{self._engine.runtime}; auto{self._passed_over and f': {self._passed_over}'}"

    def classify(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return P(ZP-binding) (N,) of crops (N, 128, 128)."""
        return self._engine.classify(crops)

    def __enter__(self) -> Self:
        self._engine.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._engine.__exit__(*exc)


def open_engine(settings: Classifier, bundle: Bundle, tell: Tell = unheard) -> Engine:
    """Return the engine for these settings; entering it loads the model, and tells how far it is.

    Raises:
        ModelRefused: The runtime is not installed, or its hardware is not there.
    """
    if absent := absence(settings):
        msg = f"classifier.runtime {settings.runtime} cannot be used: {absent}"
        raise ModelRefused(msg)
    match settings:
        case OnnxRuntimeClassifier():
            from zpscope.engines.onnxruntime_engine import OnnxRuntimeEngine

            return OnnxRuntimeEngine(settings, bundle, tell)
        case OpenVinoClassifier():
            from zpscope.engines.openvino_engine import OpenVinoEngine

            return OpenVinoEngine(settings, bundle, tell)
        case TensorRtClassifier():
            from zpscope.engines.tensorrt_engine import TensorRtEngine

            return TensorRtEngine(settings, bundle, tell)
        case CudaClassifier():
            from zpscope.engines.cuda_engine import CudaEngine

            return CudaEngine(settings, bundle, tell)
        case AutoClassifier():
            chosen, passed_over = choose(settings)
            engine = ChosenEngine(open_engine(chosen, bundle, tell), passed_over)
            level = logging.WARNING if passed_over else logging.INFO
            _log.log(level, "the classifier runs on %s", engine.runtime)
            return engine


def open_pixels(settings: Classifier) -> OpenPixels:
    """Return what does the work on every pixel of a field, chosen with the engine: the GPU that crops are scored on."""
    if isinstance(settings, AutoClassifier):
        settings, _ = choose(settings)
    if not isinstance(settings, (CudaClassifier, TensorRtClassifier)):
        return OpenCvPixels.opened
    if absent := absence(CudaClassifier()):
        _log.warning("fields are segmented on the CPU alone: %s", absent)
        return OpenCvPixels.opened
    from zpscope.engines.torch_pixels import open_pixels_on

    _log.info("the work on every pixel of a field runs on the GPU")
    return open_pixels_on("cuda")


def choose(settings: AutoClassifier) -> tuple[Classifier, str]:
    """Return the best runtime's settings, and why each better one was passed over."""
    shared = settings.model_dump(exclude={"runtime", "threads"})
    on_gpu = shared | {"batch": min(settings.batch, LARGEST_GPU_BATCH)}
    on_cpu = shared | {"threads": settings.threads}
    passed_over: dict[str, None] = {}  # reasons, each once, in order
    for candidate in (
        TensorRtClassifier.model_validate(on_gpu | {"runtime": "tensorrt"}),
        TensorRtClassifier.model_validate(on_gpu | {"runtime": "tensorrt_rtx"}),
        CudaClassifier.model_validate(on_gpu),
        OpenVinoClassifier.model_validate(on_cpu),
    ):
        absent = absence(candidate)
        if not absent:
            return candidate, "; ".join(passed_over)
        passed_over[absent] = None
    return OnnxRuntimeClassifier.model_validate(on_cpu), "; ".join(passed_over)


def absence(settings: Classifier) -> str:
    """Return why a runtime cannot be used on this machine, empty if it can."""
    match settings:
        case OpenVinoClassifier():
            return _missing("openvino", "zpscope[openvino]")
        case TensorRtClassifier():
            extra = "zpscope[tensorrt]"
            package = extra if settings.runtime == "tensorrt_rtx" else f"tensorrt' '{extra}"
            return _no_driver() or _missing(settings.runtime, package) or _missing("cuda", extra) or _no_gpu()
        case CudaClassifier():
            return _no_driver() or _missing("torch", "zpscope[cuda]") or _no_cuda()
        case OnnxRuntimeClassifier() | AutoClassifier():
            return ""


def _missing(package: str, install: str) -> str:
    return "" if util.find_spec(package) else f"{package} is not installed (pip install '{install}')"


def _no_driver() -> str:
    """Return that there is no GPU, as quickly as a look at files tells; Linux, and Linux inside Windows."""
    there = any(Path(path).exists() for path in ("/proc/driver/nvidia/version", "/dev/dxg"))
    return "" if there else "this machine has no NVIDIA GPU, or no driver for it"


def _no_gpu() -> str:
    from zpscope.engines.gpu import gpu_absence

    return gpu_absence()


def _no_cuda() -> str:
    from zpscope.engines.cuda_engine import cuda_absence

    return cuda_absence()
