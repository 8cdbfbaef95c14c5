"""Prometheus endpoints of the processes. The only file that knows prometheus_client.

The frame counters are read at the moment of a scrape from one snapshot of the ledgers, so that the conservation
law holds in every scrape, and they go on from the store's totals after a restart. No label names a sample.
"""

import errno
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from zpscope.config.errors import AddressInUse
from zpscope.daemon.ledger import Ledger
from zpscope.daemon.wire import CameraMessage, Model

_LATENCY_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


@contextmanager
def serve_metrics(host: str, port: int, registry: CollectorRegistry) -> Generator[None, None, None]:
    """Serve a registry over HTTP while the `with` lasts; port 0: not at all."""
    if port == 0:
        yield
        return
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        why = (
            "is in use by another program"
            if error.errno == errno.EADDRINUSE
            else f"failed ({error.strerror})"
        )
        msg = f"the metrics port {host}:{port} {why}: set another one under [metrics], or 0 for none"
        raise AddressInUse(msg) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def process_registry() -> CollectorRegistry:
    """Return a registry of the process itself: memory, processor time, open files, Python."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


class LedgerCollector(Collector):
    """Frames and heads, over the slides of this process's life."""

    def __init__(self, ledgers: Callable[[], Sequence[Ledger]]) -> None:
        self._ledgers = ledgers

    def collect(self) -> Iterable[Metric]:
        """Return the families of one snapshot."""
        ledgers = self._ledgers()
        yield _counter("zpscope_fields_captured", "Fields captured.", sum(one.captured for one in ledgers))
        yield _counter("zpscope_fields_scored", "Fields scored.", sum(one.scored for one in ledgers))
        yield _by(
            "zpscope_fields_skipped", "Whole fields skipped.", "reason", [one.skipped for one in ledgers]
        )
        yield _by("zpscope_fields_lost", "Whole fields lost.", "stage", [one.lost for one in ledgers])
        yield GaugeMetricFamily(
            "zpscope_fields_in_flight",
            "Fields captured whose fate is open: captured - scored - skipped - lost.",
            sum(one.in_flight for one in ledgers),
        )
        yield _counter(
            "zpscope_camera_reconnects",
            "Times the camera process was started afresh while a sample was open.",
            sum(max(0, len(one.sessions) - 1) for one in ledgers),
        )
        yield GaugeMetricFamily(
            "zpscope_fields_unplaced",
            "Scored fields that fit nowhere on the slide; their heads are left out.",
            sum(one.unplaced for one in ledgers),
        )
        yield GaugeMetricFamily(
            "zpscope_islands",
            "Parts of slides that are not known to join.",
            sum(len(one.islands) for one in ledgers),
        )
        yield _counter("zpscope_objects_found", "Objects found.", sum(one.found for one in ledgers))
        rejected = [one.rejected for one in ledgers]
        yield _by("zpscope_objects_rejected", "Objects not classified.", "reason", rejected)
        yield _counter("zpscope_heads_classified", "Heads classified.", sum(one.n for one in ledgers))
        yield _counter(
            "zpscope_heads_bound", "Heads classified as ZP-binding.", sum(one.k for one in ledgers)
        )


class LoadingCollector(Collector):
    """How far the engine is."""

    def __init__(self, told: Callable[[], tuple[str, float]]) -> None:
        self._told = told

    def collect(self) -> Iterable[Metric]:
        """Return the families of one snapshot."""
        stage, share = self._told()
        stages = GaugeMetricFamily(
            "zpscope_engine_stage", "1 for the stage the engine is in.", labels=["stage"]
        )
        for each in ("building", "warming", "ready"):
            stages.add_metric([each], int(each == stage))
        yield stages
        yield GaugeMetricFamily("zpscope_engine_stage_done_ratio", "Share of that stage that is done.", share)


class CameraCollector(Collector):
    """Frames of the camera process, of its present sample."""

    def __init__(self, message: Callable[[], CameraMessage]) -> None:
        self._message = message

    def collect(self) -> Iterable[Metric]:
        """Return the families of one snapshot."""
        message = self._message()
        yield GaugeMetricFamily(
            "zpscope_camera_capturing", "1 while exposures are made.", int(message.capturing)
        )
        yield GaugeMetricFamily("zpscope_camera_captured", "Fields captured, this sample.", message.captured)
        yield GaugeMetricFamily("zpscope_camera_retained", "Fields not yet committed.", message.retained)
        lost = GaugeMetricFamily("zpscope_camera_lost", "Fields lost, this sample.", labels=["stage"])
        for stage, frames in message.lost.items():
            lost.add_metric([stage], frames)
        yield lost


class DisplayCollector(Collector):
    """What the display process has received."""

    def __init__(self, received: Callable[[], tuple[int, float | None]]) -> None:
        self._received = received

    def collect(self) -> Iterable[Metric]:
        """Return the families of one snapshot."""
        states, age_s = self._received()
        yield _counter("zpscope_display_states_received", "States received.", states)
        age = GaugeMetricFamily("zpscope_display_state_age_seconds", "Age of the state shown.", labels=[])
        if age_s is not None:
            age.add_metric([], age_s)
        yield age


class ScoringMetrics:
    """What the inference process notes as it goes."""

    def __init__(self, registry: CollectorRegistry, model: Model) -> None:
        self.lag = Histogram(
            "zpscope_commit_lag_seconds",
            "Age of a frame at its commit.",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.camera_connected = Gauge(
            "zpscope_camera_connected",
            "1 while the camera process is heard and has its camera.",
            registry=registry,
        )
        self.colour_drift = Gauge(
            "zpscope_colour_drift",
            "How far the stain of the last field lies from that of the slide's first ones, in L*a*b* units.",
            registry=registry,
        )
        registry.register(_Info(model))


class _Info(Collector):
    def __init__(self, model: Model) -> None:
        self._model = model

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily(
            "zpscope_model",
            "The model in use.",
            value={
                "name": self._model.name,
                "version": self._model.version,
                "sha256": self._model.sha256,
                "demonstration": str(self._model.demonstration).lower(),
                "runtime": self._model.runtime,
            },
        )


def _counter(name: str, help_text: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(name, help_text, value)


def _by(name: str, help_text: str, label: str, counts: Iterable[Mapping[str, int]]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, help_text, labels=[label])
    total = Counter[str]()
    for one in counts:
        total.update(one)
    for value, count in sorted(total.items()):
        family.add_metric([value], count)
    return family
