"""`zpscope calibrate` measures a drawn micrometer and keeps the scale; a live camera without one gives no answer."""

import json
from pathlib import Path

import cv2
import pytest

from tests.browser.rig import state
from tests.system.scope import zpscope
from tests.unit.test_imaging_micrometer import ruler
from zpscope.config.cameras import PylonCamera
from zpscope.config.settings import Optics, Settings, SyntheticCamera
from zpscope.counting.field_counts import Cell
from zpscope.counting.tally import position
from zpscope.daemon import wire
from zpscope.daemon.calibration import why_uncalibrated
from zpscope.daemon.ledger import FieldCount, Ledger
from zpscope.daemon.store import SampleRecord, SlideRecord
from zpscope.daemon.summary import count_text, summarise
from zpscope.display.latest import Snapshot
from zpscope.display.words import words
from zpscope.imaging.colour import SlideColour

OBJECTIVE = "100x/1.30 oil"
MODEL = '{"name":"m","version":"1","sha256":"00","demonstration":false,"runtime":"r"}'


def calibrate(picture: Path, file: Path, *words: str) -> tuple[int, str, str]:
    options = ["--objective", OBJECTIVE, "--camera-serial", "24001", "--file", str(file), *words]
    done = zpscope("calibrate", str(picture), "--line-um", "10", *options)
    return done.returncode, done.stdout, done.stderr


def lab(file: Path, um_per_px: float, **optics: str) -> Settings:
    return Settings(
        camera=PylonCamera(driver="pylon", serial="24001", um_per_px=um_per_px),
        optics=Optics(objective=optics.get("objective", OBJECTIVE), calibrations=file),
    )


def test_a_measured_scale_is_kept_and_holds_for_its_camera_and_objective(tmp_path: Path) -> None:
    file, picture = tmp_path / "calibrations.json", tmp_path / "ruler.png"
    assert cv2.imwrite(str(picture), ruler(96.15, 17))
    assert "run zpscope calibrate for camera 24001" in why_uncalibrated(lab(file, 0.104))
    status, stdout, stderr = calibrate(picture, file)
    assert (status, stderr) == (0, "")
    assert "set camera.um_per_px = 0.104" in stdout
    (kept,) = json.loads(file.read_text())["calibrations"]
    assert kept["um_per_px"] == pytest.approx(10 / 96.15, rel=0.002)
    assert (kept["camera_serial"], kept["objective"], kept["line_um"]) == ("24001", OBJECTIVE, 10)
    assert why_uncalibrated(lab(file, 0.104)) == ""
    assert "was measured: set that" in why_uncalibrated(lab(file, 0.106))
    assert "objective 60x" in why_uncalibrated(lab(file, 0.104, objective="60x"))
    assert why_uncalibrated(Settings(camera=SyntheticCamera())) == ""


@pytest.mark.parametrize("line_um", ["0", "inf", "nan"])
def test_a_distance_that_cannot_be_is_refused(line_um: str, tmp_path: Path) -> None:
    file, picture = tmp_path / "calibrations.json", tmp_path / "ruler.png"
    assert cv2.imwrite(str(picture), ruler(96.15, 17))
    status, stdout, stderr = calibrate(picture, file, "--line-um", line_um)
    assert (status, stdout) == (2, "")
    assert "give the distance between two lines" in stderr
    assert not file.exists()


def test_a_camera_without_a_serial_in_the_settings_is_known_by_its_own(tmp_path: Path) -> None:
    file, picture = tmp_path / "calibrations.json", tmp_path / "ruler.png"
    assert cv2.imwrite(str(picture), ruler(96.15, 17))
    calibrate(picture, file)
    unnamed = Settings(
        camera=PylonCamera(driver="pylon", um_per_px=0.104),
        optics=Optics(objective=OBJECTIVE, calibrations=file),
    )
    assert why_uncalibrated(unnamed, "24001") == ""
    assert "for camera 24002" in why_uncalibrated(unnamed, "24002")
    assert "for camera pylon" in why_uncalibrated(unnamed), "nobody knows yet which camera it is"


def test_what_cannot_be_measured_keeps_nothing(tmp_path: Path) -> None:
    file, picture = tmp_path / "calibrations.json", tmp_path / "empty.png"
    assert cv2.imwrite(str(picture), ruler(330, 3))
    status, _, stderr = calibrate(picture, file)
    assert (status, len(stderr.splitlines())) == (1, 1)
    assert f"{picture}: the picture" in stderr
    assert not file.exists()
    file.write_text("{}")
    assert cv2.imwrite(str(picture), ruler(96.15, 17))
    status, _, stderr = calibrate(picture, file)
    assert (status, file.read_text()) == (2, "{}")
    assert "is not a file of calibrations" in stderr


def test_a_sample_that_is_not_calibrated_gives_no_answer() -> None:
    ledger = Ledger()
    for number in range(30):
        ledger.hear("s", number + 1, {})
        ledger.commit("s", FieldCount("", ("",) * 10, Cell(5, 10)), number)
    assert position(ledger.k, ledger.n, ledger.scored, 49, 100, 20) == "above"
    for why, expected in (("", "above"), ("run zpscope calibrate", "not_calibrated")):
        sample = SampleRecord(
            "S", "A-1", "sample", "scanning", 1, "density_gradient", "diff_quik", "100x", 0.069, "OP"
        )
        slide = SlideRecord(
            "S", "S", 1, "scanning", 1, None, MODEL, "{}", "p", "0", SlideColour.fresh().to_json(), why
        )
        summary = summarise(sample, [(slide, ledger)])
        assert (summary.verdict.state == "invalid") == bool(why)
        assert summary.position == expected
        assert (summary.k, summary.n) == (150, 300)
        shown = words(Snapshot("live", "", state(summary), 0.0, None, None, None, 1, 1), slide.tally)
        assert shown.percent == ("not calibrated" if why else "50.0 %")
        for said in (count_text(summary), str(shown), wire.to_json(summary)):
            assert ("50.0" in said) == (not why), "no share of the heads is said anywhere"
        assert ("NOT CALIBRATED: run zpscope calibrate" in count_text(summary)) == bool(why)
