"""What OpenVINO compiled is found again at the next start, and made anew if it is not what it was."""

from pathlib import Path

import numpy as np
import pytest

from tests.contract.test_engine import open_any
from zpscope.config.classifiers import OpenVinoClassifier
from zpscope.engines.bundle import DEMONSTRATION
from zpscope.engines.open_engine import absence, open_engine

if absent := absence(OpenVinoClassifier()):
    pytest.skip(f"openvino: {absent}", allow_module_level=True)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_second_start_compiles_nothing_and_answers_the_same(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path))
    crops = np.random.default_rng(1).integers(0, 256, (3, 128, 128), dtype=np.uint8)
    bundle = open_any(DEMONSTRATION)
    caplog.set_level("INFO")

    def start(threads: int) -> list[float]:
        caplog.clear()
        settings = OpenVinoClassifier.model_validate({"precision": precision, "threads": threads})
        with open_engine(settings, bundle) as engine:
            return list(map(float, engine.classify(crops)))

    first = start(1)
    assert "the model is compiled" in caplog.text
    for threads in (1, 2):
        assert start(threads) == first
        assert "the compiled model is read from" in caplog.text
    (plan,) = (tmp_path / "plans").glob("*.plan")
    kept = plan.read_bytes()
    plan.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    assert start(1) == first
    assert "altered" in caplog.text
