# pyright: reportMissingImports=false
"""The script of the demonstration bundle, on few heads: the card says what was done, and twice is the same."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("tensorboardX", reason="the extra `train` is not installed")
pytest.importorskip("zpscope.engines.openvino_engine", reason="the extra `train` is not installed")

from zpscope.engines.bundle import MODEL_INT8, open_bundle
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH
from zpscope.training.demonstration import NOTICE, Plan, make
from zpscope.training.publish import write_bundle
from zpscope.training.run import Run
from zpscope.training.split import TEST, TRAIN

SMALL = Plan(
    slides=6, fields=2, how="--protocol slide --width 0.0625 --train all --epochs 1 --batch 16 --views 2"
)


def test_makes_the_same_bundle_twice_by_a_training_run(tmp_path: Path) -> None:
    card, files = make(SMALL, tmp_path / "one")
    assert (card, files) == make(SMALL, tmp_path / "other")
    assert (card, files) == make(SMALL, tmp_path / "one"), "what is done already is not done again"
    write_bundle(tmp_path / "bundle", card, files)
    opened = open_bundle(tmp_path / "bundle", PREPROCESSING_HASH, CROP_UM_PER_PX)
    assert opened.card == card
    assert card.demonstration
    assert card.notice == NOTICE
    assert (MODEL_INT8 in files) == (card.integers is not None)
    run = Run(tmp_path / "one" / "run")
    assert card.training.digest == run.plan.digest
    assert card.training.heads == (run.sets == TRAIN).sum()
    assert card.training.empty_grey is not None
    low, high = card.training.empty_grey
    assert 180 < low < high < 255
    assert "opened" not in card.training.description
    held_out = run.crops.only(run.sets == TEST)
    assert not set(held_out.slide.tolist()) & set(run.crops.slide[run.sets != TEST].tolist())
    assert f"of {held_out.bound.sum()} bound heads" in card.metrics["sensitivity"].counts
