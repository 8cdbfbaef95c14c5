# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false
"""The classifier on ONNX Runtime's CPU provider; the only file that knows onnxruntime.

Every crop is a run of its own, on one thread. So the probability of a crop cannot depend on its companions,
on the size of the batch or on the number of threads: not by measurement on one processor, but by
construction on all of them. Several threads score several crops at once. The price is what a whole
batch in one run would gain, up to a fifth on a narrow network (benchmarks/README.md, "Classification"); in
return the runtime's memory keeps one size, too.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before its import: it would write a device's id and report use
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as binding

from zpscope.config.classifiers import OnnxRuntimeClassifier
from zpscope.config.errors import ModelRefused
from zpscope.engines.bundle import MODEL, Bundle, read_model
from zpscope.engines.engine import Tell, check_answer, check_crops, entered, entering, one_line, unheard
from zpscope.imaging.crop import CROP_PX

_ERRORS_ONLY = 3
"""Severity from which the runtime writes to standard error."""
_FAULTS: tuple[type[Exception], ...] = (
    binding.EPFail,
    binding.Fail,
    binding.InvalidArgument,
    binding.InvalidGraph,
    binding.InvalidProtobuf,
    binding.NoModel,
    binding.NotFound,
    binding.NotImplemented,
    binding.RuntimeException,
)
"""The runtime's own errors have no common root."""


@dataclass(frozen=True)
class _Loaded:
    session: onnxruntime.InferenceSession
    crops: str
    """Name of the model's input."""
    pool: ThreadPoolExecutor


class OnnxRuntimeEngine:
    """ONNX Runtime on the CPU; see `Engine`."""

    def __init__(self, settings: OnnxRuntimeClassifier, bundle: Bundle, tell: Tell = unheard) -> None:
        self._settings = settings
        self._bundle = bundle
        self._tell = tell
        self._loaded: _Loaded | None = None

    @property
    def runtime(self) -> str:
        """What runs, and on what, in words."""
        threads = self._settings.threads
        return f"onnxruntime {onnxruntime.__version__} CPU, {threads} thread{'s' if threads > 1 else ''}"

    def classify(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return P(ZP-binding) (N,) of crops (N, 128, 128).

        Raises:
            ModelRefused: The crops have another shape or type, or the model answers with no probability.
        """
        loaded = entered(self._loaded)
        check_crops(crops)
        singles = (crops[index : index + 1] for index in range(len(crops)))
        score = partial(_probability, loaded)
        alone = self._settings.threads == 1  # then the caller's own thread does, without handing over
        return np.fromiter(
            map(score, singles) if alone else loaded.pool.map(score, singles), np.float32, len(crops)
        )

    def __enter__(self) -> Self:
        self._tell("building", 0.0)
        with entering(self):
            session = _session(self._bundle)
            pool = ThreadPoolExecutor(self._settings.threads, thread_name_prefix="onnxruntime")
            self._loaded = _Loaded(session, session.get_inputs()[0].name, pool)
            self._tell("warming", 0.0)
        return self

    def __exit__(self, *exc: object) -> None:
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            loaded.pool.shutdown(cancel_futures=True)


def _session(bundle: Bundle) -> onnxruntime.InferenceSession:
    """Load a model on one thread of the CPU, and see that it takes and gives what an engine must."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = _ERRORS_ONLY
    path, model = bundle.folder / MODEL, read_model(bundle)
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except _FAULTS as error:
        msg = f"{path} does not load: {one_line(error)}; export the model again"
        raise ModelRefused(msg) from error
    takes = [(value.type, value.shape[1:]) for value in session.get_inputs()]
    gives = [(value.type, len(value.shape)) for value in session.get_outputs()]
    if takes != [("tensor(uint8)", [CROP_PX, CROP_PX])] or gives != [("tensor(float)", 1)]:
        msg = (
            f"{path} takes {takes} and gives {gives} where uint8 (N, {CROP_PX}, {CROP_PX}) and float32 (N,) "
            "are wanted; export it with zpscope.training"
        )
        raise ModelRefused(msg)
    return session


def _probability(loaded: _Loaded, crop: NDArray[np.uint8]) -> np.float32:
    """Score one crop (1, 128, 128)."""
    try:
        answer = np.asarray(loaded.session.run(None, {loaded.crops: crop})[0])
    except _FAULTS as error:
        msg = f"the model fails on a crop: {one_line(error)}; install another model"
        raise ModelRefused(msg) from error
    check_answer(answer, 1)
    return np.float32(answer[0])
