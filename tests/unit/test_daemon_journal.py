"""The journal tells of every life before, and of a damaged record that it is damaged."""

from pathlib import Path

import pytest

from zpscope.config.errors import SettingsError
from zpscope.daemon.capture import Capture
from zpscope.daemon.journal import Journal
from zpscope.drivers.camera import PixelFormat

SHAPE = PixelFormat(384, 512, "bayer_rg8")


def life(path: Path, sample: str, lost: int) -> Capture:
    """Live once, capturing nothing but what the driver lost."""
    capture = Capture("synthetic", 0.069)
    capture.demand(sample)
    with Journal(path) as journal:
        journal.write(capture, SHAPE)
        capture.end(lost)
        journal.write(capture, SHAPE)
    return capture


def test_a_process_reads_what_those_before_it_captured_for_the_sample(tmp_path: Path) -> None:
    life(tmp_path / "j", "earlier", 9)
    lives = [life(tmp_path / "j", "S", lost) for lost in range(70)]
    with Journal(tmp_path / "j") as journal:
        ended = journal.ended
    assert [(one.session, one.captured) for one in ended] == [
        (one.session, one.captured) for one in lives[-64:]
    ]
    assert {one.format for one in ended} == {"512 x 384 bayer_rg8"}
    assert (tmp_path / "j").stat().st_size == 64 * 512


def test_a_damaged_record_is_said_and_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for lost in range(3):
        life(tmp_path / "j", "S", lost)
    content = bytearray((tmp_path / "j").read_bytes())
    content[512:700] = b"x" * 188
    (tmp_path / "j").write_bytes(content)
    with Journal(tmp_path / "j") as journal:
        assert [one.captured for one in journal.ended] == [0, 2]
    assert "cannot be read" in caplog.text


def test_only_one_process_has_a_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "j"), pytest.raises(SettingsError, match="another camera process"):
        Journal(tmp_path / "j")


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be used"):
        Journal(tmp_path / "file" / "j")


def test_a_journal_that_is_deleted_is_written_anew_with_all_that_it_held(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    earlier = life(tmp_path / "j", "S", 3)
    capture = Capture("synthetic", 0.069)
    capture.demand("S")
    with Journal(tmp_path / "j") as journal:
        (tmp_path / "j").unlink()
        for lost in (1, 2):
            capture.end(lost)
            journal.write(capture, SHAPE)
        with pytest.raises(SettingsError, match="another camera process"):
            Journal(tmp_path / "j")
    assert [record.message for record in caplog.records].count(
        f"the journal {tmp_path / 'j'} was deleted while it was in use; it is written anew, and whole"
    ) == 1
    with Journal(tmp_path / "j") as journal:
        assert [(one.session, one.captured) for one in journal.ended] == [
            (earlier.session, 3),
            (capture.session, 3),
        ]
