"""The stages in a row: what cannot be examined is skipped with its reason, and companions change no score."""

import numpy as np
import pytest

from zpscope.config.settings import Settings, SyntheticCamera, Tally
from zpscope.daemon.capture import Capture
from zpscope.daemon.scoring import DUPLICATE, REFUSED, ExaminedField, Scorer
from zpscope.drivers.camera import Grab, PixelFormat
from zpscope.drivers.open_camera import open_camera
from zpscope.engines.bundle import open_bundle
from zpscope.engines.engine import Engine
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH
from zpscope.imaging.slide_map import SlideMap

SETTINGS = Settings(camera=SyntheticCamera(seed=3, fields=5))


def scorer(engine: Engine, batch: int = 32) -> Scorer:
    return Scorer(engine, batch, Tally(), SlideColour.fresh(), SlideMap([b""].__getitem__, 5.0))


def engine() -> Engine:
    bundle = open_bundle("demonstration", PREPROCESSING_HASH, CROP_UM_PER_PX)
    return open_engine(SETTINGS.classifier, bundle)


def examined(one: Scorer) -> list[ExaminedField]:
    """Return the first fields of a simulated scan, examined."""
    capture = Capture("synthetic", SETTINGS.camera.um_per_px)
    with open_camera(SETTINGS.camera) as camera:
        grabs = (camera.grab(60) for _ in range(5))
        return [one.examine(capture.take(grab, camera.format), grab.pixels.copy()) for grab in grabs]


def test_a_field_without_colour_is_skipped_and_says_why() -> None:
    grey = np.repeat(np.random.default_rng(0).integers(90, 230, (512, 640, 1), np.uint8), 3, axis=2)
    header = Capture("c", 0.069).take(Grab(grey, 0, None, 0, ""), PixelFormat(512, 640, "rgb8"))
    with engine() as loaded:
        one = scorer(loaded)
        field = one.examine(header, grey)
        (scored,) = one.classify([field])
    assert field.skip == REFUSED
    assert "colour" in field.remark
    assert (scored.count.skip, scored.count.reasons, scored.count.heads.k) == (REFUSED, (), 0)


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_scores_do_not_depend_on_how_fields_are_gathered(batch: int) -> None:
    with engine() as loaded:
        one = scorer(loaded)
        together = one.classify(examined(one))
        other = scorer(loaded, batch)
        alone = [other.classify([field])[0] for field in examined(other)]
    assert sum(len(field.p) for field in together) > 10
    for first, second in zip(together, alone, strict=True):
        np.testing.assert_array_equal(first.p, second.p)
        fates = [[(head.reason, head.p, head.bound) for head in one.objects()] for one in (first, second)]
        assert fates[0] == fates[1]


def test_heads_of_the_overlap_count_in_the_first_field_that_accepts_them() -> None:
    with engine() as loaded:
        fields = examined(scorer(loaded))
    reasons = [reason for field in fields if field.heads for reason in field.heads.reason]
    assert reasons.count(DUPLICATE) > 0
    places = np.concatenate(
        [f.slide_um[f.heads.accepted] for f in fields if f.heads and f.slide_um is not None]
    )
    apart = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(len(places))
    assert apart.min() > 1.5


def test_dust_that_looks_like_a_head_counts_in_its_first_field_only() -> None:
    capture, patch = Capture("synthetic", SETTINGS.camera.um_per_px), np.s_[400:496, 600:696]
    with open_camera(SETTINGS.camera) as camera, engine() as loaded:
        frames = [(camera.grab(60), camera.format) for _ in range(5)]
        raw = [grab.pixels.copy() for grab, _ in frames]
        one = scorer(loaded)
        first = one.examine(capture.take(*frames[0]), raw[0])
        assert first.heads is not None
        inner = first.heads.accepted & (np.abs(first.heads.centre_px - (640, 512)) < (500, 400)).all(1)
        x, y = (int(value) // 2 * 2 for value in first.heads.centre_px[np.flatnonzero(inner)[0]])
        speck = raw[0][y - 48 : y + 48, x - 48 : x + 48].copy()
        fates = list[list[str]]()
        for standing in (True, False):
            one = scorer(loaded)
            fates.append([])
            for number, ((grab, layout), pixels) in enumerate(zip(frames[1:], raw[1:], strict=True)):
                dusty = pixels.copy()
                dusty[patch if standing or not number % 2 else np.s_[200:296, 900:996]] = speck
                field = one.examine(capture.take(grab, layout), dusty)
                assert field.heads is not None
                at = (648, 448) if standing or not number % 2 else (948, 248)
                near = np.linalg.norm(field.heads.centre_px - at, axis=1).argmin()
                fates[-1].append(field.heads.reason[int(near)])
    assert fates == [["", "not_a_head", "not_a_head", "not_a_head"], ["", "", "", ""]]
