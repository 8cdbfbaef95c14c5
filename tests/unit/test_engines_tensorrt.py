"""Plans are compiled by NVIDIA's own library, without a GPU; only running them needs one."""

from pathlib import Path

import pytest

from tests.contract.test_engine import open_any, open_made, tiny, weight
from zpscope.config.classifiers import TensorRtClassifier
from zpscope.config.errors import ModelRefused
from zpscope.engines.bundle import DEMONSTRATION, Bundle
from zpscope.engines.engine import Stage, unheard
from zpscope.engines.open_engine import absence, open_engine
from zpscope.engines.plan_cache import PlanKey, PlanUnfit, cached

pytest.importorskip("tensorrt_rtx", reason="the extra `tensorrt` is not installed")
pytest.importorskip("cuda", reason="the extra `tensorrt` is not installed")

from zpscope.engines.gpu import Gpu, find_gpu, gpu_absence
from zpscope.engines.tensorrt_engine import build_plan, library, load_plan

ADA, AMPERE = Gpu("NVIDIA RTX 4070", "89", "580"), Gpu("NVIDIA RTX 3060", "86", "580")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return open_any(DEMONSTRATION)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_every_precision_compiles(bundle: Bundle, precision: str) -> None:
    told: list[tuple[Stage, float]] = []

    def tell(stage: Stage, share: float) -> bool:
        told.append((stage, share))
        return True

    plan = build_plan(TensorRtClassifier.model_validate({"precision": precision}), bundle, ADA, tell)
    weights = {"fp32": 4, "fp16": 2, "int8": 1}[precision] * bundle.card.architecture.weights
    assert weights < len(plan) < weights + 3_000_000
    shares = [share for _, share in told]
    assert {stage for stage, _ in told} == {"building"}
    assert shares == sorted(shares)
    assert 0 < shares[-1] <= 1


def test_a_plan_of_another_gpu_is_built_again(tmp_path: Path, bundle: Bundle) -> None:
    built: list[Gpu] = []

    def plan_for(gpu: Gpu) -> bytes:
        def build() -> bytes:
            built.append(gpu)
            return build_plan(TensorRtClassifier(), bundle, gpu, unheard)

        runtime = f"tensorrt_rtx {library('tensorrt_rtx').__version__}"
        key = PlanKey(bundle.sha256, "fp16", runtime, gpu.name, gpu.capability, gpu.driver)
        return cached(tmp_path, key, build, bytes)

    first = plan_for(ADA)
    assert plan_for(ADA) == first
    assert plan_for(AMPERE) != first
    assert built == [ADA, AMPERE]


def test_what_is_told_to_end_ends(bundle: Bundle) -> None:
    with pytest.raises(ModelRefused, match="cannot compile"):
        build_plan(TensorRtClassifier(), bundle, ADA, lambda stage, share: False)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (tiny(side_px=64), r"model\.onnx takes"),
        (tiny(weight("other", 1.0)), "does not load"),
        (tiny(weight("slope", 1.0, 2.0)), r"takes .* and gives|cannot compile"),
    ],
    ids=["other_side", "broken_graph", "other_output"],
)
def test_refuses_a_model_that_does_not_answer(tmp_path: Path, model: bytes, says: str) -> None:
    made = open_made(tmp_path / "bad", model)
    with pytest.raises(ModelRefused, match=says) as refused:
        build_plan(TensorRtClassifier(precision="fp32"), made, ADA, unheard)
    assert "\n" not in str(refused.value)


def test_refuses_a_card_that_it_does_not_know(bundle: Bundle) -> None:
    with pytest.raises(ModelRefused, match=r"does not know NVIDIA H200 .*tensorrt or cuda"):
        build_plan(TensorRtClassifier(), bundle, Gpu("NVIDIA H200", "90", "580"), unheard)


def test_a_plan_that_cannot_be_loaded_is_said_to_be_unfit(bundle: Bundle) -> None:
    for plan in (b"", b"no plan", build_plan(TensorRtClassifier(), bundle, ADA, unheard)[:1000]):
        with pytest.raises(PlanUnfit, match="does not take it"):
            load_plan(library("tensorrt_rtx"), plan)


def test_without_a_gpu_it_is_refused_in_one_line(bundle: Bundle) -> None:
    absent = absence(TensorRtClassifier())
    if not absent:
        pytest.skip("this machine has a GPU")
    with pytest.raises(ModelRefused, match="cannot be used: ") as refused:
        open_engine(TensorRtClassifier(), bundle)
    assert "\n" not in str(refused.value)


def test_cuda_itself_says_why_there_is_no_gpu() -> None:
    absent = gpu_absence()
    if not absent:
        pytest.skip("this machine has a GPU")
    assert "see what nvidia-smi says" in absent
    with pytest.raises(ModelRefused, match="no NVIDIA GPU can be used"):
        find_gpu()
