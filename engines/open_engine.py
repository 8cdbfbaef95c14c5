"""The one place that knows which engine serves which settings; each is imported only where it is chosen.

`auto` is settled here, before anything is loaded: the best runtime that is installed and has its hardware, and
the reason why every better one was passed over, which then stands wherever the runtime is named.
"""

import logging
from importlib import util
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zpscope.config.classifiers import AutoClassifier, Classifier, OnnxRuntimeClassifier, OpenVinoClassifier
from zpscope.config.errors import ModelRefused
from zpscope.engines.bundle import Bundle
from zpscope.engines.engine import Engine

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


def open_engine(settings: Classifier, bundle: Bundle) -> Engine:
    """Return the engine for these settings; entering it loads the model.

    Raises:
        ModelRefused: The runtime is not installed.
    """
    match settings:
        case OnnxRuntimeClassifier():
            from zpscope.engines.onnxruntime_engine import OnnxRuntimeEngine

            return OnnxRuntimeEngine(settings, bundle)
        case OpenVinoClassifier():
            if absent := absence(settings):
                msg = f"classifier.runtime {settings.runtime} cannot be used: {absent}"
                raise ModelRefused(msg)
            from zpscope.engines.openvino_engine import OpenVinoEngine

            return OpenVinoEngine(settings, bundle)
        case AutoClassifier():
            chosen, passed_over = choose(settings)
            engine = ChosenEngine(open_engine(chosen, bundle), passed_over)
            level = logging.WARNING if passed_over else logging.INFO
            _log.log(level, "the classifier runs on %s", engine.runtime)
            return engine


def choose(settings: AutoClassifier) -> tuple[Classifier, str]:
    """Return the best runtime's settings, in floats, and why each better one was passed over."""
    shared = settings.model_dump(exclude={"runtime"})
    passed_over: list[str] = []
    for candidate in (OpenVinoClassifier.model_validate(shared),):
        absent = absence(candidate)
        if not absent:
            return candidate, "; ".join(passed_over)
        passed_over.append(absent)
    return OnnxRuntimeClassifier.model_validate(shared), "; ".join(passed_over)


def absence(settings: Classifier) -> str:
    """Return why a runtime cannot be used on this machine, empty if it can."""
    match settings:
        case OpenVinoClassifier():
            return (
                ""
                if util.find_spec("openvino")
                else "openvino is not installed (pip install 'zpscope[openvino]')"
            )
        case OnnxRuntimeClassifier() | AutoClassifier():
            return ""
