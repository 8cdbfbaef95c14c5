"""The store: all of a field or nothing, one writer, and errors that say what to do."""

import os
import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from zpscope.config.errors import StoreError
from zpscope.config.settings import Settings, SyntheticCamera
from zpscope.daemon.capture import Capture
from zpscope.daemon.ledger import Ledger
from zpscope.daemon.scoring import ScoredField, Scorer
from zpscope.daemon.store import SampleRecord, SlideRecord, Store, open_store, read_store
from zpscope.drivers.open_camera import open_camera
from zpscope.engines.bundle import open_bundle
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH
from zpscope.imaging.dust import sightings
from zpscope.imaging.slide_map import SlideMap

SETTINGS = Settings(camera=SyntheticCamera(fields=6))


@pytest.fixture(scope="module")
def fields() -> list[ScoredField]:
    """Return scored fields of a simulated slide, as the inference process makes them."""
    capture = Capture("synthetic", SETTINGS.camera.um_per_px)
    capture.demand("S")
    bundle = open_bundle("demonstration", PREPROCESSING_HASH, CROP_UM_PER_PX)
    with open_camera(SETTINGS.camera) as camera, open_engine(SETTINGS.classifier, bundle) as engine:
        scorer = Scorer(engine, 32, SETTINGS.tally, SlideColour.fresh(), SlideMap([b""].__getitem__, 5.0))
        grabs = (camera.grab(60) for _ in range(6))
        return scorer.classify(
            [scorer.examine(capture.take(g, camera.format), g.pixels.copy()) for g in grabs]
        )


def add_sample(store: Store, name: str = "S") -> None:
    """Write a sample with one slide of the same id."""
    colour = SlideColour.fresh().to_json()
    with store.transaction():
        store.add_sample(
            SampleRecord(name, "A-1", "sample", "scanning", 1, "raw", "other", "100x", None, "OP")
        )
        store.add_slide(SlideRecord(name, name, 1, "scanning", 1, None, "{}", "{}", "p", "0", colour, ""))


def commit_all(store: Store, fields: list[ScoredField], kept: Ledger) -> None:
    """Commit fields one by one; `kept` is their account as it was kept while writing."""
    for field in fields:
        header = field.examined.header
        account = Ledger()
        account.hear(header.session, header.captured, header.lost)
        withdrawn = store.commit_field("S", field, account.sessions[header.session])
        kept.hear(header.session, header.captured, header.lost)
        kept.commit(header.session, field.count, header.captured_ns, withdrawn)


def committed(path: Path, fields: list[ScoredField]) -> Ledger:
    """Write a sample with these fields and return its account as it was kept while writing."""
    ledger = Ledger()
    with open_store(path) as store:
        add_sample(store)
        commit_all(store, fields, ledger)
    return ledger


def test_the_account_comes_back_as_it_was(tmp_path: Path, fields: list[ScoredField]) -> None:
    kept = committed(tmp_path / "s", fields)
    assert kept.n > 10
    with read_store(tmp_path / "s") as store:
        assert store.ledger("S") == kept
        assert store.committed(fields[0].examined.header.session) == 5
        assert store.slide("S").colour == fields[-1].examined.colour.to_json()
        placements = list(store.placements("S"))
        thumbnails = [store.thumbnail("S", one.number) for one in placements]
        last = store.last_sightings("S")
    assert placements == [replace(f.examined.placement, gone=()) for f in fields if f.examined.placement]
    assert thumbnails == [field.examined.thumbnail for field in fields]
    heads = [field.examined.heads for field in fields if field.examined.heads]
    np.testing.assert_array_equal(last, sightings(heads[-1]))


def test_crops_come_back_byte_for_byte(tmp_path: Path, fields: list[ScoredField]) -> None:
    committed(tmp_path / "s", fields)
    with read_store(tmp_path / "s") as store:
        blobs = store.rows("SELECT crop FROM head WHERE crop IS NOT NULL ORDER BY field, number")
    crops = np.concatenate([field.examined.crops for field in fields])
    assert len(blobs) == len(crops)
    for (blob,), crop in zip(blobs, crops, strict=True):
        stored = cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(stored, crop)


def test_a_field_is_never_committed_twice(tmp_path: Path, fields: list[ScoredField]) -> None:
    kept = committed(tmp_path / "s", fields)
    with open_store(tmp_path / "s") as store:
        with pytest.raises(StoreError):
            store.commit_field("S", fields[2], kept.sessions[fields[2].examined.header.session])
        assert store.ledger("S") == kept


def test_a_full_disk_loses_no_committed_field(tmp_path: Path, fields: list[ScoredField]) -> None:
    kept = Ledger()
    with open_store(tmp_path / "s") as store:
        add_sample(store)
        (pages,) = store.rows("PRAGMA page_count")[0]
        store.rows(f"PRAGMA max_page_count = {pages + 20}")  # SQLite then answers as on a full disk
        with pytest.raises(StoreError, match=r"disk is full.*free some space"):
            commit_all(store, fields, kept)
        assert kept.scored > 0, "the disk was full before the first field"
        assert store.ledger("S") == kept


def test_one_open_sample_at_a_time(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as store:
        add_sample(store, "S")
        with pytest.raises(StoreError):
            add_sample(store, "T")
        store.set_state("S", "complete", 2)
        add_sample(store, "T")


def test_one_writer_and_any_reader(tmp_path: Path) -> None:
    path = tmp_path / "new" / "s"
    with open_store(path):
        with pytest.raises(StoreError, match="another inference process"):
            open_store(path)
        with read_store(path) as reader:
            assert reader.samples() == []
    assert [file.name for file in path.parent.iterdir()] == ["s"]
    with open_store(path) as store:
        first = store.identity
    with open_store(path) as store:
        assert store.identity == first


BACK_TO_3 = (
    "CREATE TABLE was AS SELECT slide.id, accession, state, started_ns, stopped_ns, model, settings, preprocessing, "
    "software, colour, uncalibrated FROM slide JOIN sample ON sample.id = slide.sample",
    *(
        f"DROP TABLE {table}"
        for table in ("review", "signature", "seal", "person", "control", "audit", "sample")
    ),
    *(
        f"ALTER TABLE {table} RENAME COLUMN slide TO sample"
        for table in ("session", "loss", "field", "placed")
    ),
    "ALTER TABLE slide RENAME TO sample",
    "DROP TABLE sample",
    "ALTER TABLE was RENAME TO sample",
    "DROP INDEX field_of_slide",
    "CREATE INDEX field_of_sample ON field (sample, session)",
    "CREATE UNIQUE INDEX open_sample ON sample ((1)) WHERE state IN ('scanning', 'closing')",
    "PRAGMA user_version = 3",
)
"""What makes a store of version 3 of one of today."""


def shape(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the columns of every table, and what they refer to."""
    database = sqlite3.connect(path)
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    columns = {
        name: [
            *database.execute(f"PRAGMA table_info({name})"),
            *database.execute(f"PRAGMA foreign_key_list({name})"),
        ]
        for name in tables
    }
    database.close()
    return columns


def test_a_store_of_version_3_goes_on_as_one_of_today(tmp_path: Path, fields: list[ScoredField]) -> None:
    kept = committed(tmp_path / "s", fields)
    today = shape(tmp_path / "s")
    database = sqlite3.connect(tmp_path / "s", isolation_level=None)
    for change in BACK_TO_3:
        database.execute(change)
    database.close()
    with open_store(tmp_path / "s") as store:
        assert store.ledger("S") == kept
        sample = store.sample("A-1")
        assert (sample.id, sample.life, sample.preparation) == ("S", "scanning", "not recorded")
        assert [slide.number for slide in store.slides("S")] == [1]
        assert store.rows("PRAGMA foreign_key_check") == []
    assert shape(tmp_path / "s") == today


def test_a_store_of_version_1_goes_on(tmp_path: Path, fields: list[ScoredField]) -> None:
    """Its fields keep counting, and the heads that it knew the places of are known on the map."""
    kept = committed(tmp_path / "s", fields)
    database = sqlite3.connect(tmp_path / "s", isolation_level=None)
    for change in (
        *BACK_TO_3,
        "UPDATE head SET reason = 'duplicate' WHERE reason = 'superseded'",
        "DROP TABLE joined",
        "DROP TABLE placed",
        "ALTER TABLE head DROP COLUMN sharpness",
        "ALTER TABLE head DROP COLUMN known",
        "ALTER TABLE sample DROP COLUMN uncalibrated",
        "PRAGMA user_version = 1",
    ):
        database.execute(change)
    database.close()
    with pytest.raises(StoreError, match="older zpscope: start `zpscope inference` once"):
        read_store(tmp_path / "s")
    with open_store(tmp_path / "s") as store:
        ledger = store.ledger("S")
        assert (ledger.n, ledger.k, ledger.unplaced) == (kept.n, kept.k, 0)
        assert len(store.counted_before("S")) == kept.n
        assert list(store.placements("S")) == []
        assert "older than the record of calibrations" in store.slide("S").uncalibrated
    read_store(tmp_path / "s").__exit__()


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "s")
    database.execute("PRAGMA user_version = 1000")
    database.close()
    for opener in (open_store, read_store):
        with pytest.raises(StoreError, match="newer zpscope"):
            opener(tmp_path / "s")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user for a moment")
@pytest.mark.parametrize(("folder_mode", "exists"), [(0o755, False), (0o755, True), (0o700, True)])
def test_a_store_this_user_may_not_write(folder_mode: int, exists: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        if exists:
            with open_store(path):
                pass
        Path(folder).chmod(folder_mode)
        os.seteuid(65534)
        try:
            with pytest.raises(StoreError, match=f"{path}.*set a store.path this user may write to"):
                open_store(path)
        finally:
            os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user for a moment")
def test_a_read_only_store_in_a_folder_that_can_be_written(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        with open_store(path) as store:
            add_sample(store)
        Path(folder).chmod(0o777)
        path.chmod(0o444)
        os.seteuid(65534)
        try:
            with (
                pytest.raises(StoreError, match="read-only: give this user write permission"),
                open_store(path) as store,
            ):
                store.set_state("S", "complete", 2)
        finally:
            os.seteuid(0)
