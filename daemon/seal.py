"""What a signature covers: a sha256 of every part of a sample, and of all these together.

The parts are the sample's record with the machine's result, each slide, each field with its heads, their pictures,
and each review; so a changed byte is found in the field that it is in. Knows the store.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from zpscope.daemon import trail
from zpscope.daemon.store import Store

_HEAD = "number, x_px, y_px, slide_x_um, slide_y_um, angle_deg, area_um2, reason, p, bound, sharpness, known"


def seal(store: Store, sample: str) -> str:
    """Put the digests of a sample's parts in place of those before; return that of all together, hexadecimal."""
    with store.transaction():
        store.write("DELETE FROM seal WHERE sample = ?", sample)
        for part, digest in _parts(store, sample):
            store.write("INSERT INTO seal VALUES (?, ?, ?)", sample, part, digest)
    return _root(store, sample)


def broken(store: Store) -> Iterator[str]:
    """Yield which parts of signed samples are not what was signed."""
    entries = list(_entries(store))
    purged = {entry["sample"] for entry in entries if entry["action"] == "purged"}
    roots = {entry["sample"]: entry["facts"]["seal"] for entry in entries if "seal" in entry["facts"]}
    for sample, accession, life in store.rows("SELECT id, accession, life FROM sample ORDER BY rowid"):
        sealed = dict(store.rows("SELECT part, digest FROM seal WHERE sample = ?", sample))
        if not sealed and sample not in roots and life not in ("signed", "amended"):
            continue
        if roots.get(sample) != _root(store, sample):
            yield f"sample {accession}: its seal is not the one that the trail tells of"
        found = dict(_parts(store, sample))
        for part in sorted(sealed.keys() | found.keys()):
            later = part not in sealed and (part.startswith("review") or part == "reviewed result")
            gone = part.startswith("pictures") and sample in purged
            changes = life == "amended" and part in ("reviewed result", "signatures")
            if (
                found.get(part) != sealed.get(part)
                and not gone
                and not changes
                and not (later and life == "amended")
            ):
                yield f"sample {accession}: {part} is not what was signed"


def _entries(store: Store) -> Iterator[dict[str, Any]]:
    """Yield the entries of the trail, but for those that are no entries any more, which the trail itself tells of."""
    for (text,) in store.rows("SELECT CAST(entry AS BLOB) FROM audit ORDER BY number"):
        with suppress(ValueError, TypeError):
            entry = json.loads(text)
            if {"sample", "action", "facts"} <= entry.keys():
                yield entry


def _root(store: Store, sample: str) -> str:
    parts = store.rows("SELECT part, hex(digest) FROM seal WHERE sample = ? ORDER BY part", sample)
    return hashlib.sha256(trail.canonical(parts).encode()).hexdigest()


def _parts(store: Store, sample: str) -> Iterator[tuple[str, bytes]]:
    yield (
        "record",
        _digest(
            store.rows(
                "SELECT id, accession, kind, planned_ns, preparation, stain, objective, um_per_px, operator, machine "
                "FROM sample WHERE id = ?",
                sample,
            )
        ),
    )
    yield "reviewed result", _digest(store.rows("SELECT reviewed FROM sample WHERE id = ?", sample))
    yield (
        "signatures",
        _digest(store.rows("SELECT * FROM signature WHERE sample = ? ORDER BY slide, version", sample)),
    )
    for number, *row in store.rows("SELECT number, * FROM review WHERE sample = ?", sample):
        yield f"review {number}", _digest(row)
    for slide, number in store.rows("SELECT id, number FROM slide WHERE sample = ?", sample):
        accounts = [
            store.rows(f"SELECT * FROM {table} WHERE {key} = ? ORDER BY 1, 2", slide)
            for table, key in (("slide", "id"), ("session", "slide"), ("loss", "slide"))
        ]
        yield f"slide {number}", _digest(accounts)
        for field, frame in store.rows("SELECT id, number FROM field WHERE slide = ?", slide):
            name = f"slide {number}, field {field} (frame {frame})"
            figures = [
                store.rows("SELECT * FROM field WHERE id = ?", field),
                store.rows(f"SELECT {_HEAD} FROM head WHERE field = ? ORDER BY number", field),
                store.rows(
                    "SELECT field, slide, number, island, x_um, y_um, detail FROM placed WHERE field = ?",
                    field,
                ),
                store.rows("SELECT * FROM joined WHERE field = ? ORDER BY island", field),
            ]
            yield name, _digest(figures)
            pictures = [
                store.rows("SELECT number, outline, crop FROM head WHERE field = ? ORDER BY number", field),
                store.rows("SELECT thumbnail FROM placed WHERE field = ?", field),
            ]
            yield f"pictures of {name}", _digest(pictures)


def _digest(rows: object) -> bytes:
    """Return the sha256 of rows; `repr` of texts, numbers and bytes is one only, and tells 1 from 1.0 and b'1'."""
    return hashlib.sha256(repr(rows).encode()).digest()
