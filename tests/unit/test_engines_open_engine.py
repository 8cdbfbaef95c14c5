"""`auto` takes the best runtime there is and says why; a runtime that is not there is refused, never replaced."""

import logging
import os
import subprocess
import sys
from importlib import util
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from zpscope.config.classifiers import (
    AutoClassifier,
    Classifier,
    CudaClassifier,
    OnnxRuntimeClassifier,
    OpenVinoClassifier,
    TensorRtClassifier,
)
from zpscope.config.errors import ModelRefused
from zpscope.engines.bundle import Bundle, open_bundle
from zpscope.engines.open_engine import absence, choose, open_engine, open_pixels
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH
from zpscope.imaging.pixels import OpenCvPixels


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return open_bundle("demonstration", PREPROCESSING_HASH, CROP_UM_PER_PX)


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Make packages look as if they were not installed."""
    find = util.find_spec

    def seen(name: str) -> ModuleSpec | None:
        return None if name in packages else find(name)

    monkeypatch.setattr(util, "find_spec", seen)


def test_auto_falls_back_aloud(
    monkeypatch: pytest.MonkeyPatch, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    without(monkeypatch, "openvino")
    engine = open_engine(AutoClassifier(threads=2), bundle)
    assert engine.runtime.startswith("onnxruntime")
    assert "auto: " in engine.runtime
    assert "openvino is not installed" in engine.runtime
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert engine.runtime in caplog.text
    with engine:
        assert engine.classify(np.zeros((2, 128, 128), np.uint8)).shape == (2,)


def test_auto_keeps_what_else_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = AutoClassifier(threads=3, batch=7, deadline_ms=9)
    for missing in ([], ["openvino"]):
        without(monkeypatch, *missing)
        chosen, _ = choose(asked)
        assert chosen.model_dump(include={"threads", "batch", "deadline_ms"}) == asked.model_dump(
            exclude={"runtime", "bundle"}
        )


def test_a_runtime_that_was_asked_for_is_never_replaced(
    monkeypatch: pytest.MonkeyPatch, bundle: Bundle
) -> None:
    without(monkeypatch, "openvino")
    with pytest.raises(ModelRefused, match=r"not installed \(pip install"):
        open_engine(OpenVinoClassifier(), bundle)


def test_integers_that_the_bundle_lacks_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("zpscope.engines.openvino_engine", reason="the extra `openvino` is not installed")
    from tests.contract.test_engine import open_floats

    with (
        pytest.raises(ModelRefused, match=r"has no model.int8.onnx: set classifier.precision"),
        open_engine(OpenVinoClassifier(precision="int8"), open_floats(tmp_path / "floats")),
    ):
        pass


@pytest.mark.parametrize("engine", ["onnxruntime_engine", "openvino_engine"])
def test_nothing_is_reported_to_anyone(tmp_path: Path, engine: str) -> None:
    script = f"import tempfile; tempfile.tempdir = {str(tmp_path)!r}; import zpscope.engines.{engine}"
    environment = os.environ | {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, check=False, capture_output=True)
    if b"No module named 'openvino'" in done.stderr:
        pytest.skip("the extra `openvino` is not installed")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == []


def test_auto_names_the_missing_gpu_once(bundle: Bundle) -> None:
    engine = open_engine(AutoClassifier(batch=1000), bundle)
    if "CPU" not in engine.runtime:
        pytest.skip("this machine has a GPU")
    assert engine.runtime.count("NVIDIA") == 1


@pytest.mark.parametrize("settings", [OnnxRuntimeClassifier(), OpenVinoClassifier()])
def test_the_processor_works_on_pixels_where_it_scores_crops(settings: Classifier) -> None:
    assert open_pixels(settings) == OpenCvPixels.opened


@pytest.mark.parametrize("settings", [TensorRtClassifier(), CudaClassifier()])
def test_without_a_gpu_for_torch_the_pixels_stay_on_the_processor_aloud(
    settings: Classifier, caplog: pytest.LogCaptureFixture
) -> None:
    absent = absence(CudaClassifier())
    if not absent:
        pytest.skip("torch has a GPU here")
    assert open_pixels(settings) == OpenCvPixels.opened
    assert f"fields are segmented on the CPU alone: {absent}" in caplog.text


@pytest.mark.parametrize("settings", [TensorRtClassifier(), CudaClassifier(), AutoClassifier()])
def test_with_a_gpu_the_pixels_go_where_the_crops_go(
    monkeypatch: pytest.MonkeyPatch, settings: Classifier
) -> None:
    pytest.importorskip("torch", reason="the extra `cuda` is not installed")

    def here(settings: Classifier) -> str:
        return ""

    monkeypatch.setattr("zpscope.engines.open_engine.absence", here)
    opened = open_pixels(settings)
    assert opened != OpenCvPixels.opened
    assert getattr(opened, "args", None) == ("cuda",)
