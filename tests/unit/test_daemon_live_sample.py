"""The open sample's account of camera processes that come and go."""

from pathlib import Path

from tests.stored import SETTINGS, put_sample
from zpscope.config.classifiers import OnnxRuntimeClassifier
from zpscope.daemon import wire
from zpscope.daemon.live_sample import LiveSample
from zpscope.daemon.store import open_store
from zpscope.engines.bundle import open_bundle
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH

COMMITTED, RETAINED = 20, 8


def from_camera(session: str, ended: list[wire.Life]) -> wire.CameraMessage:
    """Return what a camera process tells before the sample is demanded of it."""
    return wire.CameraMessage(
        camera="c",
        session=session,
        driver="synthetic",
        delivery="every",
        store="",
        sample=None,
        capturing=False,
        captured=0,
        lost={},
        retained=0,
        exhausted=False,
        connected=True,
        repeats=True,
        ended=ended,
        problem="",
    )


def test_a_camera_process_that_died_before_it_captured_takes_no_field_with_it(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as store:
        put_sample(store, "S", [[(1, 10)] * COMMITTED])
        with store.transaction():
            store.write("UPDATE slide SET state = 'scanning'")
        (slide,) = store.slides("S")
        bundle = open_bundle("demonstration", PREPROCESSING_HASH, CROP_UM_PER_PX)
        sample = LiveSample(store, slide, open_engine(OnnxRuntimeClassifier(), bundle), SETTINGS)
        first = wire.Life(
            life=0,
            session=slide.id,
            sample=slide.id,
            first=0,
            captured=COMMITTED + RETAINED,
            lost={},
            format="",
        )
        for session in ("died at once", "died at once, too", "lives"):
            sample.hear(from_camera(session, [first]))
            ledger = sample.ledger
            # What was retained is captured again: the next process goes on after the committed ones.
            assert ledger.captured_before(session) == COMMITTED
            assert (ledger.captured, ledger.in_flight, ledger.lost) == (COMMITTED + RETAINED, RETAINED, {})
