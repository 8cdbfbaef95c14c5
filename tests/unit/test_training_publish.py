"""A bundle is written whole, and never over something that is none."""

from pathlib import Path

import pytest

from zpscope.engines.bundle import CARD, DEMONSTRATION, MODEL, open_bundle
from zpscope.engines.card import Card
from zpscope.training.publish import digests, write_bundle


@pytest.fixture
def card() -> Card:
    return Card.model_validate_json((DEMONSTRATION / CARD).read_bytes())


@pytest.fixture
def files(card: Card) -> dict[str, bytes]:
    return {name: (DEMONSTRATION / name).read_bytes() for name in card.files}


def test_what_is_written_opens(tmp_path: Path, card: Card, files: dict[str, bytes]) -> None:
    for _ in range(2):  # the second replaces the first
        write_bundle(tmp_path / "new" / "bundle", card, files)
    opened = open_bundle(tmp_path / "new" / "bundle", card.preprocessing.hash, card.preprocessing.um_per_px)
    assert opened.card == card
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["bundle"]


def test_refuses_a_card_of_other_files(tmp_path: Path, card: Card) -> None:
    with pytest.raises(ValueError, match="other files"):
        write_bundle(tmp_path / "bundle", card, {MODEL: b"other"})
    assert not list(tmp_path.iterdir())


def test_leaves_a_folder_that_is_no_bundle_alone(tmp_path: Path, card: Card, files: dict[str, bytes]) -> None:
    (tmp_path / "thesis.txt").write_text("five years")
    with pytest.raises(ValueError, match="is no model bundle"):
        write_bundle(tmp_path, card, files)
    assert (tmp_path / "thesis.txt").read_text() == "five years"


def test_digests_are_sha256_by_name() -> None:
    assert digests({"a": b""}) == {"a": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
