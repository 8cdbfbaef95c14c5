"""The inference process put together: model, store, sockets and metrics, from the start to the end of the service."""

import threading
from functools import partial

from zpscope.config.settings import Settings
from zpscope.daemon.inference_process import InferenceProcess
from zpscope.daemon.loading import Loading
from zpscope.daemon.memory import keep_memory
from zpscope.daemon.metrics import (
    LedgerCollector,
    LoadingCollector,
    ScoringMetrics,
    process_registry,
    serve_metrics,
)
from zpscope.daemon.notify import notify, tell_start
from zpscope.daemon.samples import Samples, model_of
from zpscope.daemon.sockets import Publisher
from zpscope.daemon.store import open_store
from zpscope.daemon.wire import Model
from zpscope.engines.bundle import open_bundle
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH


def serve(settings: Settings, stop: threading.Event) -> None:
    """Serve until told to stop."""
    keep_memory()
    classifier = settings.classifier
    bundle = open_bundle(classifier.bundle, PREPROCESSING_HASH, CROP_UM_PER_PX)
    loading, registry = Loading(), process_registry()
    engine = open_engine(classifier, bundle, loading.tell)
    model = model_of(bundle, engine.runtime)
    with open_store(settings.store.path) as store, Publisher(settings.wire.state) as publisher:
        samples = Samples(store, engine, model, settings)
        registry.register(LedgerCollector(samples.ledgers))
        registry.register(LoadingCollector(lambda: loading.told))
        process = InferenceProcess(settings, samples, model, ScoringMetrics(registry, model), loading)
        with (
            serve_metrics(settings.metrics.host, settings.metrics.inference_port, registry),
            loading.entering(engine),
        ):
            process.run(stop, publisher, partial(_ready, model))
            notify("STOPPING=1")


def _ready(model: Model) -> None:
    tell_start(f"ready: {model.name} {model.version} runs on {model.runtime}")
    notify("READY=1")
