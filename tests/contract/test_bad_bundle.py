"""Every bad input to an engine: refused with its reason in one line, while the running model stays in service."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.contract.test_engine import open_any, open_made, tiny, weight
from zpscope.config.classifiers import OnnxRuntimeClassifier, TensorRtClassifier
from zpscope.config.errors import ModelRefused
from zpscope.engines.bundle import CARD, DEMONSTRATION, MODEL, open_bundle
from zpscope.engines.engine import Engine
from zpscope.engines.onnx_writer import ElementType
from zpscope.engines.open_engine import open_engine
from zpscope.engines.plan_cache import PlanKey, PlanUnfit, cached
from zpscope.engines.protobuf import chunk, number
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH


@pytest.fixture(scope="module")
def crops() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (3, 128, 128), np.uint8)


def copy(folder: Path) -> Path:
    return Path(shutil.copytree(DEMONSTRATION, folder / "bundle"))


def opened(folder: Path) -> None:
    bundle = open_bundle(folder, PREPROCESSING_HASH, CROP_UM_PER_PX)
    with open_engine(OnnxRuntimeClassifier(), bundle):
        pass


def a_changed_byte(folder: Path) -> None:
    path = copy(folder) / MODEL
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    opened(path.parent)


def written_on_the_card(folder: Path, key: str, value: object) -> None:
    path = copy(folder) / CARD
    card = json.loads(path.read_text())
    card["preprocessing"][key] = value
    path.write_text(json.dumps(card))
    opened(path.parent)


def another_preprocessing(folder: Path) -> None:
    written_on_the_card(folder, "hash", "0" * 64)


def another_scale(folder: Path) -> None:
    written_on_the_card(folder, "um_per_px", 0.1)


def nan_weights(folder: Path) -> None:
    open_made(folder / "bundle", tiny(weight("slope", float("nan"))))


def a_weight_outside_the_folder(folder: Path) -> None:
    (folder / "secret").write_bytes(bytes(4))
    place = chunk(13, chunk(1, "location") + chunk(2, "../secret"))
    outside = number(1, 1) + number(2, ElementType.FLOAT) + chunk(8, "slope") + place + number(14, 1)
    open_made(folder / "bundle", tiny(outside))


def a_plan_that_nobody_can_load(folder: Path) -> None:
    def unfit(plan: bytes) -> bytes:
        raise PlanUnfit("made for another GPU")

    cached(folder, PlanKey("b", "fp16", "r", "RTX 4070", "89", "580"), lambda: b"plan", unfit)


def a_runtime_without_its_hardware(folder: Path) -> None:
    with open_engine(TensorRtClassifier(runtime="tensorrt"), open_any(DEMONSTRATION)):
        pytest.skip("this machine has a GPU and TensorRT")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (a_changed_byte, "is not the file card.json was written for"),
        (another_preprocessing, "trained on crops made by another version"),
        (another_scale, "wants crops at 0.1 µm/px"),
        (nan_weights, "NaN or infinity in the weight 'slope'"),
        (a_weight_outside_the_folder, "keeps the weight 'slope' in another file"),
        (a_plan_that_nobody_can_load, "made for another GPU"),
        (a_runtime_without_its_hardware, "cannot be used"),
    ],
)
def test_it_is_refused_and_the_running_model_goes_on(
    tmp_path: Path, crops: NDArray[np.uint8], spoil: Callable[[Path], None], says: str
) -> None:
    with open_engine(OnnxRuntimeClassifier(), open_any(DEMONSTRATION)) as running:
        before = running.classify(crops)
        with pytest.raises(ModelRefused) as refused:
            spoil(tmp_path)
        assert says in str(refused.value)
        assert "\n" not in str(refused.value)
        assert running.classify(crops).tobytes() == before.tobytes()


@pytest.mark.parametrize("wrong", [np.zeros((1, 64, 64), np.uint8), np.zeros((1, 128, 128), np.float32)])
def test_a_wrong_batch_stops_nothing(crops: NDArray[np.uint8], wrong: NDArray[np.uint8]) -> None:
    engine: Engine = open_engine(OnnxRuntimeClassifier(), open_any(DEMONSTRATION))
    with engine as running:
        before = running.classify(crops)
        with pytest.raises(ModelRefused, match=r"takes crops of uint8 \(N, 128, 128\)"):
            running.classify(wrong)
        assert running.classify(crops).tobytes() == before.tobytes()
