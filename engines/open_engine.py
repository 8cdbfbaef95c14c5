"""The one place that knows which engine serves which settings; each is imported only where it is chosen."""

from typing import assert_never

from zpscope.config.settings import Classifier, OnnxRuntimeClassifier
from zpscope.engines.bundle import Bundle
from zpscope.engines.engine import Engine


def open_engine(settings: Classifier, bundle: Bundle) -> Engine:
    """Return the engine for these settings; entering it loads the model."""
    match settings:
        case OnnxRuntimeClassifier():
            from zpscope.engines.onnxruntime_engine import OnnxRuntimeEngine

            return OnnxRuntimeEngine(settings, bundle)
        case _:
            assert_never(settings)
