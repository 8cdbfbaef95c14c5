# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""`zpscope normalise` from folders to folders: both sets through one generator, killed and resumed, and refused."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import grimp
import numpy as np
import pytest

from zpscope.daemon.command import COMMANDS, main

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from zpscope.config.errors import CommandRefused  # noqa: E402
from zpscope.training.crop_folders import read_crops  # noqa: E402
from zpscope.training.cycle_run import Run, Schedule  # noqa: E402
from zpscope.training.normalise import CHECKPOINT, Sets, train  # noqa: E402

SHORT = ("--epochs", "2", "--decay-epochs", "1", "--width", "1", "--blocks", "1", "--device", "cpu")
SLIDES = 4


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two preparations, of other light and noise, with four slides of one crop each."""
    folder, random = tmp_path_factory.mktemp("crops"), np.random.default_rng(0)
    y, x = np.mgrid[-64:64, -64:64]
    for name, level, noise in (("laboratory", 180, 8), ("clinic", 220, 2)):
        for slide in range(SLIDES):
            (folder / name / f"slide{slide}").mkdir(parents=True)
            drawn = np.where((x / 21) ** 2 + (y / 32) ** 2 < 1, 80, level) + random.normal(0, noise, x.shape)
            cv2.imwrite(str(folder / name / f"slide{slide}" / "0.png"), np.rint(drawn).astype(np.uint8))
    return folder


def words(crops: Path, out: Path) -> list[str]:
    given = [f"--{name}={crops / name}" for name in ("laboratory", "clinic")]
    return ["normalise", *given, f"--out={out}", *SHORT]


@pytest.fixture(scope="module")
def whole(crops: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """The exit status and the folder of a run that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole")
    return main(words(crops, out)), out


def test_both_sets_go_through_the_one_generator(crops: Path, whole: tuple[int, Path]) -> None:
    status, out = whole
    sets = Sets(read_crops(crops / "laboratory"), read_crops(crops / "clinic"))
    run = Run(sets.laboratory.crops, sets.clinic.crops, Schedule(2, 1, width=1, blocks=1))
    run.load(out / CHECKPOINT)
    for before, name in ((sets.laboratory, "laboratory"), (sets.clinic, "clinic")):
        after = read_crops(out / name)
        assert after.names == before.names
        assert (after.crops == run.to_clinic(before.crops)).all()
        assert (after.crops != before.crops).any(axis=(1, 2)).all()
    card = json.loads((out / "card.json").read_text("utf-8"))
    assert card["leak"]["before"]["p"] <= 0.05
    assert card["leak"]["found"] == (card["leak"]["after"]["p"] <= 0.05) == bool(status)
    assert card["statistics"]["laboratory, before"]["background"] == pytest.approx(180, abs=1)
    assert sorted(path.name for path in (out / "grids").iterdir()) == [f"epoch-00{i}.png" for i in (1, 2, 3)]


DYING = """
import os, signal, sys
from zpscope.daemon.command import main
from zpscope.training.cycle_run import Run

step, left = Run._step, [6]

def dying(self, a, b):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, a, b)

Run._step = dying
main(sys.argv[1:])
"""


def test_killed_and_given_again_it_ends_the_same(
    crops: Path, whole: tuple[int, Path], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", DYING, *words(crops, tmp_path)]  # dies in the second of three epochs
    killed = subprocess.run(command, stderr=subprocess.DEVNULL, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(torch.load(tmp_path / CHECKPOINT, weights_only=True)["epochs"]) == 1
    assert main(words(crops, tmp_path)) == whole[0]
    for path in whole[1].rglob("*.png"):
        assert (tmp_path / path.relative_to(whole[1])).read_bytes() == path.read_bytes()
    assert (tmp_path / "card.json").read_text() == (whole[1] / "card.json").read_text()


def test_a_loss_that_is_not_finite_keeps_the_last_checkpoint(crops: Path, tmp_path: Path) -> None:
    sets = Sets(read_crops(crops / "laboratory"), read_crops(crops / "clinic"))
    schedule, path = Schedule(1, 2, width=1, blocks=0), tmp_path / CHECKPOINT
    run = Run(sets.laboratory.crops, sets.clinic.crops, schedule)
    run.train_epoch(lambda: None)
    with torch.no_grad():
        next(iter(run.cycle.generators.parameters())).fill_(float("nan"))
    run.save(path)
    kept = path.read_bytes()
    with pytest.raises(CommandRefused, match=r"loss of epoch 2 is not finite: .*checkpoint.pt keeps epoch 1"):
        train(sets, schedule, tmp_path, "cpu", lambda _done, _total: None, lambda _: None)
    assert path.read_bytes() == kept


def no_folder(folder: Path) -> None:
    shutil.rmtree(folder / "clinic")


def three_slides(folder: Path) -> None:
    shutil.rmtree(folder / "clinic" / "slide3")


def no_picture(folder: Path) -> None:
    (folder / "clinic" / "slide3" / "0.png").write_bytes(b"x")


def other_size(folder: Path) -> None:
    cv2.imwrite(str(folder / "clinic" / "slide3" / "0.png"), np.zeros((64, 128), np.uint8))


def in_both(folder: Path) -> None:
    shutil.copy(folder / "laboratory" / "slide0" / "0.png", folder / "clinic" / "slide0")


def no_slide(folder: Path) -> None:
    shutil.copy(folder / "clinic" / "slide0" / "0.png", folder / "clinic")


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (no_folder, "is no folder"),
        (three_slides, "--clinic has 3 slides: the leak test needs 4"),
        (no_picture, "0.png is not a picture"),
        (other_size, "0.png is 128 x 64: crops are 128 x 128"),
        (in_both, "slide0/0.png of --clinic is slide0/0.png of --laboratory: take it out of one"),
        (no_slide, "must hold a sub-folder for each slide"),
    ],
)
def test_refuses_in_one_line(
    crops: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], None], line: str
) -> None:
    shutil.copytree(crops, tmp_path / "crops")
    spoil(tmp_path / "crops")
    assert main(words(tmp_path / "crops", tmp_path / "out")) == 2
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_refuses_to_write_among_what_it_reads(crops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(crops, crops)) == 2
    assert "would write among the crops" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["--width=0", "--blocks=-1", "--epochs=-1"])
def test_refuses_impossible_numbers(crops: Path, capsys: pytest.CaptureFixture[str], wrong: str) -> None:
    assert main([*words(crops, crops / "out"), wrong]) == 2
    assert "will not do: give" in capsys.readouterr().err


def test_names_the_extra_that_is_missing(
    crops: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(words(crops, crops / "out")) == 2
    assert capsys.readouterr().err.endswith("which is not installed: pip install 'zpscope[train]'\n")


def test_nothing_but_the_command_leads_to_the_generator() -> None:
    packages = {module.rsplit(".", 1)[0] for module in COMMANDS.values()} | {
        "zpscope.engines",
        "zpscope.imaging",
        "zpscope.drivers",
    }
    graph = grimp.build_graph(*sorted(packages), cache_dir=None)
    users = graph.find_downstream_modules("zpscope.training.cyclegan")
    offline = {"cycle_run", "normalise", "normalise_command"}
    assert users == {f"zpscope.training.{name}" for name in offline}
