"""Samples, fields and heads on disk, in one SQLite file: the one place where they are written and read.

One transaction per field: a field is in the store with all its heads, or not at all. One process writes, others
may read meanwhile (WAL). No total is stored beside what it is a total of.
"""

import fcntl
import json
import os
import secrets
import sqlite3
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import StoreError
from zpscope.config.settings import Place
from zpscope.daemon.ledger import SUPERSEDED, UNMAPPED, Ledger, SessionAccount
from zpscope.daemon.scoring import ExaminedField, ScoredField
from zpscope.daemon.store_tables import SINCE, STORE_VERSION, TABLES
from zpscope.daemon.wire import SampleState
from zpscope.imaging.slide_map import Counted, Join, Placement

_REMEDY = {
    sqlite3.SQLITE_READONLY: "it is read-only: give this user write permission to the file and its folder",
    sqlite3.SQLITE_FULL: "the disk is full: free some space and start again; every committed field is safe",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that the folder exists and this user may write to it",
    sqlite3.SQLITE_NOTADB: "it is not a zpscope store: set another store.path",
    sqlite3.SQLITE_CORRUPT: "it is damaged: restore the last backup, or set another store.path",
    sqlite3.SQLITE_BUSY: "another program holds it: close that program and start again",
}


@dataclass(frozen=True)
class SampleRecord:
    """A row of the table `sample`."""

    id: str
    accession: str
    state: SampleState
    started_ns: int
    stopped_ns: int | None
    model: str
    """JSON of wire.Model."""
    settings: str
    """JSON of config.Settings."""
    preprocessing: str
    software: str
    colour: str
    """JSON of imaging.SlideColour after the last committed field."""
    uncalibrated: str
    """Why its scale cannot be relied on, or empty."""


@dataclass(frozen=True)
class PlacedField:
    """What is kept of a field that was placed on the slide."""

    um_per_px: float
    """Of the field."""
    thumbnail: bytes
    """See imaging.thumbnail."""
    heads_um: NDArray[np.float64]
    """(N, 2) from the field's centre, of the heads that count from it."""
    bound: tuple[bool, ...]
    """(N,) their class."""


class Store:
    """An open store; made by `open_store` or `read_store`."""

    def __init__(self, database: sqlite3.Connection, path: Path, lock: "_Lock | None") -> None:
        self._database = database
        self._path = path
        self._lock = lock
        self.identity: str = self.rows("SELECT store FROM identity")[0][0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._database.close()
        if self._lock is not None:
            self._lock.release()

    def samples(self) -> list[SampleRecord]:
        """Return every sample, oldest first."""
        return [SampleRecord(*row) for row in self.rows("SELECT * FROM sample ORDER BY started_ns, id")]

    def ledger(self, sample: str) -> Ledger:
        """Return the account of a sample, from the fields and heads themselves."""
        ledger = Ledger(apart=self._apart(sample))
        for session, captured in self.rows(
            "SELECT session, captured FROM session WHERE sample = ? ORDER BY rowid", sample
        ):
            ledger.sessions[session] = SessionAccount(captured)
        for session, stage, frames in self.rows(
            "SELECT session, stage, frames FROM loss WHERE sample = ?", sample
        ):
            ledger.sessions[session].lost[stage] = frames
        for session, fields, first_ns, last_ns in self.rows(
            "SELECT session, count(*), min(captured_ns), max(captured_ns) FROM field WHERE sample = ? "
            "GROUP BY session",
            sample,
        ):
            ledger.sessions[session].committed = fields
            ledger.sessions[session].span_ns = (first_ns, last_ns)
        for skip, fields in self.rows(
            "SELECT skip, count(*) FROM field WHERE sample = ? GROUP BY skip", sample
        ):
            if skip:
                ledger.skipped[skip] += fields
            else:
                ledger.scored += fields
        for island, fields in self.rows(
            "SELECT island, count(*) FROM field LEFT JOIN placed ON placed.field = field.id "
            "WHERE field.sample = ? AND skip = '' GROUP BY island",
            sample,
        ):
            ledger.add(UNMAPPED if island is None else island, fields, 0, 0)
        for island, reason, heads, bound in self.rows(
            "SELECT island, reason, count(*), coalesce(sum(bound), 0) FROM head "
            "JOIN field ON field.id = head.field LEFT JOIN placed ON placed.field = field.id "
            "WHERE field.sample = ? GROUP BY island, reason",
            sample,
        ):
            ledger.found += heads
            if reason:
                ledger.refused[reason] += heads
            else:
                ledger.add(UNMAPPED if island is None else island, 0, bound, heads)
        for island, into in self.rows(
            "SELECT joined.island, into_island FROM joined JOIN placed ON placed.field = joined.field "
            "WHERE sample = ? ORDER BY number, joined.island",
            sample,
        ):
            ledger.join(island, into)
        return ledger

    def _apart(self, sample: str) -> Literal["left_out", "counted"]:
        (text,) = self.rows("SELECT settings FROM sample WHERE id = ?", sample)[0]
        return Place.model_validate(json.loads(text).get("place", {})).apart

    def placements(self, sample: str) -> Iterator[Placement]:
        """Yield what was taken from each placed field, in the order of the scan."""
        joins = defaultdict[int, list[Join]](list)
        for field, island, into, *shift in self.rows(
            "SELECT joined.* FROM joined JOIN placed ON placed.field = joined.field "
            "WHERE sample = ? ORDER BY number, joined.island",
            sample,
        ):
            joins[field].append(Join(island, into, (shift[0], shift[1])))
        heads = defaultdict[int, list[Counted]](list)
        for field, number, known, x_um, y_um, area_um2, sharpness in self.rows(
            "SELECT head.field, head.number, known, slide_x_um, slide_y_um, area_um2, sharpness FROM head "
            "JOIN placed ON placed.field = head.field WHERE sample = ? AND known IS NOT NULL "
            "ORDER BY placed.number, head.number",
            sample,
        ):
            heads[field].append(Counted(number - 1, known, (x_um, y_um), area_um2, sharpness))
        for field, number, island, x_um, y_um, detail, stage_x_um, stage_y_um in self.rows(
            "SELECT field.id, placed.number, island, x_um, y_um, detail, stage_x_um, stage_y_um FROM placed "
            "JOIN field ON field.id = placed.field WHERE placed.sample = ? ORDER BY placed.number",
            sample,
        ):
            yield Placement(
                number=number,
                island=island,
                centre_um=(x_um, y_um),
                detail=detail,
                stage_um=None if stage_x_um is None else (stage_x_um, stage_y_um),
                joins=tuple(joins[field]),
                heads=tuple(heads[field]),
            )

    def thumbnail(self, sample: str, number: int) -> bytes:
        """Return the thumbnail of a placed field, a JPEG."""
        found: bytes = self.rows(
            "SELECT thumbnail FROM placed WHERE sample = ? AND number = ?", sample, number
        )[0][0]
        return found

    def counted_before(self, sample: str) -> list[tuple[float, float, float]]:
        """Return place, (x, y) in µm, and area in µm² of the heads that a store of version 1 counted."""
        return self.rows(
            "SELECT slide_x_um, slide_y_um, area_um2 FROM head JOIN field ON field.id = head.field "
            "WHERE sample = ? AND reason = '' AND known IS NULL AND slide_x_um IS NOT NULL",
            sample,
        )

    def committed(self, session: str) -> int:
        """Return the highest committed frame number of a session, -1 if there is none."""
        number: int = self.rows("SELECT coalesce(max(number), -1) FROM field WHERE session = ?", session)[0][
            0
        ]
        return number

    def placed_field(self, sample: str, number: int) -> PlacedField:
        """Return what is kept of a placed field, with the heads that count from it."""
        ((field, um_per_px, x_um, y_um, thumbnail),) = self.rows(
            "SELECT field.id, um_per_px, x_um, y_um, thumbnail FROM placed JOIN field ON field.id = placed.field "
            "WHERE placed.sample = ? AND placed.number = ?",
            sample,
            number,
        )
        heads = self.rows(
            "SELECT slide_x_um - ?, slide_y_um - ?, bound FROM head WHERE field = ? AND reason = ''",
            x_um,
            y_um,
            field,
        )
        places_um = np.array([head[:2] for head in heads], np.float64).reshape(-1, 2)
        return PlacedField(um_per_px, thumbnail, places_um, tuple(bool(head[2]) for head in heads))

    def add_sample(self, sample: SampleRecord) -> None:
        """Begin a sample."""
        with self._transaction():
            marks = ", ".join("?" * len(astuple(sample)))
            self._database.execute(f"INSERT INTO sample VALUES ({marks})", astuple(sample))

    def set_state(self, sample: str, state: SampleState, stopped_ns: int | None) -> None:
        """Move a sample on in its life."""
        with self._transaction():
            self._database.execute(
                "UPDATE sample SET state = ?, stopped_ns = ? WHERE id = ?", (state, stopped_ns, sample)
            )

    def put_sessions(self, sample: str, accounts: Mapping[str, SessionAccount]) -> None:
        """Write the frames captured and lost in sessions so far, in the order in which they began."""
        with self._transaction():
            for session, account in accounts.items():
                self._put_session(sample, session, account)

    def commit_field(self, sample: str, scored: ScoredField, account: SessionAccount) -> tuple[int, int]:
        """Write a field with all its heads, and its session's account; all or nothing.

        Return k and n of the heads that counted before and are now superseded.
        """
        header = scored.examined.header
        with self._transaction():
            self._put_session(sample, header.session, account)
            stage_um = header.stage_um or (None, None)
            row = (sample, header.session, header.number, header.source, header.captured_ns, header.device_ns)
            field = self._database.execute(
                "INSERT INTO field VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, *stage_um, header.um_per_px, scored.examined.skip),
            ).lastrowid
            self._database.executemany(
                f"INSERT INTO head VALUES ({', '.join('?' * 15)})", _head_rows(field, scored)
            )
            withdrawn = self._put_placement(sample, field, scored.examined)
            colour = scored.examined.colour.to_json()
            self._database.execute(
                "UPDATE sample SET colour = ? WHERE id = ? AND colour <> ?", (colour, sample, colour)
            )
        return withdrawn

    def _put_placement(self, sample: str, field: int | None, examined: ExaminedField) -> tuple[int, int]:
        placement = examined.placement
        if placement is None:
            return 0, 0
        self._database.execute(
            "INSERT INTO placed VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                field,
                sample,
                placement.number,
                placement.island,
                *placement.centre_um,
                placement.detail,
                examined.thumbnail,
            ),
        )
        self._database.executemany(
            "INSERT INTO joined VALUES (?, ?, ?, ?, ?)",
            [(field, join.island, join.into, *join.shift_um) for join in placement.joins],
        )
        k = 0
        for view in placement.gone:
            (bound,) = self._database.execute(
                "UPDATE head SET reason = ? WHERE number = ? AND reason = '' AND "
                "field = (SELECT field FROM placed WHERE sample = ? AND number = ?) RETURNING bound",
                (SUPERSEDED, view.index + 1, sample, view.field),
            ).fetchone()
            k += bound
        return k, len(placement.gone)

    def _put_session(self, sample: str, session: str, account: SessionAccount) -> None:
        self._database.execute(
            "INSERT INTO session VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET captured = excluded.captured",
            (sample, session, account.captured),
        )
        self._database.executemany(
            "INSERT INTO loss VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET frames = excluded.frames",
            [(sample, session, stage, frames) for stage, frames in account.lost.items()],
        )

    def rows(self, sql: str, *values: object) -> list[Any]:
        """Return the rows of a query."""
        with _plain_errors(self._path):
            return self._database.execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self) -> Generator[None, None, None]:
        with _plain_errors(self._path):
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise


def open_store(path: Path) -> Store:
    """Open a store to write, making it if it is not there; raise StoreError if another process has it."""
    lock = _Lock(path)
    try:
        with _plain_errors(path):
            database = sqlite3.connect(path, isolation_level=None)
            version = _version(database, path)
            for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                database.execute(f"PRAGMA {setting}")
            if version == 0:
                _create(database)
            elif version < STORE_VERSION:
                _bring_up(database, version)
        return Store(database, path, lock)
    except BaseException:
        lock.release()
        raise


def read_store(path: Path) -> Store:
    """Open a store to read, beside a process that may be writing to it."""
    if not path.exists():
        msg = f"there is no store {path}: start `zpscope run`, or give the settings it runs with (-c)"
        raise StoreError(msg)
    with _plain_errors(path):
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        if _version(database, path) < STORE_VERSION:
            msg = f"the store {path} is of an older zpscope: start `zpscope inference` once, which brings it up to date"
            raise StoreError(msg)
    return Store(database, path, None)


def _version(database: sqlite3.Connection, path: Path) -> int:
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    if version > STORE_VERSION:
        msg = (
            f"the store {path} was written by a newer zpscope (store version {version}, this one knows "
            f"{STORE_VERSION}): install that zpscope, or set another store.path"
        )
        raise StoreError(msg)
    return version


def _create(database: sqlite3.Connection) -> None:
    database.execute("BEGIN IMMEDIATE")
    for table in TABLES:
        database.execute(table)
    database.execute("INSERT INTO identity VALUES (?)", (secrets.token_hex(16),))
    database.execute(f"PRAGMA user_version = {STORE_VERSION}")
    database.execute("COMMIT")


def _bring_up(database: sqlite3.Connection, version: int) -> None:
    database.execute("BEGIN IMMEDIATE")
    for one in range(version, STORE_VERSION):
        for statement in SINCE[one]:
            database.execute(statement)
    database.execute(f"PRAGMA user_version = {STORE_VERSION}")
    database.execute("COMMIT")


def _head_rows(field: int | None, scored: ScoredField) -> Iterator[tuple[object, ...]]:
    heads, slide_um = scored.examined.heads, scored.examined.slide_um
    if heads is None:
        return
    placement = scored.examined.placement
    known = {head.index: head.known for head in placement.heads} if placement else {}
    for head in scored.objects():
        yield (
            field,
            head.index + 1,
            *heads.centre_px[head.index].tolist(),
            *((None, None) if slide_um is None else slide_um[head.index].tolist()),
            float(heads.angle_deg[head.index]),
            float(heads.area_um2[head.index]),
            head.reason,
            head.p,
            head.bound,
            heads.outlines[head.index].astype("<i2").tobytes(),
            None if head.crop is None else cv2.imencode(".png", head.crop)[1].tobytes(),
            float(heads.sharpness[head.index]),
            known.get(head.index),
        )


@contextmanager
def _plain_errors(path: Path) -> Generator[None, None, None]:
    """Turn SQLite's errors into one line that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        msg = f"the store {path} cannot be used: {_REMEDY.get(code, str(error))}"
        raise StoreError(msg) from error


class _Lock:
    """Held by the one process that writes; the system lets it go when the process dies, however it dies."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._file = self._take(path)
        while os.fstat(self._file).st_nlink == 0:  # its last holder removed it between our open and our lock
            os.close(self._file)
            self._file = self._take(path)

    def _take(self, path: Path) -> int:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            msg = (
                f"the store {path} cannot be used ({error.strerror}): set a store.path this user may write to"
            )
            raise StoreError(msg) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            msg = f"another inference process writes to the store {path}: stop it, or set another store.path"
            raise StoreError(msg) from error
        return file

    def release(self) -> None:
        """Let go, and leave no file behind."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)
