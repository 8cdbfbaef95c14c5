"""A start says how far it is: to the service manager, to displays, to Prometheus, and to whoever commands too early."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.system.scope import newest, port_overrides, until
from zpscope.config.errors import CommandRefused, ModelRefused
from zpscope.config.load import load_settings
from zpscope.config.settings import Settings
from zpscope.daemon import inference_process, wire
from zpscope.daemon.inference_process import InferenceProcess
from zpscope.daemon.loading import Loading
from zpscope.daemon.metrics import LoadingCollector, ScoringMetrics, process_registry
from zpscope.daemon.samples import Samples, model_of
from zpscope.daemon.sockets import Publisher, Subscriber, command
from zpscope.daemon.store import open_store
from zpscope.display.latest import Latest
from zpscope.display.words import words
from zpscope.engines.bundle import open_bundle
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH


class SlowEngine:
    """Takes as long to enter as the test wants; says what compiling for a GPU says."""

    runtime = "slow"

    def __init__(self, loading: Loading, fault: str = "") -> None:
        self._loading = loading
        self._fault = fault
        self.go_on = threading.Event()
        self.left = False

    def classify(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.zeros(len(crops), np.float32)

    def __enter__(self) -> Self:
        while not self.go_on.wait(0.01):
            if not self._loading.tell("building", 0.4):
                raise ModelRefused("told to end")
        if self._fault:
            raise ModelRefused(self._fault)
        return self

    def __exit__(self, *exc: object) -> None:
        self.left = True


class Bench:
    """An inference process in a thread, with an engine that takes its time."""

    def __init__(self, settings: Settings, fault: str = "") -> None:
        self.loading, self.stop, self.ready = Loading(), threading.Event(), threading.Event()
        self.engine = SlowEngine(self.loading, fault)
        self.settings = settings
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        settings = self.settings
        model = model_of(open_bundle("demonstration", PREPROCESSING_HASH, CROP_UM_PER_PX), "slow")
        with open_store(settings.store.path) as store, Publisher(settings.wire.state) as publisher:
            samples = Samples(store, self.engine, model, settings)
            metrics = ScoringMetrics(process_registry(), model)
            process = InferenceProcess(settings, samples, model, metrics, self.loading)
            try:
                with self.loading.entering(self.engine):
                    process.run(self.stop, publisher, self.ready.set)
            except ModelRefused as error:
                self.error = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop.set()
        self._thread.join()

    def join(self) -> None:
        self._thread.join()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings("demo", [*port_overrides(), f"store.path={tmp_path / 'slide.sqlite'}"])


def begun(states: Subscriber) -> wire.StateMessage | None:
    """Return the newest state once the engine has got somewhere."""
    told = newest(states)
    return told if told and told.stage_done else None


def ask(settings: Settings) -> list[wire.SampleSummary]:
    return command(settings.wire.control, wire.ControlRequest(action="list"))


def test_a_long_start_is_told_and_commands_are_told_to_wait(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference_process, "COMMAND_WAITS_S", 0.0)
    with Bench(settings) as bench, Subscriber(settings.wire.state, [wire.StateMessage.topic]) as states:
        building = until(partial(begun, states), "a state")
        assert (building.stage, building.stage_done) == ("building", 0.4)
        latest = Latest("x")
        latest.take_state(building)
        assert words(latest.snapshot(), settings.tally).model.endswith("· BUILDING 40 %")
        lines = {
            (one.name, *one.labels.values()): one.value
            for family in LoadingCollector(lambda: bench.loading.told).collect()
            for one in family.samples
        }
        assert lines["zpscope_engine_stage", "building"] == 1
        assert lines["zpscope_engine_stage", "ready"] == 0
        assert lines["zpscope_engine_stage_done_ratio",] == 0.4
        with pytest.raises(CommandRefused, match=r"building 40 %: try again when it is ready"):
            ask(settings)
        assert not bench.ready.is_set()
        bench.engine.go_on.set()
        until(bench.ready.is_set, "the engine")
        assert ask(settings) == []
        until(lambda: (told := newest(states)) and told.stage == "ready", "ready")
        latest.take_state(until(partial(newest, states), "a state"))
        assert "BUILDING" not in words(latest.snapshot(), settings.tally).model
    assert bench.engine.left


def test_a_short_start_lets_commands_wait(settings: Settings) -> None:
    with Bench(settings) as bench:
        release = threading.Timer(0.3, bench.engine.go_on.set)
        release.start()
        assert ask(settings) == []
        assert bench.ready.is_set()
        release.join()


def test_what_cannot_start_says_why(settings: Settings) -> None:
    with Bench(settings, "no such card") as bench:
        bench.engine.go_on.set()
        bench.join()
    assert str(bench.error) == "no such card"
    assert not bench.engine.left


def test_a_start_can_be_ended(settings: Settings) -> None:
    with Bench(settings) as bench:
        until(lambda: bench.loading.told[1], "the engine to begin")
    assert bench.error is None
    assert not bench.ready.is_set()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(60)
        yield listener


def test_the_service_manager_hears_every_stage(
    settings: Settings, tmp_path: Path, manager: socket.socket
) -> None:
    overrides = [*port_overrides(), f"store.path={tmp_path / 'slide.sqlite'}"]
    options = [word for one in overrides for word in ("--set", one)]
    process = subprocess.Popen(
        [sys.executable, "-m", "zpscope.daemon", "inference", "-c", "demo", *options],
        env=os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify")},
        stderr=subprocess.DEVNULL,
    )
    try:
        heard = [manager.recv(4096).decode()]
        while heard[-1] != "READY=1":
            heard.append(manager.recv(4096).decode())
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert heard[0].startswith("STATUS=building: the classifier (onnxruntime)")
    assert heard[-2].startswith("STATUS=ready: zpscope DEMONSTRATION model")
    assert all("EXTEND_TIMEOUT_USEC=30000000" in words for words in heard[:-1])
