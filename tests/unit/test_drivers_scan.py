import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from zpscope.config.cameras import Scan
from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.focus import head_sharpness, sharpest_um
from zpscope.drivers.optics import blur_um
from zpscope.drivers.scan_plan import height_um, scan_centres
from zpscope.drivers.synthetic import expose
from zpscope.imaging.decode import decode

SIDES = st.floats(1, 5000)
AREAS = st.fixed_dictionaries(
    {"left_um": st.floats(-1e4, 1e4), "top_um": st.floats(-1e4, 1e4), "width_um": SIDES, "height_um": SIDES}
)


@given(AREAS, st.integers(0, 30))
def test_a_serpentine_covers_its_area_and_never_jumps(area: dict[str, float], overlap: int) -> None:
    field_um = (160.0, 130.0)
    scan = Scan.model_validate({**area, "overlap_percent": overlap})
    centres = np.array(scan_centres(scan, field_um))
    for axis, (low, side) in enumerate(((scan.left_um, scan.width_um), (scan.top_um, scan.height_um))):
        assert centres[:, axis].min() == low
        assert centres[:, axis].max() <= low + side + 1e-3
        assert centres[:, axis].max() + field_um[axis] >= low + side
    steps = np.abs(np.diff(centres, axis=0)).sum(1)
    assert (steps <= max(field_um) + 1e-6).all()
    assert len({tuple(one) for one in centres.round(6).tolist()}) == len(centres)


@given(AREAS, st.integers(1, 300), st.integers(0, 5))
def test_random_fields_lie_one_in_each_part_of_the_area(
    area: dict[str, float], fields: int, seed: int
) -> None:
    scan = Scan.model_validate({**area, "pattern": "random", "fields": fields, "seed": seed})
    centres = scan_centres(scan, (160.0, 130.0))
    assert len(centres) == fields
    assert centres == scan_centres(scan, (160.0, 130.0))
    x, y = np.array(centres).T
    assert ((scan.left_um <= x) & (x <= scan.left_um + scan.width_um)).all()
    assert ((scan.top_um <= y) & (y <= scan.top_um + scan.height_um)).all()
    half = int((y < scan.top_um + scan.height_um / 2).sum())
    assert abs(half - fields / 2) <= fields / 2 if fields < 4 else abs(half - fields / 2) < fields / 2


@given(st.tuples(*[st.floats(-10, 10)] * 3), st.tuples(*[st.floats(-1000, 1000)] * 2))
def test_a_plane_through_three_places(plane: tuple[float, ...], place: tuple[float, float]) -> None:
    def z(x: float, y: float) -> float:
        return plane[0] * x / 1000 + plane[1] * y / 1000 + plane[2]

    corners = [(x, y, z(x, y)) for x, y in ((0.0, 0.0), (900.0, 10.0), (-20.0, 700.0))]
    assert height_um(corners, place) == pytest.approx(z(*place), abs=1e-6)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"pattern": "random"}, "needs fields"),
        ({"tilt_um": ((0, 0, 0), (1, 1, 0), (2, 2, 0))}, "lie on a line"),
    ],
)
def test_a_scan_that_cannot_be_is_refused(more: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Scan.model_validate({"left_um": 0, "top_um": 0, "width_um": 100, "height_um": 100, **more})


@pytest.mark.parametrize("focus_um", [-0.7, 0.0, 0.9])
def test_autofocus_finds_the_height_where_heads_are_sharp(focus_um: float) -> None:
    settings = SyntheticCamera(seed=4, width_px=900, height_px=700)
    field = decode(expose(settings, 0), "bayer_rg8")

    def seen_at(z_um: float) -> NDArray[np.uint8]:
        sigma_px = blur_um(z_um - focus_um) / settings.um_per_px
        return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma_px), np.uint8)

    found_um = sharpest_um(lambda z_um: head_sharpness(seen_at(z_um), settings.um_per_px), 0.0, 1.5, 0.5)
    assert abs(found_um - focus_um) <= 0.25


def test_without_a_head_the_height_stays() -> None:
    grey = np.full((300, 300, 3), 200, np.uint8)
    assert sharpest_um(lambda _: head_sharpness(grey, 0.07), 3.0, 1.0, 0.5) == 3.0


@given(st.floats(-0.9, 0.9), st.floats(0.1, 5))
def test_between_the_steps_the_top_of_a_parabola_is_found(top: float, bend: float) -> None:
    found = sharpest_um(lambda z: 10 - bend * (z - top) ** 2, 0.0, 1.5, 0.5)
    assert math.isclose(found, top, abs_tol=1e-6)
