# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownParameterType=false, reportUnknownLambdaType=false
"""A lab's way: fields or crops in, a network trained, judged once, and a bundle that the daemon's engine runs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("tensorboardX", reason="the extra `train` is not installed")

from zpscope.config.classifiers import OnnxRuntimeClassifier
from zpscope.daemon.command import main
from zpscope.engines.bundle import open_bundle
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH
from zpscope.training.crop_set import write_crops
from zpscope.training.judge import Judgement, judge, much_worse
from zpscope.training.network import score
from zpscope.training.pack import calibrated
from zpscope.training.run import Run

WORDS = ["--name", "a model", "--model-version", "1", "--licence", "none", "--intended-use", "a test"]


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """96 heads of 16 donors: a dark head on noise, its upper part pale where it is bound."""
    folder = tmp_path_factory.mktemp("crops")
    random = np.random.default_rng(0)
    y, x = np.mgrid[-64:64, -64:64]
    head = (x / 22) ** 2 + (y / 34) ** 2 < 1
    bound = np.tile([True, False], 48)
    drawn = np.where(head, 70.0, 190.0) + random.normal(0, 30, (96, 128, 128))
    drawn[bound] += np.where(head & (y < 0), 60.0, 0.0)
    names = [f"{'bound' if i % 2 == 0 else 'unbound'}/d{i % 16}/s/{i}.png" for i in range(96)]
    write_crops(folder, np.asarray(np.clip(drawn, 0, 255), np.uint8), names)
    return folder


@pytest.fixture(scope="module")
def run_folder(crops: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A narrow VGG13, all of it trained, and its test set not opened."""
    folder = tmp_path_factory.mktemp("runs") / "vgg"
    words = ["train", str(crops), "--run", str(folder), "--width", "0.03125", "--epochs", "2"]
    assert main([*words, "--train", "head", "--rate", "0.01"]) == 0
    return folder


def test_a_run_is_judged_once_and_becomes_a_bundle(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bundle"
    bundle = ["bundle", str(run_folder), "--out", str(out), *WORDS]
    assert main(bundle) == 1
    assert "--open-test" in capsys.readouterr().err
    main(["evaluate", str(run_folder), "--open-test", "--folds", "2", "--json"])
    judged = json.loads(capsys.readouterr().out)
    assert judged["test"]["opened"] == 1
    assert len(judged["cross-validation"]) == 3
    assert main(["evaluate", str(run_folder), "--open-test"]) == 1
    assert "was opened 1 time(s)" in capsys.readouterr().err
    page = (run_folder / "report.html").read_text("utf-8")
    assert "test set opened 1 time(s)" in page
    assert "http" not in page
    assert list((run_folder / "events").rglob("events.out.*"))
    assert main(bundle) == 0
    opened = open_bundle(out, PREPROCESSING_HASH, CROP_UM_PER_PX)
    run = Run(run_folder)
    assert opened.card.training.digest == run.plan.digest
    assert opened.card.metrics["accuracy"].counts == judged["test"]["metrics"]["accuracy"]["counts"]
    assert "drawn at random" in opened.card.training.description
    with open_engine(OnnxRuntimeClassifier(), opened) as engine:
        live = engine.classify(run.crops.crops)
    assert np.abs(live - score(calibrated(run), run.crops.crops)).max() <= 1e-5


def test_a_run_taken_up_again_is_the_same_and_another_plan_is_refused(
    crops: Path, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--width", "0.03125", "--epochs", "2", "--train", "head", "--rate", "0.01"]
    folder = tmp_path / "again"
    assert main(["train", str(crops), "--run", str(folder), *words]) == 0
    assert main(["train", str(crops), "--run", str(folder), *words]) == 0
    assert Run(folder).best() == Run(run_folder).best()
    assert main(["train", str(crops), "--run", str(folder), *words, "--seed", "1"]) == 1
    assert "another sets, schedule" in capsys.readouterr().err
    other = tmp_path / "other"
    shutil.copytree(crops, other)
    next((other / "bound" / "d0" / "s").iterdir()).unlink()
    assert main(["train", str(other), "--run", str(folder), *words]) == 1
    assert "another crops, digest" in capsys.readouterr().err


def test_a_rate_that_is_too_high_ends_in_words(
    crops: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(crops), "--run", str(tmp_path / "run"), "--network", "basic", "--rate", "1e30"]
    assert main([*words, "--epochs", "1"]) == 1
    assert "the loss of epoch 1 is not finite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["--epochs", "0"], "--epochs must be 1 or more"),
        (["--network", "basic", "--train", "block"], "has no blocks"),
        (["--init", "nowhere.safetensors"], "download it again"),
        (["--network", "basic", "--init", "nowhere.safetensors"], "leave it out"),
        (["--donors", "nowhere.csv"], "columns slide and donor"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    words: list[str], remedy: str, crops: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(crops), "--run", str(tmp_path / "run"), *words]) == 2
    assert remedy in capsys.readouterr().err


def outputs(right_bound: int, right_unbound: int) -> Judgement:
    """Return a judgement of 123 bound and 149 unbound heads, the paper's validation set."""
    bound = np.arange(272) < 123
    right = np.concatenate([np.arange(123) < right_bound, np.arange(149) < right_unbound])
    margin: NDArray[np.float32] = np.where(bound == right, 1.0, -1.0).astype(np.float32)
    return judge(np.stack([-margin, margin], axis=1), bound, 1.0)


def test_the_failure_of_the_papers_resnet34_is_told() -> None:
    assert not much_worse(outputs(120, 143), outputs(119, 141))
    (line,) = much_worse(outputs(121, 149), outputs(121, 111))
    assert line.startswith("unbound heads: 111 of 149 right on the test set, 149 of 149 on validation")
