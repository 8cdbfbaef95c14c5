"""A lab's own colours are learned from its pictures, kept as they were, and refused in one line if they will not do."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.drawn_field import DrawnHead, draw_field
from zpscope.config.errors import SettingsError
from zpscope.daemon.command import main
from zpscope.imaging.colour import ACROSOME, NUCLEUS, REFERENCE, SlideColour
from zpscope.imaging.examine import examine
from zpscope.imaging.reference import BUILT_IN, learn, name_of, read_reference, write_reference

UM_PER_PX = 0.052


def _field(seed: int) -> NDArray[np.uint8]:
    """Return 30 heads, without tails: a drawn tail is so long that it would cut the neighbours in two."""
    places = [(120 + 110 * i, 110 + 110 * j, 50.0 * i + 20 * j) for i in range(6) for j in range(5)]
    heads = [DrawnHead(*place, tail=False) for place in places]
    return draw_field(heads, shape=(680, 800), seed=seed)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stain")
    for seed in range(2):
        cv2.imwrite(str(folder / f"{seed}.png"), cv2.cvtColor(_field(seed), cv2.COLOR_RGB2BGR))
    return folder


def test_the_colours_of_the_heads_are_learned() -> None:
    field = _field(0)
    learned, heads = learn([(field, UM_PER_PX)])
    assert heads == 30
    assert learned != REFERENCE
    assert learned[NUCLEUS][0] < learned[ACROSOME][0]
    again = examine(field, UM_PER_PX, SlideColour.fresh(learned))
    assert int(again.heads.accepted.sum()) == 30
    assert again.colour.reference == learned
    assert SlideColour.from_json(again.colour.to_json()) == again.colour


def test_a_slide_begun_before_references_could_be_learned_goes_on_with_the_built_in_one() -> None:
    kept = json.loads(SlideColour.fresh().to_json())
    del kept["reference"]
    assert SlideColour.from_json(json.dumps(kept)) == SlideColour.fresh()


def test_nothing_is_learned_from_nothing() -> None:
    assert learn([]) == (REFERENCE, 0)


def test_a_reference_comes_back_from_its_file(tmp_path: Path) -> None:
    learned = tuple((one[0] + 1.25, one[1], one[2] - 0.5) for one in REFERENCE)
    write_reference(tmp_path / "r.json", learned, 3, 60)
    assert read_reference(tmp_path / "r.json") == learned
    assert read_reference(BUILT_IN) == REFERENCE
    assert name_of(REFERENCE) == BUILT_IN
    assert len({name_of(learned), BUILT_IN, name_of(learned[::-1])}) == 3


@pytest.mark.parametrize(
    "text",
    [None, "", "[]", '{"kind": "x"}', '{"kind": "zpscope colour reference", "version": 1, "lab": [[1]]}'],
)
def test_a_file_that_is_no_reference_is_refused_in_one_line(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "r.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match="zpscope reference") as refused:
        read_reference(path)
    assert "\n" not in str(refused.value)


def test_the_command_writes_what_segment_takes(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "reference.json"
    assert main(["reference", str(pictures), "--um-per-px", "0.052", "--out", str(out)]) == 0
    assert name_of(read_reference(out)) in capsys.readouterr().out
    words = ["--um-per-px", "0.052", "--reference", str(out), "--out", str(tmp_path / "heads")]
    assert main(["segment", str(pictures / "0.png"), *words]) == 0
    assert (tmp_path / "heads" / "heads.csv").read_text().count(",true,") == 30


def test_too_few_heads_and_grey_pictures_are_refused_and_nothing_is_written(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "reference.json"
    grey = tmp_path / "grey.png"
    cv2.imwrite(str(grey), cv2.cvtColor(_field(0), cv2.COLOR_RGB2GRAY))
    for picture, said, status in (
        (pictures / "0.png", "too few", 1),
        (grey, "is grey", 1),
        (tmp_path / "no.png", "is not there", 2),
    ):
        assert main(["reference", str(picture), "--um-per-px", "0.052", "--out", str(out)]) == status
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert not out.exists()
