"""The store's file: opened by one process to write and by any to read, brought up to date, backed up.

Knows the tables' version, and nothing of what is in them.
"""

import fcntl
import os
import secrets
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from zpscope.config.errors import StoreError
from zpscope.daemon.store_tables import SINCE, STORE_VERSION, TABLES

_REMEDY = {
    sqlite3.SQLITE_READONLY: "it is read-only: give this user write permission to the file and its folder",
    sqlite3.SQLITE_FULL: "the disk is full: free some space and start again; every committed field is safe",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that the folder exists and this user may write to it",
    sqlite3.SQLITE_NOTADB: "it is not a zpscope store: set another store.path",
    sqlite3.SQLITE_CORRUPT: "it is damaged: restore the last backup, or set another store.path",
    sqlite3.SQLITE_BUSY: "another program holds it: close that program and start again",
}


def open_file(path: Path) -> sqlite3.Connection:
    """Open a store's file to write, making it or bringing it up to date; its Lock must be held."""
    with plain_errors(path):
        database = sqlite3.connect(path, isolation_level=None)
        version = _version(database, path)
        for setting in ("journal_mode = WAL", "synchronous = FULL"):
            database.execute(f"PRAGMA {setting}")
        if version == 0:
            _create(database)
        elif version < STORE_VERSION:
            _bring_up(database, version)
        database.execute("PRAGMA foreign_keys = ON")
    return database


def read_file(path: Path) -> sqlite3.Connection:
    """Open a store's file to read, beside a process that may be writing to it."""
    if not path.exists():
        msg = f"there is no store {path}: start `zpscope run`, or give the settings it runs with (-c)"
        raise StoreError(msg)
    with plain_errors(path):
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        if _version(database, path) < STORE_VERSION:
            msg = f"the store {path} is of an older zpscope: start `zpscope inference` once, which brings it up to date"
            raise StoreError(msg)
    return database


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


@contextmanager
def plain_errors(path: Path) -> Generator[None, None, None]:
    """Turn SQLite's errors into one line that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        msg = f"the store {path} cannot be used: {_REMEDY.get(code, str(error))}"
        raise StoreError(msg) from error


class Lock:
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
