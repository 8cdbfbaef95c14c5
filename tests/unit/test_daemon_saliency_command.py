"""The picture of where the classifier looked in a stored head."""

from importlib import util
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.unit.test_daemon_store import add_sample, commit_all, fields
from zpscope.daemon.command import main
from zpscope.daemon.ledger import Ledger
from zpscope.daemon.scoring import ScoredField
from zpscope.daemon.store import open_store, read_store

__all__ = ["fields"]


@pytest.fixture
def words(tmp_path: Path, fields: list[ScoredField]) -> list[str]:
    """The command for the first classified head of a store."""
    path = tmp_path / "slide.sqlite"
    with open_store(path) as store:
        add_sample(store)
        commit_all(store, fields[:2], Ledger())
    with read_store(path) as store:
        field, head = store.rows(
            "SELECT field.number, head.number FROM head JOIN field ON field.id = head.field WHERE crop IS NOT NULL"
        )[0]
    out = str(tmp_path / "map.png")
    return ["saliency", "-c", "demo", "--set", f"store.path={path}", "--out", out, "S", str(field), str(head)]


@pytest.mark.parametrize("by", ["gradient", "occlusion"])
def test_a_stored_head_is_shown(words: list[str], tmp_path: Path, by: str) -> None:
    if by == "gradient" and util.find_spec("torch") is None:
        pytest.skip("the extra `cuda` is not installed")
    assert main([*words, "--by", by]) == 0
    picture = cv2.imread(str(tmp_path / "map.png"))
    assert picture is not None
    assert picture.shape == (512, 1024, 3)
    crop, heat = picture[:, :512], picture[:, 512:]
    assert (crop[..., 0] == crop[..., 2]).all()
    assert len(np.unique(heat.reshape(-1, 3), axis=0)) > 50


def test_a_head_that_is_not_there(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words[:-1], "999"]) == 1
    assert "has no classified head 999 in field" in capsys.readouterr().err
    words[words.index("--out") + 1] = "/nowhere/map.png"
    assert main([*words, "--by", "occlusion"]) == 1
    assert "cannot be written" in capsys.readouterr().err
