# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Networks and losses are the paper's; a run that was stopped goes on to the same weights, bit for bit."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from zpscope.config.errors import CommandRefused, StoreError  # noqa: E402
from zpscope.training import cyclegan  # noqa: E402
from zpscope.training.cycle_run import Run, Schedule, rate_share  # noqa: E402

TINY = Schedule(epochs=1, decay_epochs=2, width=2, blocks=1, buffer=2, seed=3)


@pytest.fixture
def domains() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    random = np.random.default_rng(0)
    return random.integers(60, 120, (3, 32, 32), np.uint8), random.integers(150, 250, (4, 32, 32), np.uint8)


def epochs(run: Run, count: int) -> Run:
    for _ in range(count):
        run.train_epoch(lambda: None)
    return run


def test_networks_have_the_sizes_of_the_original() -> None:
    def count(weights: Iterable[Any]) -> int:
        return sum(weight.numel() for weight in weights)

    # Zhu et al.: 7.838 M and 2.765 M with three channels; a grey crop saves 2 of 3 in first and last convolution.
    assert count(cyclegan.generator(64, 6).parameters()) == 7_837_699 - 2 * 64 * 49 * 2 - 2
    assert count(cyclegan.discriminator(64).parameters()) == 2_764_737 - 2 * 64 * 16


def test_a_discriminator_sees_patches_of_70_px() -> None:
    reach = 1
    layers: list[Any] = list(cyclegan.discriminator(2))
    for layer in reversed(layers):
        if isinstance(layer, torch.nn.Conv2d):
            reach = (reach - 1) * layer.stride[0] + layer.kernel_size[0]
    assert reach == 70


def test_a_discriminator_is_wrong_by_the_square() -> None:
    blind: Any = torch.nn.Sequential(torch.nn.Identity())
    one, half = torch.ones(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.5)
    assert float(cyclegan.discriminator_loss(blind, one, 0 * one)) == 0
    assert float(cyclegan.discriminator_loss(blind, 0 * one, one)) == 1
    assert float(cyclegan.discriminator_loss(blind, half, half)) == 0.25


def test_a_perfect_translation_costs_nothing_and_each_fault_by_its_weight() -> None:
    believer: Any = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1))
    with torch.no_grad():
        believer[0].weight.zero_()
        believer[0].bias.fill_(1.0)
    cycle = cyclegan.Cycle(cyclegan.generator(1, 0), cyclegan.generator(1, 0), believer, believer)
    a, b = torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)

    def terms(passed: cyclegan.Passed) -> list[float]:
        found = cyclegan.generator_losses(cycle, a, b, passed, cyclegan.Weights())
        return [float(found[name].detach()) for name in ("adversarial", "cycle", "identity")]

    assert terms(cyclegan.Passed(a, b, a, b, a, b)) == [0, 0, 0]
    assert terms(cyclegan.Passed(a, b, a, b, a + 0.25, b)) == [0, 2.5, 0]
    assert terms(cyclegan.Passed(a, b, a, b - 0.5, a, b)) == [0, 0, 2.5]


@given(st.lists(st.integers(0, 255), min_size=16, max_size=16))
def test_pixels_are_crops_again(levels: list[int]) -> None:
    crops = np.array(levels, np.uint8).reshape(1, 4, 4)
    pixels = cyclegan.to_pixels(crops)
    assert float(pixels.min()) >= -1
    assert float(pixels.max()) <= 1
    assert (cyclegan.to_crops(pixels) == crops).all()


def test_refuses_a_size_that_cannot_be_halved_twice() -> None:
    with pytest.raises(ValueError, match="multiples of 4"):
        cyclegan.to_pixels(np.zeros((1, 30, 32), np.uint8))


@given(st.integers(0, 4), st.integers(1, 30))
def test_a_buffer_shows_what_it_was_given_and_keeps_so_many(size: int, count: int) -> None:
    buffer, random = cyclegan.Buffer(size), np.random.default_rng(0)
    shown = [float(buffer.exchange(torch.full((1, 1, 1, 1), float(i)), random)) for i in range(count)]
    assert all(one <= i for i, one in enumerate(shown))
    assert shown[:size] == list(range(min(size, count)))
    assert len(buffer.kept) == min(size, count)


def test_a_full_buffer_shows_an_earlier_one_half_the_time() -> None:
    buffer, random = cyclegan.Buffer(5), np.random.default_rng(0)
    shown = [float(buffer.exchange(torch.full((1, 1, 1, 1), float(i)), random)) for i in range(2000)]
    assert np.mean([one < i for i, one in enumerate(shown)]) == pytest.approx(0.5, abs=0.04)


def test_the_rate_stays_and_then_falls_in_a_line() -> None:
    shares = [rate_share(epoch, 100, 100) for epoch in range(1, 201)]
    assert shares[:100] == [1.0] * 100
    assert shares[100] == pytest.approx(100 / 101)
    assert shares[-1] == pytest.approx(1 / 101)
    assert np.diff(shares[99:]) == pytest.approx(-1 / 101)


def test_a_stopped_run_goes_on_to_the_same_weights(
    domains: tuple[NDArray[np.uint8], NDArray[np.uint8]], tmp_path: Path
) -> None:
    whole = epochs(Run(*domains, TINY), 3)
    epochs(Run(*domains, TINY), 1).save(tmp_path / "checkpoint.pt")
    resumed = Run(*domains, TINY)
    resumed.load(tmp_path / "checkpoint.pt")
    epochs(resumed, 2)
    assert resumed.done
    assert resumed.epochs == whole.epochs
    for one, other in zip(
        whole.cycle.generators.parameters(), resumed.cycle.generators.parameters(), strict=True
    ):
        assert torch.equal(one, other)
    assert (whole.to_clinic(domains[0]) == resumed.to_clinic(domains[0])).all()


def test_refuses_the_checkpoint_of_another_run_and_a_damaged_one(
    domains: tuple[NDArray[np.uint8], NDArray[np.uint8]], tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pt"
    Run(*domains, TINY).save(path)
    with pytest.raises(CommandRefused, match="of another run"):
        Run(domains[1], domains[0], TINY).load(path)
    for content in (path.read_bytes()[:200], b"", b"no checkpoint at all"):
        path.write_bytes(content)
        with pytest.raises(CommandRefused, match="cannot be read"):
            Run(*domains, TINY).load(path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a device that is always full")
def test_a_full_disk_leaves_the_last_checkpoint(
    domains: tuple[NDArray[np.uint8], NDArray[np.uint8]], tmp_path: Path
) -> None:
    run, path = Run(*domains, TINY), tmp_path / "checkpoint.pt"
    run.save(path)
    kept = path.read_bytes()
    (tmp_path / "checkpoint.new").symlink_to("/dev/full")
    with pytest.raises(StoreError, match="No space left on device"):
        run.save(path)
    assert path.read_bytes() == kept


def test_stops_at_what_is_not_finite(domains: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    run = Run(*domains, TINY)
    with torch.no_grad():
        next(iter(run.cycle.generators.parameters())).fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="loss of epoch 1"):
        run.train_epoch(lambda: None)
    assert run.epochs == []
