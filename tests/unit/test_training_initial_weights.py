# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Initial weights end where they belong, a VGG16's in a VGG13 too, and a file that is not whole is refused."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
safetensors = pytest.importorskip("safetensors.numpy", reason="the extra `train` is not installed")

from zpscope.config.errors import SettingsError  # noqa: E402
from zpscope.training.features import features  # noqa: E402
from zpscope.training.initial_weights import initialised, settle  # noqa: E402
from zpscope.training.networks import RECIPES, cut, trainable  # noqa: E402

_CHANNELS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
_PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


@pytest.fixture(scope="module")
def vgg16(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trunk whose k-th convolution is k everywhere."""
    tensors: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float16]]] = {}
    before = 3
    for k, (place, channels) in enumerate(zip(_PLACES, _CHANNELS, strict=True)):
        tensors[f"features.{place}.weight"] = np.full((channels, before, 3, 3), k, np.float16)
        tensors[f"features.{place}.bias"] = np.full(channels, k, np.float16)
        before = channels
    path = tmp_path_factory.mktemp("weights") / "vgg16.safetensors"
    safetensors.save_file(tensors, path)
    return path


def test_a_vgg13_takes_all_but_the_third_convolutions_of_a_vgg16(vgg16: Path) -> None:
    network, origin = initialised("vgg13", 1.0, str(vgg16), 0)
    first = [
        float(layer.state_dict()["weight"].mean()) for layer in network if isinstance(layer, torch.nn.Conv2d)
    ]
    assert first == [0, 1, 2, 3, 4, 5, 7, 8, 10, 11]
    assert "initialised from VGG16, hidden linear layers drawn at random" in origin.words
    assert trainable(network, "last") == 8194
    assert trainable(network, "all") == 128_959_042  # as torchvision's VGG13 with two outputs
    assert [type(network[cut(network, part)]).__name__ for part in ("last", "block")] == ["Linear", "Conv2d"]


def test_a_file_that_broke_off_or_fits_nothing_is_refused(vgg16: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(vgg16.read_bytes()[:100_000])
    with pytest.raises(SettingsError, match="download it again"):
        initialised("vgg13", 1.0, str(broken), 0)
    other = tmp_path / "other.safetensors"
    safetensors.save_file({"features.0.weight": np.zeros((64, 3, 3, 3), np.float16)}, other)
    with pytest.raises(SettingsError, match="no VGG13 or VGG16 trunk"):
        initialised("vgg13", 1.0, str(other), 0)
    with pytest.raises(SettingsError, match="at width 1"):
        initialised("vgg13", 0.5, str(vgg16), 0)


def test_the_same_seed_draws_the_same_network() -> None:
    one, other, third = (initialised("basic", 1.0, "", seed)[0].state_dict() for seed in (1, 1, 2))
    assert all(bool((one[key] == other[key]).all()) for key in one)
    assert not bool((one["0.weight"] == third["0.weight"]).all())
    assert RECIPES["basic"].batch == 6


def test_drawn_hidden_layers_are_fitted_to_the_crops() -> None:
    torch.manual_seed(0)
    network = RECIPES["vgg13"].make(1 / 32)
    crops = np.random.default_rng(0).integers(100, 110, (24, 128, 128), np.uint8)
    settle(network, crops)
    values = torch.from_numpy(features(network[:-1], crops))
    assert float((values > 0).float().mean()) == pytest.approx(0.5, abs=0.1)
    assert float(values.square().mean().sqrt()) == pytest.approx(0.7, abs=0.1)
