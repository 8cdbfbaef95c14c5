# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportMissingTypeStubs=false
"""What is exported computes what torch computes, and the same weights give the same bytes."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from zpscope.training.export import GROUND, entered, simplify, to_onnx  # noqa: E402
from zpscope.training.network import normalise, probability, vgg13  # noqa: E402


def network(seed: int, width: float = 1 / 16) -> Any:  # noqa: ANN401  (torch may be absent)
    """A VGG13 with biases and a spread of answers, as a trained one has."""
    torch.manual_seed(seed)
    drawn: Any = vgg13(width)
    with torch.no_grad():
        for name, weight in drawn.named_parameters():
            if name.endswith("bias"):
                weight.normal_(0, 0.2)
        logits = drawn.eval()(normalise(torch.from_numpy(crops(32))))
        drawn[-1].weight.mul_(1.5 / (logits[:, 1] - logits[:, 0]).std())
        logits = drawn(normalise(torch.from_numpy(crops(32))))
        drawn[-1].bias.sub_(logits.mean(dim=0))
    return drawn


def crops(count: int) -> NDArray[np.uint8]:
    """(N, 128, 128): noise, dark or bright up to the border, with a black and a white crop."""
    random = np.random.default_rng(count)
    level = random.uniform(0, 255, (count, 1, 1))
    drawn = level + random.normal(0, 1, (count, 128, 128)) * random.uniform(0, 90, (count, 1, 1))
    drawn[0], drawn[1] = 0, 255
    return np.asarray(np.clip(drawn, 0, 255), np.uint8)


def test_has_the_papers_number_of_weights() -> None:
    with torch.device("meta"):
        paper = vgg13()
    assert sum(weight.numel() for weight in paper.parameters()) == 128_959_042
    assert sum(weight.numel() for weight in paper[-1].parameters()) == 8_194


def test_refuses_a_width_without_channels() -> None:
    with pytest.raises(ValueError, match="without a channel"):
        vgg13(0.001)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_onnx_answers_as_torch_in_double_precision(seed: int) -> None:
    drawn, heads = network(seed), crops(100)
    session = onnxruntime.InferenceSession(to_onnx(drawn), providers=["CPUExecutionProvider"])
    answer = np.asarray(session.run(None, {"crops": heads})[0])
    truth = probability(drawn.double(), torch.from_numpy(heads).double()).numpy()
    assert np.ptp(truth) > 0.3
    assert np.abs(answer - truth).max() <= 1e-5


def test_the_normalisation_folds_exactly() -> None:
    """In double precision nothing but rounding is left, at the border as in the middle."""
    drawn = network(3).double()
    heads = torch.from_numpy(crops(4)).double()
    first = simplify(drawn)[0]
    weight, bias = torch.from_numpy(first.weight), torch.from_numpy(first.bias)
    with torch.no_grad():
        want = drawn[0](normalise(heads))
    assert torch.abs(torch.nn.functional.conv2d(entered(heads), weight, bias) - want).max() < 1e-11


@pytest.mark.parametrize("level", [GROUND, GROUND - 9, 60.0])
def test_on_one_level_the_first_layer_loses_next_to_nothing_even_in_half_precision(level: float) -> None:
    """What is lost there is lost all over the slide, and so it tells more than its size would let expect."""
    drawn = network(3)
    with torch.no_grad():
        drawn[0].weight.sub_(drawn[0].weight.mean(dim=(1, 2, 3), keepdim=True))  # as filters that find edges
    first = simplify(drawn)[0]
    flat = entered(torch.full((1, 8, 8), level, dtype=torch.float64))
    weight, bias = torch.from_numpy(first.weight), torch.from_numpy(first.bias)
    want = torch.nn.functional.conv2d(flat, weight, bias)[..., 1:-1, 1:-1]
    got = torch.nn.functional.conv2d(flat, weight.half().double(), bias.half().double())[..., 1:-1, 1:-1]
    assert torch.abs(got - want).max() <= (1 + 9 * abs(level - GROUND)) * 2**-25


def test_the_average_pooling_folds_exactly() -> None:
    drawn = network(3).double()
    linear = next(layer for layer in simplify(drawn) if layer.kind == "linear")
    cells = torch.randn(4, 32, 4, 4, dtype=torch.float64)
    pooling = [type(part).__name__ for part in drawn].index("AdaptiveAvgPool2d")
    with torch.no_grad():
        want = drawn[pooling : pooling + 3](cells)
    got = cells.flatten(1) @ torch.from_numpy(linear.weight).T + torch.from_numpy(linear.bias)
    assert torch.abs(got - want).max() < 1e-11


def test_the_same_weights_give_the_same_bytes() -> None:
    assert to_onnx(network(4)) == to_onnx(network(4))
    assert to_onnx(network(4)) != to_onnx(network(5))


def test_refuses_to_guess_an_unknown_layer() -> None:
    with pytest.raises(TypeError, match="BatchNorm2d"):
        to_onnx(torch.nn.Sequential(torch.nn.BatchNorm2d(3)))


def test_the_onnx_projects_checker_accepts_it() -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    onnx.checker.check_model(to_onnx(network(6)), full_check=True)
