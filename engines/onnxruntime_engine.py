# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false
"""The classifier on ONNX Runtime's CPU provider; the only file that knows onnxruntime.

The convolutions of every crop are a run of their own, on one thread; several threads score several crops at once. The
linear layers, whose 200 MB of weights are read from memory in every run, take the crops in fours: always four rows,
blank where there are no more crops. So every run has the same shape, whatever the batch and the number of threads, and
the probability of a crop cannot depend on its companions, for a matrix product mixes no rows. Nor does it depend on
which of the four rows it has: the runtime sums every row in the same order, on the way along the weights. The
contract suite holds it to that, bit by bit. In return for its fixed shapes the runtime's memory keeps one size, too.
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
from zpscope.engines.onnx_split import ROWS, split
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
    convolutions: onnxruntime.InferenceSession
    """Or the whole model, where it cannot be split."""
    linear: onnxruntime.InferenceSession | None
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
        threads = self._settings.threads
        parts = min(len(crops), -(-len(crops) // (ROWS * threads)) * threads)
        score = partial(_probabilities, loaded)
        alone = threads == 1  # then the caller's own thread does, without handing over
        shares = np.array_split(crops, max(parts, 1))
        answer = np.concatenate(list(map(score, shares) if alone else loaded.pool.map(score, shares)))
        check_answer(answer, len(crops))
        return answer

    def __enter__(self) -> Self:
        self._tell("building", 0.0)
        with entering(self):
            sessions = _sessions(self._bundle)
            pool = ThreadPoolExecutor(self._settings.threads, thread_name_prefix="onnxruntime")
            self._loaded = _Loaded(*sessions, pool)
            self._tell("warming", 0.0)
        return self

    def __exit__(self, *exc: object) -> None:
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            loaded.pool.shutdown(cancel_futures=True)


def _sessions(
    bundle: Bundle,
) -> tuple[onnxruntime.InferenceSession, onnxruntime.InferenceSession | None]:
    """Load a model's parts on one thread of the CPU, and see that they take and give what an engine must."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = _ERRORS_ONLY
    path, model = bundle.folder / MODEL, read_model(bundle)
    try:
        first, *last = (
            onnxruntime.InferenceSession(part, options, providers=["CPUExecutionProvider"])
            for part in split(model) or (model,)
        )
    except _FAULTS as error:
        msg = f"{path} does not load: {one_line(error)}; export the model again"
        raise ModelRefused(msg) from error
    takes = [(value.type, value.shape[1:]) for value in first.get_inputs()]
    gives = [(value.type, len(value.shape)) for value in [first, *last][-1].get_outputs()]
    if takes != [("tensor(uint8)", [CROP_PX, CROP_PX])] or gives != [("tensor(float)", 1)]:
        msg = (
            f"{path} takes {takes} and gives {gives} where uint8 (N, {CROP_PX}, {CROP_PX}) and float32 (N,) "
            "are wanted; export it with zpscope.training"
        )
        raise ModelRefused(msg)
    return first, last[0] if last else None


def _probabilities(loaded: _Loaded, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Score up to `ROWS` crops (N, 128, 128)."""
    found = [_run(loaded.convolutions, crops[at : at + 1]) for at in range(len(crops))]
    if loaded.linear is None or not found:
        return np.concatenate([np.empty(0, np.float32), *found])
    cells = np.zeros((ROWS, found[0].shape[1]), np.float32)
    np.concatenate(found, out=cells[: len(found)])
    return _run(loaded.linear, cells)[: len(found)]


def _run(session: onnxruntime.InferenceSession, value: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return what a part makes of its one input."""
    try:
        return np.asarray(session.run(None, {session.get_inputs()[0].name: value})[0])
    except _FAULTS as error:
        msg = f"the model fails on a crop: {one_line(error)}; install another model"
        raise ModelRefused(msg) from error
