"""Same bytes in, same heads out: beside other fields in other threads, with any number of threads, in any process."""

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.conftest import ROOT
from tests.drawn_field import DrawnHead, draw_field
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.crop import cut_crops
from zpscope.imaging.examine import examine

UM_PER_PX = 0.069
AT_ONCE = 4


def fields() -> list[NDArray[np.uint8]]:
    """Return three fields of 21 heads, some of which touch."""
    return [
        draw_field(
            [DrawnHead(90 + 85 * i, 80 + 42 * j, 50.0 * i + 31 * j) for i in range(7) for j in range(3)],
            UM_PER_PX,
            (300, 700),
            seed=seed,
        )
        for seed in range(3)
    ]


def digest(field: NDArray[np.uint8]) -> str:
    """Return a hash of every byte of the heads of a field and of their crops."""
    seen = examine(field, UM_PER_PX, SlideColour.fresh())
    heads, crops = seen.heads, cut_crops(field, seen.heads, UM_PER_PX)
    assert len(crops) > 5
    arrays: list[NDArray[Any]] = [
        heads.labels, heads.polygons, heads.centre_px, heads.angle_deg, heads.angle_confidence, heads.likely,
        heads.area_um2, heads.length_um, heads.width_um, heads.sharpness, crops,
    ]  # fmt: skip
    words = [seen.skip, *heads.reason, repr(seen.colour)]
    return hashlib.sha256(
        b"".join([one.tobytes() for one in arrays] + ["\n".join(words).encode()])
    ).hexdigest()


def digests(threads: int) -> list[str]:
    """Return the hashes of the fields, examined alone, while OpenCV may use so many threads."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        return [digest(field) for field in fields()]
    finally:
        cv2.setNumThreads(before)


def test_fields_examined_at_once_give_the_heads_of_each_alone() -> None:
    alone, before = digests(1), cv2.getNumThreads()
    assert len(set(alone)) == len(alone)
    try:
        for threads in (1, 2, 4):
            cv2.setNumThreads(threads)
            with ThreadPoolExecutor(AT_ONCE) as pool:
                assert list(pool.map(digest, fields() * AT_ONCE)) == alone * AT_ONCE
    finally:
        cv2.setNumThreads(before)


def test_every_process_gives_the_same_heads() -> None:
    script = "import sys; from tests.unit.test_imaging_same_heads import digests; print(*digests(int(sys.argv[1])))"
    for seed, threads in (("1", "1"), ("2", "4")):
        other = subprocess.run(
            [sys.executable, "-c", script, threads],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert other.stdout.split() == digests(1)
