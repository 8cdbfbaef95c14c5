"""The simulated slide: reproducible, and its truth is what the fields show."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.scan_path import ROW_FIELDS, serpentine_um
from zpscope.drivers.synthetic import expose, field_centre_um
from zpscope.drivers.truth import heads_in_field, truth
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.decode import decode
from zpscope.imaging.examine import examine

SETTINGS = SyntheticCamera(seed=5)


@given(st.integers(0, 400), st.floats(20, 200), st.floats(20, 200), st.floats(0, 0.3))
def test_neighbours_of_a_scan_overlap_as_set(
    number: int, width_um: float, height_um: float, overlap: float
) -> None:
    here = np.array(serpentine_um(number, width_um, height_um, overlap))
    there = np.array(serpentine_um(number + 1, width_um, height_um, overlap))
    step = np.abs(there - here)
    if (number + 1) % ROW_FIELDS:
        np.testing.assert_allclose(step, [width_um * (1 - overlap), 0], atol=1e-6)
    else:
        np.testing.assert_allclose(step, [0, height_um * (1 - overlap)], atol=1e-6)


def test_the_truth_of_a_scan_grows_with_it_and_counts_each_head_once() -> None:
    before: set[int] = set()
    for fields in (1, 5, 25):
        known = truth(SETTINGS, fields)
        ids = [one.id for one in known.sperm]
        assert len(ids) == len(set(ids)) == known.n
        assert before < set(ids)
        before = set(ids)
    assert 0 < known.k < known.n


def test_a_head_lies_at_the_same_place_of_the_slide_in_every_field() -> None:
    places: dict[int, list[tuple[float, float]]] = {}
    middle = np.array([(SETTINGS.width_px - 1) / 2, (SETTINGS.height_px - 1) / 2])
    for number in range(ROW_FIELDS * 2):
        shown = heads_in_field(SETTINGS, number)
        slide_um = (shown.centre_px - middle) * SETTINGS.um_per_px + np.array(
            field_centre_um(SETTINGS, number)
        )
        for one, (x_um, y_um) in zip(shown.sperm, slide_um.tolist(), strict=True):
            places.setdefault(one.id, []).append((x_um, y_um))
    seen_again = [np.array(where) for where in places.values() if len(where) > 1]
    assert len(seen_again) > 20
    assert max(np.ptp(where, 0).max() for where in seen_again) < 1e-6


def test_segmentation_finds_the_heads_where_the_truth_says() -> None:
    whole, found, accepted = 0, 0, 0
    for number in range(8):
        shown = heads_in_field(SETTINGS, number)
        field = decode(expose(SETTINGS, number), "bayer_rg8")
        heads = examine(field, SETTINGS.um_per_px, SlideColour.fresh()).heads
        centres = heads.centre_px[heads.accepted]
        distance = np.linalg.norm(shown.centre_px[:, None] - centres[None], axis=2)
        whole += len(shown.sperm)
        found += int((distance.min(1) * SETTINGS.um_per_px < 0.5).sum())
        accepted += len(centres)
    assert whole > 20
    assert found >= 0.97 * whole
    assert accepted <= 1.05 * whole


def test_the_share_of_binders_is_as_set() -> None:
    many = truth(
        SyntheticCamera(seed=1, binding_percent=30, width_px=4096, height_px=4096, overlap_percent=0), 12
    )
    assert many.n > 500
    assert abs(many.k / many.n - 0.3) < 4 * np.sqrt(0.3 * 0.7 / many.n)
