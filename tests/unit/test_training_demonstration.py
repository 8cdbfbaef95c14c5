# pyright: reportMissingImports=false
"""The script of the demonstration bundle, on few heads: the card says what was done, and twice is the same."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("zpscope.engines.openvino_engine", reason="the extra `train` is not installed")

from zpscope.engines.bundle import MODEL_INT8, open_bundle
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH
from zpscope.training.demonstration import NOTICE, Plan, draw, make
from zpscope.training.fit import Epoch, Schedule
from zpscope.training.publish import write_bundle

SMALL = Plan(train_slides=2, test_slides=1, fields=4, schedule=Schedule(epochs=1, seed=9))


def test_makes_the_same_bundle_twice(tmp_path: Path) -> None:
    epochs: list[Epoch] = []
    (seen, held_out), again = draw(SMALL), draw(SMALL)
    assert (seen.digest, held_out.digest) == (again[0].digest, again[1].digest)
    card, files = make(SMALL, seen, held_out, epochs.append)
    assert (card, files) == make(SMALL, *again, epochs.append)
    assert len(epochs) == 2
    write_bundle(tmp_path / "bundle", card, files)
    opened = open_bundle(tmp_path / "bundle", PREPROCESSING_HASH, CROP_UM_PER_PX)
    assert opened.card == card
    assert card.notice == NOTICE
    assert card.training.digest == seen.digest
    assert card.training.heads == len(seen.bound)
    assert (MODEL_INT8 in files) == (card.integers is not None)
    assert f"of {held_out.bound.sum()} bound heads" in card.metrics["sensitivity"].counts
