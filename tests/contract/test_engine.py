"""What every engine must do, with every bundle; an engine is added to ENGINES and nothing else changes."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from zpscope.config.classifiers import (
    Classifier,
    CudaClassifier,
    OnnxRuntimeClassifier,
    OpenVinoClassifier,
    TensorRtClassifier,
)
from zpscope.config.errors import ModelRefused
from zpscope.engines import onnx_writer
from zpscope.engines.bundle import CARD, DEMONSTRATION, MODEL, MODEL_INT8, Bundle, open_bundle
from zpscope.engines.card import Card, Integers
from zpscope.engines.engine import Engine, Stage
from zpscope.engines.onnx_writer import ElementType, node
from zpscope.engines.open_engine import absence, open_engine
from zpscope.training.publish import digests, write_bundle

ENGINES: dict[str, Callable[[int], Classifier]] = {
    "onnxruntime": lambda threads: OnnxRuntimeClassifier(threads=threads),
    "openvino fp32": lambda threads: OpenVinoClassifier(threads=threads),
    "openvino int8": lambda threads: OpenVinoClassifier(threads=threads, precision="int8"),
    "cuda fp16": lambda threads: CudaClassifier(),
    "cuda fp32": lambda threads: CudaClassifier(precision="fp32"),
    "tensorrt fp16": lambda threads: TensorRtClassifier(runtime="tensorrt"),
    "tensorrt_rtx fp16": lambda threads: TensorRtClassifier(),
    "tensorrt_rtx fp32": lambda threads: TensorRtClassifier(precision="fp32"),
}
BARS = {"fp32": 1e-5, "fp16": 5e-3, "int8": 5e-3}
"""How far an answer may be from double precision; the integers here are a float model under their name."""


ANY = Integers(runtime="none: the same model twice", auc_loss=0, changed=0, heads=1)


def weight(name: str, *values: float) -> bytes:
    """A float tensor (n,)."""
    return onnx_writer.tensor(name, np.asarray(values, np.float32))


def tiny(
    slope: bytes | None = None,
    offset: bytes | None = None,
    *,
    side_px: int = 128,
    extra: Sequence[bytes] = (),
    last: str = "Sigmoid",
) -> bytes:
    """A model that answers last(slope * mean(crop) + offset)."""
    nodes = [
        node("Cast", ["crops"], "grey", to=ElementType.FLOAT),
        node("ReduceMean", ["grey"], "mean", axes=[1, 2], keepdims=0),
        node("Mul", ["mean", "slope"], "scaled"),
        node("Add", ["scaled", "offset"], "sum"),
        node(last, ["sum"], "probability"),
    ]
    ends = {
        "input": onnx_writer.value("crops", ElementType.UINT8, ["N", side_px, side_px]),
        "output": onnx_writer.value("probability", ElementType.FLOAT, ["N"]),
    }
    weights = [slope or weight("slope", 0.05), offset or weight("offset", -6.0), *extra]
    return onnx_writer.model(onnx_writer.graph("tiny", nodes, weights, ends))


def open_any(folder: Path) -> Bundle:
    """Open a bundle with the preprocessing and the scale that its own card names."""
    wants = Card.model_validate_json((folder / CARD).read_bytes()).preprocessing
    return open_bundle(folder, wants.hash, wants.um_per_px)


def opened(settings: Classifier, bundle: Bundle) -> Engine:
    """Return an engine for a bundle that has what its precision asks for."""
    if "int8" in str(settings) and MODEL_INT8 not in bundle.card.files:
        pytest.skip(f"the demonstration bundle has no {MODEL_INT8}")
    return open_engine(settings, bundle)


def open_made(folder: Path, model: bytes) -> Bundle:
    """Make a bundle of a model, with the demonstration's card, and open it."""
    files = {MODEL: model, MODEL_INT8: model}
    card = open_any(DEMONSTRATION).card.model_copy(update={"files": digests(files), "integers": ANY})
    write_bundle(folder, card, files)
    return open_any(folder)


def open_floats(folder: Path) -> Bundle:
    """Make a bundle without integers, and open it."""
    files = {MODEL: tiny()}
    card = open_any(DEMONSTRATION).card
    write_bundle(folder, card.model_copy(update={"files": digests(files), "integers": None}), files)
    return open_any(folder)


@pytest.fixture(scope="module", params=["demonstration", "tiny"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    if request.param == "demonstration":
        return open_any(DEMONSTRATION)
    return open_made(tmp_path_factory.mktemp("bundle") / "tiny", tiny())


@pytest.fixture(scope="module", params=sorted(ENGINES))
def settings_for(request: pytest.FixtureRequest) -> Callable[[int], Classifier]:
    if absent := absence(ENGINES[request.param](1)):
        pytest.skip(f"{request.param}: {absent}")
    return ENGINES[request.param]


@pytest.fixture(scope="module")
def engine(bundle: Bundle, settings_for: Callable[[int], Classifier]) -> Iterator[Engine]:
    with opened(settings_for(1), bundle) as entered:
        yield entered


@pytest.fixture(scope="module")
def crops() -> NDArray[np.uint8]:
    """(24, 128, 128): pale fields with a darker ellipse of varying shade, and two extremes."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[-64:64, -64:64]
    inside = (x / 22) ** 2 + (y / 34) ** 2 < 1
    shade = random.uniform(60, 180, (24, 1, 1))
    drawn = np.where(inside, shade, 215.0) + random.normal(0, 6, (24, 128, 128))
    drawn[0], drawn[1] = 0, 255
    return np.asarray(np.clip(drawn, 0, 255), np.uint8)


@pytest.fixture(scope="module")
def alone(engine: Engine, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.concatenate([engine.classify(crop[None]) for crop in crops])


def test_gives_one_probability_per_crop(engine: Engine, crops: NDArray[np.uint8]) -> None:
    answer = engine.classify(crops)
    assert answer.shape == (len(crops),)
    assert answer.dtype == np.float32
    assert ((answer >= 0) & (answer <= 1)).all()
    assert len(np.unique(answer)) > 2


def test_agrees_with_double_precision(
    tmp_path: Path, settings_for: Callable[[int], Classifier], crops: NDArray[np.uint8]
) -> None:
    truth = 1 / (1 + np.exp(6 - 0.05 * crops.mean(axis=(1, 2))))
    with open_engine(settings_for(1), open_made(tmp_path / "tiny", tiny())) as engine:
        answer = engine.classify(crops)
    assert truth.min() < 0.1 < 0.9 < truth.max()
    assert np.abs(answer - truth).max() <= BARS[getattr(settings_for(1), "precision", "fp32")]


def test_tells_how_far_it_is(bundle: Bundle, settings_for: Callable[[int], Classifier]) -> None:
    told: list[Stage] = []

    def tell(stage: Stage, share: float) -> bool:
        assert 0 <= share <= 1
        told.append(stage)
        return True

    engine = open_engine(settings_for(1), bundle, tell)
    assert told == []
    with engine:
        assert told[0] == "building"
        assert told[-1] == "warming"


def test_no_crops_give_no_probabilities(engine: Engine) -> None:
    answer = engine.classify(np.empty((0, 128, 128), np.uint8))
    assert answer.shape == (0,)
    assert answer.dtype == np.float32


def test_the_answer_is_the_callers(engine: Engine, crops: NDArray[np.uint8]) -> None:
    first = engine.classify(crops)
    kept = first.copy()
    engine.classify(255 - crops)
    assert first.tobytes() == kept.tobytes()
    assert first.flags.writeable


def test_leaves_the_crops_alone(engine: Engine, crops: NDArray[np.uint8]) -> None:
    borrowed = crops.copy()
    borrowed.flags.writeable = False
    engine.classify(borrowed)
    assert (borrowed == crops).all()


def test_takes_crops_that_do_not_lie_together(
    engine: Engine, crops: NDArray[np.uint8], alone: NDArray[np.float32]
) -> None:
    assert engine.classify(crops[::3]).tobytes() == alone[::3].tobytes()
    turned = np.asfortranarray(crops)
    assert engine.classify(turned).tobytes() == alone.tobytes()


@settings(max_examples=25, deadline=None)
@given(order=st.lists(st.integers(0, 23), min_size=1, max_size=40))
def test_a_crop_does_not_depend_on_its_companions(
    engine: Engine, crops: NDArray[np.uint8], alone: NDArray[np.float32], order: list[int]
) -> None:
    assert engine.classify(crops[order]).tobytes() == alone[order].tobytes()


@settings(max_examples=25, deadline=None)
@given(place=st.integers(0, 15), other=st.integers(0, 23), crop=st.integers(0, 23))
def test_a_crop_does_not_depend_on_its_place(
    engine: Engine, crops: NDArray[np.uint8], alone: NDArray[np.float32], place: int, other: int, crop: int
) -> None:
    order = np.full(16, other)
    order[place] = crop
    assert engine.classify(crops[order])[place].tobytes() == alone[crop].tobytes()


@pytest.mark.parametrize("threads", [2, 5])
def test_the_bits_do_not_depend_on_threads(
    bundle: Bundle,
    settings_for: Callable[[int], Classifier],
    crops: NDArray[np.uint8],
    alone: NDArray[np.float32],
    threads: int,
) -> None:
    with open_engine(settings_for(threads), bundle) as several:
        assert several.classify(crops).tobytes() == alone.tobytes()


def test_says_what_runs(engine: Engine, settings_for: Callable[[int], Classifier]) -> None:
    assert settings_for(1).runtime in engine.runtime
    assert getattr(settings_for(1), "precision", "") in engine.runtime
    if hasattr(settings_for(1), "threads"):
        assert "1 thread" in engine.runtime


def test_entering_again_leaks_nothing(
    bundle: Bundle, settings_for: Callable[[int], Classifier], crops: NDArray[np.uint8]
) -> None:
    engine = opened(settings_for(2), bundle)
    process = psutil.Process()
    threads = threading.active_count()
    resident: list[int] = []
    answers: set[bytes] = set()
    for _ in range(20):
        with engine:
            answers.add(engine.classify(crops[:4]).tobytes())
        resident.append(process.memory_info().rss)
    assert len(answers) == 1
    assert threading.active_count() == threads
    assert process.num_fds() < 1000
    assert resident[-1] - resident[4] < 16 * 2**20


def test_memory_is_flat_over_batches_of_any_size(engine: Engine, crops: NDArray[np.uint8]) -> None:
    random = np.random.default_rng(3)
    process = psutil.Process()
    engine.classify(crops.repeat(3, axis=0))
    before = process.memory_info().rss
    for size in random.integers(1, 64, 25):
        engine.classify(crops[random.integers(0, len(crops), size)])
    assert process.memory_info().rss - before < 8 * 2**20


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_memory_is_flat_over_100_000_crops(engine: Engine, crops: NDArray[np.uint8]) -> None:
    random = np.random.default_rng(4)
    process = psutil.Process()
    resident: list[int] = []
    left = 100_000
    while left > 0:
        size = min(left, int(random.integers(1, 257)))
        engine.classify(crops[random.integers(0, len(crops), size)])
        left -= size
        if left < 90_000:
            resident.append(process.memory_info().rss)
    print(f"{engine.runtime}: {min(resident) / 2**20:.1f} to {max(resident) / 2**20:.1f} MiB")
    assert max(resident) <= 1.02 * resident[0]
    assert min(resident) >= 0.98 * resident[0]


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 64, 64), np.uint8),
        np.zeros((128, 128), np.uint8),
        np.zeros((2, 1, 128, 128), np.uint8),
        np.zeros((2, 128, 128), np.float32),
        np.zeros((0,), np.uint8),
    ],
    ids=lambda wrong: f"{wrong.dtype}{wrong.shape}",
)
def test_refuses_other_crops_and_stays_in_service(
    engine: Engine, crops: NDArray[np.uint8], alone: NDArray[np.float32], wrong: NDArray[np.uint8]
) -> None:
    with pytest.raises(ModelRefused, match=r"uint8 \(N, 128, 128\)"):
        engine.classify(wrong)
    assert engine.classify(crops[:2]).tobytes() == alone[:2].tobytes()


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (tiny(side_px=64), r"model(\.int8)?\.onnx takes"),
        (tiny(weight("other", 1.0)), "does not load"),
        (tiny(weight("slope", 1.0, 2.0)), "no probability"),
    ],
    ids=["other_side", "broken_graph", "other_output"],
)
def test_refuses_a_model_that_does_not_answer(
    tmp_path: Path, settings_for: Callable[[int], Classifier], model: bytes, says: str
) -> None:
    opened = open_made(tmp_path / "bad", model)
    threads = threading.active_count()
    with pytest.raises(ModelRefused, match=says) as refused, open_engine(settings_for(1), opened):
        pass
    assert "\n" not in str(refused.value)
    assert threading.active_count() == threads


def test_refuses_nan_answers(tmp_path: Path, settings_for: Callable[[int], Classifier]) -> None:
    if "fp16" in str(settings_for(1)) and "tensorrt" in str(settings_for(1)):
        pytest.skip("a network without a softmax has no half precision")
    slope, offset = weight("slope", -1.0), weight("offset", 0.25)
    model = tiny(slope, offset, last="Sqrt")  # NaN for all but the blackest crops
    opened = open_made(tmp_path / "bad", model)
    with open_engine(settings_for(1), opened) as engine:
        assert engine.classify(np.zeros((1, 128, 128), np.uint8)).shape == (1,)
        with pytest.raises(ModelRefused, match="no probability"):
            engine.classify(np.full((1, 128, 128), 200, np.uint8))
