# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownParameterType=false, reportUnknownLambdaType=false
"""Crops for training are those that are scored live, and a training that is killed ends as one that was not."""

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("tensorboardX", reason="the extra `train` is not installed")

from zpscope.config.settings import Place, ReplayCamera, Settings, SyntheticCamera
from zpscope.daemon.command import main
from zpscope.daemon.recorded import score_recorded
from zpscope.drivers.open_camera import open_camera
from zpscope.engines.bundle import open_bundle
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH
from zpscope.imaging.decode import decode
from zpscope.imaging.picture import read_picture
from zpscope.training.crop_set import read_crops
from zpscope.training.run import Run

FIELDS = 3


@pytest.fixture(scope="module")
def um_per_px() -> float:
    return SyntheticCamera().um_per_px


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four slides of four donors, two of them called bound."""
    folder = tmp_path_factory.mktemp("fields")
    for seed in range(4):
        slide = folder / ("bound" if seed % 2 else "unbound") / f"donor{seed}" / "slide"
        slide.mkdir(parents=True)
        share = 100.0 if seed % 2 else 0.0
        with open_camera(SyntheticCamera(seed=900 + seed, fields=FIELDS, binding_percent=share)) as camera:
            for number in range(FIELDS):
                grab = camera.grab(60.0)
                pixels = decode(grab.pixels, camera.format.layout)
                cv2.imwrite(str(slide / f"{number}.png"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return folder


@pytest.fixture(scope="module")
def run_folder(fields: Path, um_per_px: float, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    words = ["train", str(fields), "--run", str(folder), "--um-per-px", str(um_per_px), "--protocol", "paper"]
    assert main([*words, "--network", "basic", "--epochs", "1"]) == 0
    return folder


def test_training_sees_what_is_scored(run_folder: Path, fields: Path, um_per_px: float) -> None:
    crops = read_crops(run_folder / "crops", pytest.fail)
    known = {crop.tobytes() for crop in crops.crops}
    live = 0
    bundle = open_bundle("demonstration", PREPROCESSING_HASH, CROP_UM_PER_PX)
    for slide in sorted(fields.glob("*/*/*")):
        camera = ReplayCamera(driver="replay", folder=slide, um_per_px=um_per_px)
        settings = Settings(camera=camera, place=Place(apart="counted"))
        with open_engine(settings.classifier, bundle) as engine:
            _, scored = score_recorded(settings, open_camera(camera), engine)
        shown = [one.crop for field in scored for one in field.objects() if one.crop is not None]
        assert all(crop.tobytes() in known for crop in shown)
        live += len(shown)
    assert 0.8 * len(crops) < live <= len(crops)


def test_importance_is_counted_in_the_heads_that_were_cut(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(run_folder), "--out", str(tmp_path / "out"), "--heads", "4"]) == 0
    assert "anterior" in capsys.readouterr().out
    rows = (tmp_path / "out" / "importance.csv").read_text("utf-8").splitlines()
    assert len(rows) == 9
    area = np.array([float(row.split(",")[6]) for row in rows[1:]])
    assert (area > 0.05).all()
    assert (area < 0.25).all()  # a head of 65 x 43 px is 13 % of its crop
    assert read_picture(tmp_path / "out" / "saliency.png").shape == (512, 1024, 3)
    assert main(["explain", str(run_folder), "--out", str(tmp_path), "--masks", str(tmp_path)]) == 2
    assert "train from fields" in capsys.readouterr().err


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_killed_at_random_moments_it_ends_the_same(run_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(run_folder / "crops", tmp_path / "crops")
    words = ["train", str(tmp_path / "crops"), "--protocol", "paper", "--width", "0.0625", "--epochs", "12"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main([*words, "--train", "head", "--run", str(whole)]) == 0
    command = [sys.executable, "-m", "zpscope.daemon", *words, "--train", "head", "--run", str(broken)]
    moments, kills = random.Random(1), 0
    while True:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            try:
                ended = child.wait(moments.uniform(4.0, 12.0) * (1 + kills / 4))
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                kills += 1
                continue
        assert ended == 0
        break
    assert kills
    one, other = Run(whole), Run(broken)
    assert one.best() == other.best()
    theirs = other.trained().state_dict()
    assert all(bool((values == theirs[key]).all()) for key, values in one.trained().state_dict().items())
