"""What a store of a million heads costs: list, one result, commit of a field, bytes on disk, start and audit.

    python benchmarks/store.py [--heads 1000000]

Every head has a crop of the size that a real one has as PNG. Times are medians of CPU seconds of this process but
for the commit, whose waiting for the disk counts: wall clock, median.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from tests.stored import put_field, put_sample
from zpscope.daemon.listing import summaries, summary_of
from zpscope.daemon.store import Store, open_store

_HEADS_PER_FIELD = 5
_FIELDS = 200
"""Per sample: 1,000 heads."""


def _crop() -> bytes:
    """Return a PNG of about the size of a real crop's: a blurred head in noise."""
    rng = np.random.default_rng(1)
    crop = rng.normal(220, 4, (128, 128)).astype(np.float32)
    cv2.ellipse(crop, (64, 64), (33, 22), 90, 0, 360, 120.0, -1)
    return cv2.imencode(".png", cv2.GaussianBlur(crop, (0, 0), 1.5).astype(np.uint8))[1].tobytes()


def _times(action: Callable[[], object], often: int, clock: Callable[[], float] = time.process_time) -> float:
    """Return the median time of an action, in ms."""
    taken: list[float] = []
    for _ in range(often):
        start = clock()
        action()
        taken.append(1000 * (clock() - start))
    return median(taken)


def _copy(store: Store, number: int) -> None:
    """Write the first sample once more, under another name."""
    ((last,),) = store.rows("SELECT max(id) FROM field")
    ((first,),) = store.rows("SELECT min(id) FROM field")
    name, slide, shift = f"s{number}", f"s{number}.1", last + 1 - first
    with store.transaction():
        for sql, values in (
            ("INSERT INTO sample SELECT ?, 'A-' || ?, {rest} FROM sample WHERE id = 's0'", (name, name)),
            ("INSERT INTO slide SELECT ?, ?, {rest} FROM slide WHERE id = 's0.1'", (slide, name)),
            ("INSERT INTO session SELECT ?, ?, captured FROM session WHERE slide = 's0.1'", (slide, slide)),
            (
                "INSERT INTO field SELECT id + ?, ?, ?, {rest} FROM field WHERE id < ?",
                (shift, slide, slide, first + _FIELDS),
            ),
            (
                "INSERT INTO placed SELECT field + ?, ?, {rest} FROM placed WHERE field < ?",
                (shift, slide, first + _FIELDS),
            ),
            ("INSERT INTO head SELECT field + ?, {rest} FROM head WHERE field < ?", (shift, first + _FIELDS)),
        ):
            table = sql.split()[2]
            columns = [row[1] for row in store.rows(f"PRAGMA table_info({table})")]
            given = sql.partition("SELECT ")[2].partition("{rest}")[0].count(",")
            store.write(sql.format(rest=", ".join(columns[given:])), *values)


def _bare(path: Path, written: bytes) -> None:
    """Append to a file and wait for the disk: what a commit costs at the least."""
    with path.open("ab") as file:
        file.write(written)
        os.fsync(file.fileno())


def _commit(store: Store, crop: bytes, frames: list[int]) -> None:
    with store.transaction():
        put_field(store, "s0.1", frames[0], 1, _HEADS_PER_FIELD, 0, crop)
    frames[0] += 1


def main() -> int:
    """Print a row at each tenth of the heads; 1 if a bar is missed at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, default=1_000_000)
    samples = parser.parse_args().heads // (_FIELDS * _HEADS_PER_FIELD)
    crop, frames = _crop(), [_FIELDS]
    sys.stdout.write(f"a crop has {len(crop)} bytes\n")
    sys.stdout.write(
        "heads      list ms   result ms   recount ms   commit ms (its work, bare write)   MiB   open ms\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        path, listed, result, commit = Path(folder) / "store", 0.0, 0.0, 0.0
        for step in (0.1, 0.5, 1.0):
            with open_store(path) as store:
                if not store.samples():
                    put_sample(store, "s0", [[(1, _HEADS_PER_FIELD)] * _FIELDS], crop=crop)
                store.rows("PRAGMA synchronous = OFF")  # filling it is not what is measured
                for i in range(len(store.samples()), round(samples * step)):
                    _copy(store, i)
                store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
                store.rows("PRAGMA synchronous = FULL")
                last = store.samples()[-1]
                listed = _times(lambda: summaries(store), 5)
                result = _times(lambda one=last: summary_of(store, one), 20)  # type: ignore[misc]
                recount = _times(lambda one=last: store.ledger(store.slides(one.id)[0].id), 20)  # type: ignore[misc]
                commit = _times(lambda: _commit(store, crop, frames), 100, time.perf_counter)
                work = _times(lambda: _commit(store, crop, frames), 100)
                bare = _times(
                    partial(_bare, Path(folder) / "bare", crop * _HEADS_PER_FIELD), 100, time.perf_counter
                )
            size = path.stat().st_size / 2**20
            opened = _times(lambda: open_store(path).__exit__(), 3)
            heads = round(samples * step) * _FIELDS * _HEADS_PER_FIELD
            sys.stdout.write(
                f"{heads:9}  {listed:7.1f}   {result:9.2f}   {recount:10.1f}   {commit:9.2f} "
                f"({work:5.2f}, {bare:6.2f})   {size:5.0f}   "
                f"{opened:5.1f}\n"
            )
            sys.stdout.flush()
    return int(listed > 100 or result > 100 or commit > 10)


if __name__ == "__main__":
    sys.exit(main())
