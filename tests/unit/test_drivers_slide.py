"""The simulated slide: reproducible, and its truth is what the fields show."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.film import film_density
from zpscope.drivers.optics import SHARP_UM, defocus, focus_um, tilt
from zpscope.drivers.scan_path import ROW_FIELDS, serpentine_um
from zpscope.drivers.slide_layout import sperm_on_tile
from zpscope.drivers.smear_layout import covered_share, smear_on_tile
from zpscope.drivers.synthetic import expose, field_centre_um, reported_um, sperm_near
from zpscope.drivers.truth import heads_in_field, truth
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.decode import decode
from zpscope.imaging.examine import examine

SETTINGS = SyntheticCamera(seed=5)
SMEAR = SyntheticCamera(seed=5, slide="usual")


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


@pytest.mark.parametrize("settings", [SETTINGS, SMEAR], ids=["clean", "usual"])
def test_segmentation_finds_the_heads_where_the_truth_says(settings: SyntheticCamera) -> None:
    whole, found, accepted = 0, 0, 0
    for number in range(8):
        shown = heads_in_field(settings, number)
        field = decode(expose(settings, number), "bayer_rg8")
        heads = examine(field, settings.um_per_px, SlideColour.fresh()).heads
        centres = heads.centre_px[heads.accepted]
        distance = np.linalg.norm(shown.centre_px[:, None] - centres[None], axis=2)
        whole += len(shown.sperm)
        found += int((distance.min(1, initial=np.inf) * settings.um_per_px < 0.5).sum())
        accepted += len(centres)
    assert whole > 20
    assert found >= 0.97 * whole
    assert accepted <= (1.05 if settings.slide == "clean" else 1.15) * whole


def test_the_share_of_binders_is_as_set() -> None:
    many = truth(
        SyntheticCamera(seed=1, binding_percent=30, width_px=4096, height_px=4096, overlap_percent=0), 12
    )
    assert many.n > 500
    assert abs(many.k / many.n - 0.3) < 4 * np.sqrt(0.3 * 0.7 / many.n)


def test_a_smear_has_the_same_bytes_whatever_the_threads_and_the_order() -> None:
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = [expose(SMEAR, number) for number in (0, 1, 20)]
        cv2.setNumThreads(4)
        again = [expose(SMEAR, number) for number in (20, 1, 0)][::-1]
    finally:
        cv2.setNumThreads(threads)
    np.testing.assert_array_equal(alone, again)


def test_the_clean_slide_keeps_the_sperm_that_a_smear_shows() -> None:
    clean = {one.id for one in sperm_near(SETTINGS, 3, 0.0)}
    smear = sperm_near(SMEAR, 3, 0.0)
    assert clean <= {one.id for one in smear}


def test_what_is_covered_or_lies_at_a_cell_is_not_in_the_truth() -> None:
    around = {one.id: one for number in range(60) for one in sperm_near(SMEAR, number, 0.0)}.values()
    refused = [one for one in around if not one.gradable]
    covered = [one for one in refused if one.covered > 0.05]
    assert len([one for one in around if one.covered > 0.05]) == len(covered)
    assert 0.01 < len(covered) / len(around) < 0.2
    assert 0 < len(refused) - len(covered) < 0.06 * len(around)
    assert not {one.id for one in refused} & {one.id for one in truth(SMEAR, 60).sperm}


def test_a_loose_head_is_in_the_truth() -> None:
    around = {one.id: one for number in range(60) for one in sperm_near(SMEAR, number, 0.0)}.values()
    loose = [one for one in around if not len(one.tail_um)]
    assert 0.01 < len(loose) / len(around) < 0.06
    assert {one.id for one in loose if one.gradable} & {one.id for one in truth(SMEAR, 60).sperm}


@given(st.floats(0, 6), st.floats(-np.pi, np.pi))
def test_a_head_is_covered_by_the_share_that_two_drawings_have_in_common(apart_um: float, way: float) -> None:
    """Two drawn heads, smooth ellipses: their common pixels are what `covered_share` says."""
    first = replace(sperm_on_tile(5, 50.0, 0, 0)[0], length_um=4.6, width_um=3.0, angle_deg=20.0)
    second = replace(
        first,
        id=first.id + 1,
        angle_deg=75.0,
        x_um=first.x_um + apart_um * np.cos(way),
        y_um=first.y_um + apart_um * np.sin(way),
    )
    masks = np.zeros((2, 800, 800), np.uint8)
    for mask, one in zip(masks, (first, second), strict=True):
        at = (round(400 + 50 * (one.x_um - first.x_um)), round(400 + 50 * (one.y_um - first.y_um)))
        axes = (round(25 * one.length_um), round(25 * one.width_um))
        cv2.ellipse(mask, at, axes, one.angle_deg, 0, 360, 1, -1)
    common = (masks[0] & masks[1]).sum() / masks[0].sum()
    assert abs(covered_share(first, [first, second], np.empty((0, 5))) - common) < 0.03


def test_some_non_binders_have_no_acrosome_and_no_binder_lacks_it() -> None:
    around = [one for column in range(30) for row in range(30) for one in smear_on_tile(1, 50.0, column, row)]
    bare = [one for one in around if one.acrosome_share < 0.05]
    assert not any(one.bound for one in bare)
    assert abs(len(bare) / sum(not one.bound for one in around) - 0.05) < 0.025


def test_a_sensor_has_hot_pixels_that_stay_where_they_are() -> None:
    """Brighter than the empty slide by far, in two fields of two slides."""
    fields = [
        expose(SyntheticCamera(seed=seed, slide="usual"), number).astype(int)
        for seed, number in ((5, 0), (6, 1))
    ]
    bright = np.logical_and.reduce([field >= 252 for field in fields])
    assert 3 <= bright.sum() <= 13


def test_a_field_out_of_focus_shows_no_head_of_the_truth() -> None:
    blurred = [number for number in range(200) if abs(focus_um(SMEAR.seed, number)) > SHARP_UM]
    assert 2 <= len(blurred) <= 16
    assert not heads_in_field(SMEAR, blurred[0]).sperm
    sharp = [
        float(cv2.Laplacian(expose(SMEAR, number)[::2, 1::2], cv2.CV_64F).max()) for number in (0, blurred[0])
    ]
    assert sharp[0] > sharp[1]


@given(
    st.integers(0, 2**31),
    st.floats(-500, 5000),
    st.floats(-500, 5000),
    st.integers(1, 60),
    st.integers(1, 60),
)
def test_film_belongs_to_the_slide_not_to_the_field(
    seed: int, x_um: float, y_um: float, right_px: int, down_px: int
) -> None:
    corner_um, scale = np.array([x_um, y_um]), 0.069
    whole = film_density(seed, corner_um, (128, 128), scale)
    part = film_density(seed, corner_um + np.array([right_px, down_px]) * scale, (64, 64), scale)
    np.testing.assert_allclose(part, whole[down_px : down_px + 64, right_px : right_px + 64], atol=2e-3)
    assert 0 <= whole.min() <= whole.max() < 0.12


def test_a_neighbour_shows_the_same_smear_again() -> None:
    step_px = round(SMEAR.width_px * (1 - SMEAR.overlap_percent / 100))
    pair = SMEAR.model_copy(update={"seed": next(seed for seed in range(9) if _both_sharp(seed))})
    left, right = (decode(expose(pair, number), "bayer_rg8")[..., 1].astype(float) for number in (0, 1))
    left, right = left[:, step_px:], right[:, :-step_px]
    # Vignette apart: each against its own surroundings.
    fine = [
        cv2.GaussianBlur(each, (0, 0), 3.0) - cv2.GaussianBlur(each, (0, 0), 40.0) for each in (left, right)
    ]
    assert np.corrcoef(fine[0].ravel(), fine[1].ravel())[0, 1] > 0.9


@given(st.integers(0, 1000), st.floats(0, 20))
def test_a_stage_errs_no_more_than_it_may(number: int, error_um: float) -> None:
    settings = SyntheticCamera(stage_error_um=error_um)
    said = np.array(reported_um(settings, number))
    off = np.abs(said - np.array(field_centre_um(settings, number)))
    assert off.max() <= error_um + 1e-9
    assert reported_um(settings, number) == tuple(said.tolist())


def _both_sharp(seed: int) -> bool:
    return max(abs(focus_um(seed, number)) for number in (0, 1)) < SHARP_UM


def test_forms_come_in_their_shares_and_say_nothing_of_binding() -> None:
    around = [
        one
        for column in range(40)
        for row in range(40)
        for one in smear_on_tile(1, 50.0, column, row)
        if one.gradable
    ]
    abnormal = [one for one in around if one.form != "normal"]
    assert abs(len(abnormal) / len(around) - 0.09) < 0.03
    assert {one.form for one in abnormal} == {"tapered", "pyriform", "amorphous", "round", "macro", "micro"}
    bound = sum(one.bound for one in abnormal) / len(abnormal)
    assert abs(bound - 0.5) < 4 * np.sqrt(0.25 / len(abnormal))
    assert 0.3 < np.mean([len(one.vacuoles) for one in around]) < 0.5


@given(st.integers(0, 2**31), st.floats(-2, 2))
def test_a_tilt_blurs_the_far_side_of_a_field_no_less(seed: int, focus: float) -> None:
    dots = np.zeros((96, 1280, 3), np.uint8)
    dots[::8, ::8] = 255
    slope = np.array([0.002, 0.0])
    blurred = defocus(dots, 0.069, focus, slope)
    left, right = blurred[:, :200].std(), blurred[:, -200:].std()
    assert (left - right) * np.sign(focus) >= -0.5
    assert np.hypot(*tilt(seed)) <= 0.002


def test_the_same_seed_draws_the_same_bytes_in_another_process() -> None:
    words = (
        "import hashlib; from zpscope.config.settings import SyntheticCamera as S; "
        "from zpscope.drivers.synthetic import expose; s = S(seed=5, slide='usual', path='by_hand'); "
        "print(hashlib.sha256(b''.join(expose(s, n).tobytes() for n in (3, 11))).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    settings = SMEAR.model_copy(update={"path": "by_hand"})
    here = hashlib.sha256(b"".join(expose(settings, number).tobytes() for number in (3, 11)))
    assert other.stdout.strip() == here.hexdigest()
