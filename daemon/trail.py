"""The audit trail: what was done, by whom and when, each entry bound to all before it.

An entry is canonical JSON; its hash is the sha256 of the hash before it and of its own bytes. So a changed byte is
found, and found where it is; that the trail was cut at its end shows against a head noted elsewhere. Knows the store.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from zpscope.daemon.store import Store

_BEFORE_THE_FIRST = bytes(32)


@dataclass(frozen=True)
class Head:
    """The end of a trail."""

    number: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.hash.hex()}"


def note(store: Store, actor: str, action: str, sample: str, **facts: object) -> None:
    """Add an entry, in the store's transaction if one is open.

    Times never go back: where the clock did, the entry takes the last one's time and says by how much.
    """
    with store.transaction():
        last = store.rows(
            "SELECT number, hash, json_extract(entry, '$.at_ns') FROM audit ORDER BY number DESC LIMIT 1"
        )
        number, before, last_ns = last[0] if last else (0, _BEFORE_THE_FIRST, 0)
        now_ns = time.time_ns()
        entry: dict[str, object] = {
            "number": number + 1,
            "at_ns": max(now_ns, last_ns),
            "actor": actor,
            "action": action,
            "sample": sample,
            "facts": facts,
        }
        if now_ns < last_ns:
            entry["clock_back_ns"] = last_ns - now_ns
        text = canonical(entry)
        store.write("INSERT INTO audit VALUES (?, ?, ?)", number + 1, text, _link(before, text))


def canonical(value: object) -> str:
    """Return JSON of which there is one only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def head(store: Store) -> Head:
    """Return the end of the trail."""
    for number, link in store.rows("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1"):
        return Head(number, link)
    return Head(0, _BEFORE_THE_FIRST)


def holds(store: Store, noted: str) -> bool:
    """Return whether an end of the trail that was noted earlier, as its words, is in it."""
    return bool(store.rows("SELECT 1 FROM audit WHERE number || ':' || lower(hex(hash)) = ?", noted))


def faults(store: Store) -> Iterator[str]:
    """Yield where the trail is not what was written."""
    before, expected = _BEFORE_THE_FIRST, 1
    for number, entry, link in store.rows(
        "SELECT number, CAST(entry AS BLOB), CAST(hash AS BLOB) FROM audit ORDER BY number"
    ):
        if number != expected:
            yield f"audit trail: entry {expected} is missing"
        elif _link(before, entry) != link:
            yield f"audit trail: entry {number} is not what was written"
        before, expected = link, number + 1


def _link(before: bytes, entry: str | bytes) -> bytes:
    text = entry.encode() if isinstance(entry, str) else entry
    return hashlib.sha256(before + text).digest()
