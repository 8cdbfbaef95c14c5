"""What a report reads of a store, also while a scan goes on."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.stored import put_field, put_sample
from zpscope.config.errors import CommandRefused
from zpscope.daemon.store import open_store, read_store
from zpscope.report.answer import answer_of
from zpscope.report.page import page
from zpscope.report.read import read_evidence

CROP = cv2.imencode(".png", np.full((128, 128), 90, np.uint8))[1].tobytes()
THUMBNAIL = cv2.imencode(".jpg", np.zeros((64, 80), np.uint8))[1].tobytes()
SLIDES = [[(1, 5), (0, 4)], [(2, 6), (0, 0), (1, 3)]]


def test_two_slides_are_read_whole(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as store:
        put_sample(store, "S", SLIDES, crop=CROP)
        store.write("UPDATE placed SET thumbnail = ?", THUMBNAIL)
        found = read_evidence(store, "A-S")
    assert (found.summary.k, found.summary.n) == (4, 18)
    assert len(found.counted) == 18
    assert sum(head.bound for head in found.counted) == 4
    assert [seen.slide for seen in found.seen] == [1, 2]
    assert {field.slide for field in found.fields} == {1, 2}
    assert len(found.fields) == 5
    assert answer_of(found.summary).headline == "No answer yet"
    html = page(found)
    assert html.count("<figcaption>") == 18 + 4
    assert "4 of 18 heads ZP-binding" in html


def test_a_report_is_of_one_moment(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as writer:
        put_sample(writer, "S", SLIDES, crop=CROP)
        writer.write("UPDATE placed SET thumbnail = ?", THUMBNAIL)
        with read_store(tmp_path / "s") as reader, reader.snapshot():
            before = read_evidence(reader, "S")
            put_field(writer, "S.1", 7, 1, 9, 0, CROP)
            assert read_evidence(reader, "S") == before
        with read_store(tmp_path / "s") as reader:
            assert len(reader.rows("SELECT id FROM field")) == 6


def test_one_of_several_samples_is_named_by_its_id(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as store:
        put_sample(store, "S", SLIDES)
        put_sample(store, "T", SLIDES)
        store.write("UPDATE sample SET accession = 'A-1'")
        store.write("UPDATE placed SET thumbnail = ?", THUMBNAIL)
        with pytest.raises(
            CommandRefused, match="2 samples have the accession A-1: give one by its id, S, T"
        ):
            read_evidence(store, "A-1")
        assert read_evidence(store, "T").summary.sample == "T"
        with pytest.raises(CommandRefused, match="there is no sample X"):
            read_evidence(store, "X")
