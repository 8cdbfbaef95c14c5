# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""The work on every pixel gives the same in torch as in OpenCV: within one grey level, and the same heads.

In torch on the CPU, and on a GPU where there is one.
"""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

pytest.importorskip("torch", reason="the extra `cuda` is not installed")

import torch

from tests.drawn_field import DrawnHead, draw_field
from zpscope.engines.torch_pixels import TorchPixels, open_pixels_on
from zpscope.imaging.colour import TABLE, SlideColour
from zpscope.imaging.crop import CROP_PX, cut_crops
from zpscope.imaging.decode import PixelLayout
from zpscope.imaging.examine import examine
from zpscope.imaging.picture import read_picture
from zpscope.imaging.pixels import Cut, OpenCvPixels, OpenPixels

UM_PER_PX = 0.052
LAYOUTS: tuple[PixelLayout, ...] = ("rgb8", "bayer_rg8", "bayer_bg8", "bayer_gr8", "bayer_gb8")


@pytest.fixture(scope="module", params=["cpu", "cuda"])
def opened(request: pytest.FixtureRequest) -> OpenPixels:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("cuda: torch sees no NVIDIA GPU")
    return open_pixels_on(request.param)


def noise(seed: int, *shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    """Return by how many levels two pictures differ at most."""
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other.astype(int)).max(initial=0))


@settings(deadline=None, max_examples=60)
@given(
    layout=st.sampled_from(LAYOUTS),
    height=st.integers(4, 70),
    width=st.integers(4, 70),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_field_is_decoded_alike_bit_by_bit(
    opened: OpenPixels, layout: PixelLayout, height: int, width: int, seed: int
) -> None:
    pixels = noise(seed, height, width, *((3,) if layout == "rgb8" else ()))
    pixels.setflags(write=False)  # as they come off a socket
    field, twin = OpenCvPixels.opened(pixels, layout), opened(pixels, layout)
    assert twin.shape == field.shape
    assert apart(twin.levels(), field.levels()) == 0
    assert apart(twin.levels(3), field.levels(3)) == 0


@settings(deadline=None, max_examples=40)
@given(
    times=st.integers(1, 5),
    height=st.integers(40, 90),
    width=st.integers(40, 90),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_field_is_shrunk_balanced_and_binned_alike(
    opened: OpenPixels, times: int, height: int, width: int, seed: int
) -> None:
    rgb = noise(seed, height, width, 3)
    empty = np.random.default_rng(seed).uniform(90, 255, (32, 32, 3)).astype(np.float32)
    fields = [one.shrunk(times) for one in (OpenCvPixels(rgb), opened(rgb, "rgb8"))]
    assert apart(fields[0].levels(), fields[1].levels()) == 0
    field, twin = (one.balanced(empty) for one in fields)
    assert apart(field.levels(), twin.levels()) <= 1
    same = OpenCvPixels(twin.levels()).bins(), twin.bins()
    for stride in (1, 4):
        assert np.array_equal(same[0].histogram(stride), same[1].histogram(stride))
    table = noise(seed, TABLE)
    assert np.array_equal(same[0].looked_up(table), same[1].looked_up(table))


@settings(deadline=None, max_examples=60)
@given(
    turn=st.floats(-360, 360),
    scale=st.floats(0.4, 2.5),
    at=st.tuples(st.floats(0, 119), st.floats(0, 89)),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_crop_is_turned_alike_also_at_the_border(
    opened: OpenPixels, turn: float, scale: float, at: tuple[float, float], seed: int
) -> None:
    rgb = noise(seed, 90, 120, 3)
    left, top, right, bottom = max(0, int(at[0]) - 40), max(0, int(at[1]) - 30), 120, 90
    angle = np.radians(turn)
    linear = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    shift = np.array([31.5, 31.5]) - linear @ (np.array(at) - (left, top))
    cut = Cut(left, top, right, bottom, np.column_stack([linear, shift]))
    crops = OpenCvPixels(rgb).turned([cut], 64)
    assert apart(opened(rgb, "rgb8").turned([cut], 64), crops) <= 1


def test_no_cut_gives_no_crop(opened: OpenPixels) -> None:
    assert opened(noise(1, 40, 40, 3), "rgb8").turned([], CROP_PX).shape == (0, CROP_PX, CROP_PX)


def test_a_drawn_field_has_the_same_heads(opened: OpenPixels) -> None:
    heads = [DrawnHead(90 + 110 * i, 90 + 120 * j, 40.0 * i + 25 * j) for i in range(4) for j in range(2)]
    assert _same_heads(opened, draw_field(heads), UM_PER_PX) == 8


def test_real_fields_have_the_same_heads(opened: OpenPixels, data: Path) -> None:
    pictures = sorted((data / "spd" / "images" / "train").glob("*.jpg"))[::64]
    if not pictures:
        pytest.skip(f"no Sperm Parsing Dataset in {data}")
    assert sum(_same_heads(opened, read_picture(path), UM_PER_PX) for path in pictures) >= 10


def _same_heads(opened: OpenPixels, rgb: NDArray[np.uint8], um_per_px: float) -> int:
    """Return how many heads a field's Bayer mosaic has, the same by both."""
    mosaic = rgb[..., 1].copy()
    mosaic[::2, ::2], mosaic[1::2, 1::2] = rgb[::2, ::2, 0], rgb[1::2, 1::2, 2]
    fields = OpenCvPixels.opened(mosaic, "bayer_rg8"), cast("TorchPixels", opened(mosaic, "bayer_rg8"))
    ours, theirs = (examine(field, um_per_px, SlideColour.fresh()) for field in fields)
    assert theirs.skip == ours.skip
    assert theirs.heads.reason == ours.heads.reason
    np.testing.assert_allclose(theirs.heads.centre_px, ours.heads.centre_px, atol=0.01)
    np.testing.assert_allclose(theirs.heads.angle_deg, ours.heads.angle_deg, atol=0.05)
    np.testing.assert_allclose(theirs.heads.area_um2, ours.heads.area_um2, rtol=1e-3)
    np.testing.assert_allclose(theirs.colour.centroids, ours.colour.centroids, atol=1e-3)
    crops = [cut_crops(field, ours.heads, um_per_px) for field in fields]
    assert apart(crops[0], crops[1]) <= 1
    return int(ours.heads.accepted.sum())
