"""Commands that cannot be carried out are refused, and the process goes on."""

from pathlib import Path

import pytest

from tests.stored import MODEL
from zpscope.config.cameras import OpencvCamera
from zpscope.config.classifiers import OnnxRuntimeClassifier
from zpscope.config.settings import Optics, Settings
from zpscope.daemon import wire
from zpscope.daemon.samples import Samples
from zpscope.daemon.store import open_store
from zpscope.engines.bundle import open_bundle
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH

RECORD = (
    '{"camera_serial": "c", "objective": "100x", "adapter": "", "um_per_px": %s, "error_um_per_px": 0.001, '
    '"line_um": 10, "lines": 5, "picture": "p", "date": "d"}'
)


@pytest.mark.parametrize("text", ["{", "[]", '{"calibrations": [%s]}' % (RECORD % "0"), "[" * 200_000])
def test_a_start_with_damaged_calibrations_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "calibrations.json"
    path.write_text(text)
    settings = Settings(
        camera=OpencvCamera(driver="opencv", name="c", source="0", um_per_px=0.07),
        optics=Optics(objective="100x", calibrations=path),
    )
    engine = open_engine(
        OnnxRuntimeClassifier(), open_bundle("demonstration", PREPROCESSING_HASH, CROP_UM_PER_PX)
    )
    words = {"objective": "100x", "operator": "OP", "preparation": "density_gradient", "stain": "diff_quik"}
    start = wire.ControlRequest(action="start", accession="A-17", words=words)
    with open_store(tmp_path / "s") as store:
        samples = Samples(store, engine, MODEL, settings)
        reply = samples.answer(wire.encode(start))
        assert "is not a file of calibrations" in reply.error
        assert "\n" not in reply.error
        assert samples.present is None
        assert store.samples() == []
        path.write_text('{"calibrations": []}')
        assert samples.answer(wire.encode(start)).error == ""
