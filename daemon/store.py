"""Samples, fields and heads on disk, in one SQLite file: the one place where they are written and read.

One transaction per field: a field is in the store with all its heads, or not at all. One process writes, others
may read meanwhile (WAL). No total is stored beside what it is a total of.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import CommandRefused, StoreError
from zpscope.config.settings import Place, Tally
from zpscope.counting.field_counts import Cell
from zpscope.daemon.ledger import SUPERSEDED, UNMAPPED, Ledger, SessionAccount
from zpscope.daemon.life import Kind, SampleLife
from zpscope.daemon.scoring import ScoredField, gone_by_field
from zpscope.daemon.store_file import Lock, open_file, plain_errors, read_file
from zpscope.daemon.wire import SampleState
from zpscope.imaging.placement import Counted, Join, Placement


@dataclass(frozen=True)
class SampleRecord:
    """A row of the table `sample`: what is known of it before its first field, and what came of it."""

    id: str
    accession: str
    kind: Kind
    life: SampleLife
    planned_ns: int
    preparation: str
    stain: str
    objective: str
    um_per_px: float | None
    """None: as every field states it."""
    operator: str
    machine: str = ""
    """JSON of wire.SampleSummary when its scan was over."""
    reviewed: str = ""
    """JSON of wire.ReviewedResult after a review."""


@dataclass(frozen=True)
class SlideRecord:
    """A row of the table `slide`: one scan."""

    id: str
    sample: str
    number: int
    """From 1."""
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
    simulated: bool = False
    """A program drew its fields."""

    @property
    def open(self) -> bool:
        """Frames are still wanted or awaited."""
        return self.state in ("scanning", "paused", "closing")

    @property
    def tally(self) -> Tally:
        """The counting rules that it was begun with."""
        return Tally.model_validate(json.loads(self.settings).get("tally", {}))

    @property
    def apart(self) -> Literal["left_out", "counted"]:
        """See `config.settings.Place`."""
        return Place.model_validate(json.loads(self.settings).get("place", {})).apart


_CELL = (
    "coalesce(sum(reason = '' AND bound), 0) AS k, coalesce(sum(reason = ''), 0) AS n, "
    "coalesce(sum(reason = '' AND bound AND abs(p - 0.5) < ?), 0) AS unsure_k, "
    "coalesce(sum(reason = '' AND abs(p - 0.5) < ?), 0) AS unsure_n"
)
"""The columns of a `Cell`, from the heads of one field."""


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

    def __init__(self, database: sqlite3.Connection, path: Path, lock: "Lock | None") -> None:
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
        """Return every sample, in the order in which they were planned, whatever the clock said."""
        return [SampleRecord(*row) for row in self.rows("SELECT * FROM sample ORDER BY rowid")]

    def sample(self, name: str) -> SampleRecord:
        """Return the sample with this id, or the only one with this accession.

        Raise CommandRefused if there is none, or if several have the accession: no command guesses which is meant.
        """
        found = self.rows("SELECT * FROM sample WHERE id = ?", name)
        same = [SampleRecord(*row) for row in found] or self.samples_of(name)
        if not same:
            msg = f"there is no sample {name}: `zpscope sample list` shows those of this store"
            raise CommandRefused(msg)
        if len(same) > 1:
            ids = ", ".join(one.id for one in same)
            msg = f"{len(same)} samples have the accession {name}: give one by its id, {ids}"
            raise CommandRefused(msg)
        return same[0]

    def samples_of(self, accession: str) -> list[SampleRecord]:
        """Return the samples with an accession, in order."""
        found = self.rows("SELECT * FROM sample WHERE accession = ? ORDER BY rowid", accession)
        return [SampleRecord(*row) for row in found]

    def slides(self, sample: str) -> list[SlideRecord]:
        """Return the slides of a sample, in order."""
        found = self.rows("SELECT * FROM slide WHERE sample = ? ORDER BY number", sample)
        return [SlideRecord(*row) for row in found]

    def open_slide(self) -> SlideRecord | None:
        """Return the slide on the microscope, if one is being scanned."""
        found = self.rows("SELECT * FROM slide WHERE state IN ('scanning', 'paused', 'closing')")
        return SlideRecord(*found[0]) if found else None

    def newest_slide(self) -> SlideRecord | None:
        """Return the slide that was begun last, whatever the clock said."""
        found = self.rows("SELECT * FROM slide ORDER BY rowid DESC LIMIT 1")
        return SlideRecord(*found[0]) if found else None

    def slide(self, slide: str) -> SlideRecord:
        """Return one slide."""
        return SlideRecord(*self.rows("SELECT * FROM slide WHERE id = ?", slide)[0])

    def ledger(self, slide: str) -> Ledger:
        """Return the account of a slide, from the fields and heads themselves."""
        record = self.slide(slide)
        ledger = Ledger(apart=record.apart)
        for session, captured in self.rows(
            "SELECT session, captured FROM session WHERE slide = ? ORDER BY rowid", slide
        ):
            ledger.sessions[session] = SessionAccount(captured)
        for session, stage, frames in self.rows(
            "SELECT session, stage, frames FROM loss WHERE slide = ?", slide
        ):
            ledger.sessions[session].lost[stage] = frames
        for session, fields, first_ns, last_ns in self.rows(
            "SELECT session, count(*), min(captured_ns), max(captured_ns) FROM field WHERE slide = ? "
            "GROUP BY session",
            slide,
        ):
            ledger.sessions[session].committed = fields
            ledger.sessions[session].span_ns = (first_ns, last_ns)
        for skip, fields in self.rows(
            "SELECT skip, count(*) FROM field WHERE slide = ? GROUP BY skip", slide
        ):
            if skip:
                ledger.skipped[skip] += fields
            else:
                ledger.scored += fields
        for reason, heads in self.rows(
            "SELECT reason, count(*) FROM head JOIN field ON field.id = head.field WHERE slide = ? GROUP BY reason",
            slide,
        ):
            ledger.found += heads
            if reason:
                ledger.refused[reason] += heads
        for island, fields, *cell in self.rows(
            f"SELECT island, count(*), k, n, unsure_k, unsure_n FROM (SELECT field.id, island, {_CELL} "
            "FROM field LEFT JOIN head ON head.field = field.id LEFT JOIN placed ON placed.field = field.id "
            "WHERE field.slide = ? AND skip = '' GROUP BY field.id) GROUP BY island, k, n, unsure_k, unsure_n",
            *2 * [record.tally.unidentified_percent / 100],
            slide,
        ):
            ledger.add(UNMAPPED if island is None else island, Cell(*cell), fields)
        for island, into in self.rows(
            "SELECT joined.island, into_island FROM joined JOIN placed ON placed.field = joined.field "
            "WHERE slide = ? ORDER BY number, joined.island",
            slide,
        ):
            ledger.join(island, into)
        return ledger

    def placements(self, slide: str) -> Iterator[Placement]:
        """Yield what was taken from each placed field, in the order of the scan."""
        joins = defaultdict[int, list[Join]](list)
        for field, island, into, *shift in self.rows(
            "SELECT joined.* FROM joined JOIN placed ON placed.field = joined.field "
            "WHERE slide = ? ORDER BY number, joined.island",
            slide,
        ):
            joins[field].append(Join(island, into, (shift[0], shift[1])))
        heads = defaultdict[int, list[Counted]](list)
        for field, number, known, x_um, y_um, area_um2, sharpness in self.rows(
            "SELECT head.field, head.number, known, slide_x_um, slide_y_um, area_um2, sharpness FROM head "
            "JOIN placed ON placed.field = head.field WHERE slide = ? AND known IS NOT NULL "
            "ORDER BY placed.number, head.number",
            slide,
        ):
            heads[field].append(Counted(number - 1, known, (x_um, y_um), area_um2, sharpness))
        for field, number, island, x_um, y_um, detail, stage_x_um, stage_y_um in self.rows(
            "SELECT field.id, placed.number, island, x_um, y_um, detail, stage_x_um, stage_y_um FROM placed "
            "JOIN field ON field.id = placed.field WHERE placed.slide = ? ORDER BY placed.number",
            slide,
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

    def thumbnail(self, slide: str, number: int) -> bytes:
        """Return the thumbnail of a placed field, a JPEG."""
        found: bytes = self.rows(
            "SELECT thumbnail FROM placed WHERE slide = ? AND number = ?", slide, number
        )[0][0]
        return found

    def counted_before(self, slide: str) -> list[tuple[float, float, float]]:
        """Return place, (x, y) in µm, and area in µm² of the heads that a store of version 1 counted."""
        return self.rows(
            "SELECT slide_x_um, slide_y_um, area_um2 FROM head JOIN field ON field.id = head.field "
            "WHERE slide = ? AND reason = '' AND known IS NULL AND slide_x_um IS NOT NULL",
            slide,
        )

    def last_sightings(self, slide: str) -> NDArray[np.float64]:
        """Return what the last placed field of a slide showed (N, 3); see `imaging.dust.sightings`."""
        found = self.rows(
            "SELECT x_px, y_px, area_um2 FROM head WHERE field = "
            "(SELECT field FROM placed WHERE slide = ? ORDER BY number DESC LIMIT 1) ORDER BY number",
            slide,
        )
        return np.array(found, np.float64).reshape(-1, 3)

    def committed(self, session: str) -> int:
        """Return the highest committed frame number of a session, -1 if there is none."""
        number: int = self.rows("SELECT coalesce(max(number), -1) FROM field WHERE session = ?", session)[0][
            0
        ]
        return number

    def placed_field(self, slide: str, number: int) -> PlacedField:
        """Return what is kept of a placed field, with the heads that count from it."""
        ((field, um_per_px, x_um, y_um, thumbnail),) = self.rows(
            "SELECT field.id, um_per_px, x_um, y_um, thumbnail FROM placed JOIN field ON field.id = placed.field "
            "WHERE placed.slide = ? AND placed.number = ?",
            slide,
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
        """Write a sample that is planned."""
        self._insert("sample", astuple(sample))

    def add_slide(self, slide: SlideRecord) -> None:
        """Begin a slide."""
        self._insert("slide", astuple(slide))

    def set_life(self, sample: str, life: SampleLife) -> None:
        """Move a sample on in its life."""
        self.write("UPDATE sample SET life = ? WHERE id = ?", life, sample)

    def put_machine_result(self, sample: str, summary: str) -> None:
        """Keep what the machine found, as JSON."""
        self.write("UPDATE sample SET machine = ? WHERE id = ?", summary, sample)

    def put_reviewed_result(self, sample: str, reviewed: str) -> None:
        """Keep what a review came to, as JSON, beside what the machine found."""
        self.write("UPDATE sample SET reviewed = ? WHERE id = ?", reviewed, sample)

    def set_state(self, slide: str, state: SampleState, stopped_ns: int | None) -> None:
        """Move a slide on."""
        self.write("UPDATE slide SET state = ?, stopped_ns = ? WHERE id = ?", state, stopped_ns, slide)

    def set_origin(self, slide: str, uncalibrated: str, *, simulated: bool) -> None:
        """Keep what the camera of a slide told of itself."""
        self.write(
            "UPDATE slide SET uncalibrated = ?, simulated = ? WHERE id = ?", uncalibrated, simulated, slide
        )

    def put_sessions(self, slide: str, accounts: Mapping[str, SessionAccount]) -> None:
        """Write the frames captured and lost in sessions so far, in the order in which they began."""
        with self.transaction():
            for session, account in accounts.items():
                self._put_session(slide, session, account)

    def commit_field(
        self, slide: str, scored: ScoredField, account: SessionAccount
    ) -> list[tuple[int, Cell, Cell]]:
        """Write a field with all its heads, and its session's account; all or nothing.

        Return of each earlier field of which some heads are superseded now the island on which it was placed, and its
        heads as they counted before and after.
        """
        header = scored.examined.header
        with self.transaction():
            self._put_session(slide, header.session, account)
            stage_um = header.stage_um or (None, None)
            row = (slide, header.session, header.number, header.source, header.captured_ns, header.device_ns)
            field = self._database.execute(
                "INSERT INTO field VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, *stage_um, header.um_per_px, scored.examined.skip),
            ).lastrowid
            self._database.executemany(
                f"INSERT INTO head VALUES ({', '.join('?' * 15)})", _head_rows(field, scored)
            )
            earlier = self._put_placement(slide, field, scored)
            colour = scored.examined.colour.to_json()
            self._database.execute(
                "UPDATE slide SET colour = ? WHERE id = ? AND colour <> ?", (colour, slide, colour)
            )
        return earlier

    def _put_placement(
        self, slide: str, field: int | None, scored: ScoredField
    ) -> list[tuple[int, Cell, Cell]]:
        placement = scored.examined.placement
        if placement is None:
            return []
        self._database.execute(
            "INSERT INTO placed VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                field,
                slide,
                placement.number,
                placement.island,
                *placement.centre_um,
                placement.detail,
                scored.examined.thumbnail,
            ),
        )
        self._database.executemany(
            "INSERT INTO joined VALUES (?, ?, ?, ?, ?)",
            [(field, join.island, join.into, *join.shift_um) for join in placement.joins],
        )
        earlier: list[tuple[int, Cell, Cell]] = []
        for number, indices in gone_by_field(placement).items():
            ((seen, island),) = self.rows(
                "SELECT field, island FROM placed WHERE slide = ? AND number = ?", slide, number
            )
            before = self._cell(seen, scored.margin)
            for index in indices:
                self.write(
                    "UPDATE head SET reason = ? WHERE field = ? AND number = ? AND reason = ''",
                    SUPERSEDED,
                    seen,
                    index + 1,
                )
            earlier.append((island, before, self._cell(seen, scored.margin)))
        return earlier

    def _cell(self, field: int, margin: float) -> Cell:
        """Return the heads of a field that count."""
        return Cell(*self.rows(f"SELECT {_CELL} FROM head WHERE field = ?", margin, margin, field)[0])

    def _put_session(self, slide: str, session: str, account: SessionAccount) -> None:
        self._database.execute(
            "INSERT INTO session VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET captured = excluded.captured",
            (slide, session, account.captured),
        )
        self._database.executemany(
            "INSERT INTO loss VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET frames = excluded.frames",
            [(slide, session, stage, frames) for stage, frames in account.lost.items()],
        )

    def rows(self, sql: str, *values: object) -> list[Any]:
        """Return the rows of a query."""
        with plain_errors(self._path):
            return self._database.execute(sql, values).fetchall()

    def with_pictures(self, before_ns: int) -> list[SampleRecord]:
        """Return the samples whose last slide was closed before a time, and of which pictures are kept."""
        found = self.rows(
            "SELECT * FROM sample WHERE life NOT IN ('planned', 'scanning') "
            "AND (SELECT max(stopped_ns) FROM slide WHERE slide.sample = sample.id) < ? "
            "AND EXISTS (SELECT 1 FROM slide JOIN field ON field.slide = slide.id JOIN head ON head.field = field.id "
            "WHERE slide.sample = sample.id AND crop IS NOT NULL) ORDER BY rowid",
            before_ns,
        )
        return [SampleRecord(*row) for row in found]

    def remove_pictures(self, sample: str) -> None:
        """Overwrite the pictures of a sample's heads and fields."""
        fields = "(SELECT field.id FROM field JOIN slide ON slide.id = field.slide WHERE slide.sample = ?)"
        self.rows("PRAGMA secure_delete = ON")
        self.write(f"UPDATE head SET crop = NULL, outline = x'' WHERE field IN {fields}", sample)
        self.write(f"UPDATE placed SET thumbnail = x'' WHERE field IN {fields}", sample)

    def backup(self, target: Path) -> None:
        """Copy everything to another file, as it is at one moment; raise StoreError if that is there or fails."""
        if target.exists():
            msg = f"{target} is there already: name a file that is not"
            raise StoreError(msg)
        with plain_errors(target):
            with closing(sqlite3.connect(target)) as copy:
                self._database.backup(copy)
                ((sound,),) = copy.execute("PRAGMA integrity_check").fetchall()
        if sound != "ok":
            msg = f"the copy {target} is not sound ({sound}): keep the last one, and look at the disk"
            raise StoreError(msg)

    def write(self, sql: str, *values: object) -> None:
        """Change rows: all of them or none, and at the end of the transaction if one is open."""
        with self.transaction():
            self._database.execute(sql, values)

    @contextmanager
    def transaction(self) -> Generator[None, None, None]:
        """Do everything within it, or nothing; one within another belongs to that."""
        with plain_errors(self._path):
            if self._database.in_transaction:
                yield
                return
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Generator[None, None, None]:
        """Read everything within it as of one moment, whatever a process writes meanwhile."""
        with plain_errors(self._path):
            self._database.execute("BEGIN")
            try:
                yield
            finally:
                self._database.execute("ROLLBACK")

    def _insert(self, table: str, row: tuple[object, ...]) -> None:
        self.write(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", *row)


def open_store(path: Path) -> Store:
    """Open a store to write, making it if it is not there; raise StoreError if another process has it."""
    lock = Lock(path)
    try:
        return Store(open_file(path), path, lock)
    except BaseException:
        lock.release()
        raise


def read_store(path: Path) -> Store:
    """Open a store to read, beside a process that may be writing to it."""
    return Store(read_file(path), path, None)


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
