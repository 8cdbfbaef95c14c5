# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""`zpscope normalise` from folders to folders: both sets through one generator, killed and resumed, and refused."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import grimp
import numpy as np
import pytest
from numpy.typing import NDArray

from zpscope.daemon.command import COMMANDS, main

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from zpscope.config.errors import CommandRefused  # noqa: E402
from zpscope.training.crop_set import read_crops  # noqa: E402
from zpscope.training.cycle_run import Run, Schedule  # noqa: E402
from zpscope.training.normalise import CHECKPOINT, of_laboratory, slides, train  # noqa: E402

SHORT = ("--epochs", "1", "--decay-epochs", "1", "--width", "1", "--blocks", "0")
SLIDES = 4


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crop set of two preparations of other light and noise, four slides each; the first has a head of each class."""
    folder, random = tmp_path_factory.mktemp("crops"), np.random.default_rng(0)
    y, x = np.mgrid[-64:64, -64:64]
    for name, level, noise in (("lab", 180, 8), ("clinic", 220, 2)):
        for slide in range(SLIDES):
            for bound in (("bound", "unbound"), ("bound",), ("unbound",), ("unbound",))[slide]:
                drawn = np.where((x / 21) ** 2 + (y / 32) ** 2 < 1, 80, level) + random.normal(
                    0, noise, x.shape
                )
                write(folder / bound / f"{name}-{slide}" / "a.png", drawn)
    return folder


def write(path: Path, grey: NDArray[np.float64]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.rint(grey).astype(np.uint8))


def words(crops: Path, out: Path) -> list[str]:
    return ["normalise", str(crops), "--laboratory=*/lab-*", f"--run={out}", *SHORT]


@pytest.fixture(scope="module")
def whole(crops: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """The exit status and the folder of a run that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole")
    return main(words(crops, out)), out


def test_both_preparations_go_through_the_one_generator(crops: Path, whole: tuple[int, Path]) -> None:
    status, out = whole
    before, after = read_crops(crops, print), read_crops(out / "crops", print)
    laboratory = of_laboratory(before, ["*/lab-*"])
    assert laboratory.sum() == (~laboratory).sum() == SLIDES + 1
    run = Run(before.crops[laboratory], before.crops[~laboratory], Schedule(1, 1, width=1, blocks=0))
    run.load(out / CHECKPOINT)
    assert after.name.tolist() == before.name.tolist()
    assert (after.crops == run.to_clinic(before.crops)).all()
    assert (after.crops != before.crops).any(axis=(1, 2)).all()
    card = json.loads((out / "card.json").read_text("utf-8"))
    assert card["leak"]["before"]["p"] <= 0.05
    assert card["leak"]["before"]["slides"] == [SLIDES, SLIDES]
    assert card["leak"]["found"] == (card["leak"]["after"]["p"] <= 0.05) == bool(status)
    assert card["statistics"]["laboratory, before"]["background"] == pytest.approx(180, abs=1)
    assert sorted(path.name for path in (out / "grids").iterdir()) == [f"epoch-00{i}.png" for i in (1, 2)]
    assert list((out / "events").rglob("events.*"))


DYING = """
import os, signal, sys
from zpscope.daemon.command import main
from zpscope.training.cycle_run import Run

step, left = Run._step, [7]

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
    command = [sys.executable, "-c", DYING, *words(crops, tmp_path)]  # dies in the second of two epochs
    killed = subprocess.run(command, stderr=subprocess.DEVNULL, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(torch.load(tmp_path / CHECKPOINT, weights_only=True)["epochs"]) == 1
    assert main(words(crops, tmp_path)) == whole[0]
    for path in whole[1].rglob("*.png"):
        assert (tmp_path / path.relative_to(whole[1])).read_bytes() == path.read_bytes()
    assert (tmp_path / "card.json").read_text() == (whole[1] / "card.json").read_text()


def test_a_loss_that_is_not_finite_keeps_the_last_checkpoint(crops: Path, tmp_path: Path) -> None:
    known = read_crops(crops, print)
    laboratory = of_laboratory(known, ["*/lab-*"])
    schedule, path = Schedule(1, 2, width=1, blocks=0), tmp_path / CHECKPOINT
    run = Run(known.crops[laboratory], known.crops[~laboratory], schedule)
    run.train_epoch(lambda: None)
    with torch.no_grad():
        next(iter(run.cycle.generators.parameters())).fill_(float("nan"))
    run.save(path)
    kept = path.read_bytes()
    with pytest.raises(CommandRefused, match=r"loss of epoch 2 is not finite: .*checkpoint.pt keeps epoch 1"):
        train(known, laboratory, schedule, tmp_path)
    assert path.read_bytes() == kept


def test_heads_of_both_classes_on_a_slide_are_of_one_slide(crops: Path) -> None:
    known = read_crops(crops, print)
    assert sorted(set(slides(known).tolist())) == sorted(
        f"{name}-{i}/{name}-{i}" for name in ("lab", "clinic") for i in range(SLIDES)
    )


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("*/nobody-*", "0 slides are of the laboratory: the leak test needs 4; see --laboratory"),
        ("*/lab-[012]/*", "3 slides are of the laboratory: the leak test needs 4; see --laboratory"),
        ("bound/*", "--laboratory takes a part of the slide clinic-0/clinic-0: name whole slides"),
    ],
)
def test_refuses_preparations_that_cannot_be_told(
    crops: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], pattern: str, line: str
) -> None:
    given = [
        f"--laboratory={pattern}" if "--lab" in word else word for word in words(crops, tmp_path / "out")
    ]
    assert main(given) == 2
    assert capsys.readouterr().err == f"zpscope: {line}\n"
    assert not (tmp_path / "out").exists()


def test_warns_where_preparation_and_class_are_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(1)
    for name in ("bound", "unbound"):
        for slide in range(SLIDES):
            write(tmp_path / "set" / name / f"{name}{slide}" / "a.png", random.normal(200, 4, (128, 128)))
    given = ["normalise", str(tmp_path / "set"), "--laboratory=bound/*", f"--run={tmp_path / 'out'}", *SHORT]
    assert main([*given, "--epochs=1", "--decay-epochs=0"]) in (0, 1)
    assert "preparation and class are one here" in capsys.readouterr().err


def test_refuses_to_write_among_what_it_reads(crops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(crops, crops / "bound")) == 2
    assert "would write among the crops" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["--width=0", "--blocks=-1", "--epochs=-1"])
def test_refuses_impossible_numbers(crops: Path, capsys: pytest.CaptureFixture[str], wrong: str) -> None:
    assert main([*words(crops, crops / "out"), wrong]) == 2
    assert "will not do: give" in capsys.readouterr().err


def test_names_the_extra_that_is_missing(
    crops: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in [name for name in sys.modules if name.startswith("zpscope.training.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(words(crops, crops / "out")) == 2
    assert capsys.readouterr().err == "zpscope: this needs torch: pip install 'zpscope[train]'\n"


def test_nothing_but_the_command_leads_to_the_generator() -> None:
    packages = {module.rsplit(".", 1)[0] for module in COMMANDS.values()} | {
        "zpscope.engines",
        "zpscope.imaging",
        "zpscope.drivers",
    }
    graph = grimp.build_graph(*sorted(packages), cache_dir=None)
    users = graph.find_downstream_modules("zpscope.training.cyclegan")
    offline = {"cycle_run", "normalise"}  # which the command loads by name
    assert users == {f"zpscope.training.{name}" for name in offline}
