"""`zpscope inference`: the inference process, as systemd or `zpscope run` starts it."""

import argparse
import logging

from zpscope.daemon.inference_process import InferenceProcess
from zpscope.daemon.metrics import LedgerCollector, ScoringMetrics, process_registry, serve_metrics
from zpscope.daemon.notify import notify
from zpscope.daemon.process import add_settings_arguments, settings_of, start_log, stop_event
from zpscope.daemon.samples import Samples, model_of
from zpscope.daemon.sockets import Publisher
from zpscope.daemon.store import open_store
from zpscope.engines.bundle import open_bundle
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH

_log = logging.getLogger(__name__)

HELP = "find, classify and commit heads; tell the displays"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_settings_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM."""
    start_log("inference")
    stop = stop_event()
    settings = settings_of(arguments)
    _say(f"loading the classifier ({settings.classifier.runtime}) from {settings.classifier.bundle}")
    bundle = open_bundle(settings.classifier.bundle, PREPROCESSING_HASH, CROP_UM_PER_PX)
    with open_store(settings.store.path) as store, Publisher(settings.wire.state) as publisher:
        with open_engine(settings.classifier, bundle) as engine:
            model = model_of(bundle, engine.runtime)
            _say(f"{model.name} {model.version} runs on {model.runtime}")
            samples = Samples(store, engine, model, settings)
            registry = process_registry()
            registry.register(LedgerCollector(samples.ledgers))
            process = InferenceProcess(settings, samples, model, ScoringMetrics(registry, model))
            with serve_metrics(settings.metrics.host, settings.metrics.inference_port, registry):
                process.run(stop, publisher, lambda: notify("READY=1"))
                notify("STOPPING=1")
    return 0


def _say(words: str) -> None:
    """Tell the log and the service manager how far the start is."""
    _log.info(words)
    notify(f"STATUS={words}")
