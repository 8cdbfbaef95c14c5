"""A past sample's kept crops through another model: the same heads, side by side. Nothing in the store is changed.

Knows the store and an engine.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from zpscope.config.errors import CommandRefused
from zpscope.counting.tally import interval_percent
from zpscope.daemon.reviewing import CountedHead, counted_heads
from zpscope.daemon.store import SampleRecord, Store
from zpscope.engines.engine import Engine


@dataclass(frozen=True)
class Rescored:
    """What another model says of the heads that counted."""

    sample: str
    accession: str
    n: int
    k_then: int
    k_now: int
    changed: int
    """Heads of which the two say different things."""
    interval_then: tuple[float, float]
    """Wilson 95 %, percent."""
    interval_now: tuple[float, float]
    model_now: str


def rescore(store: Store, sample: SampleRecord, engine: Engine, batch: int, model: str) -> Rescored:
    """Classify the crops of the heads that count; raise CommandRefused if they are not kept any more."""
    heads = list(counted_heads(store, sample))
    now: list[bool] = []
    for start in range(0, len(heads), batch):
        crops = np.stack([_crop(store, sample, head) for head in heads[start : start + batch]])
        now += (engine.classify(crops) > 0.5).tolist()
    then = [head.machine == "bound" for head in heads]
    return Rescored(
        sample=sample.id,
        accession=sample.accession,
        n=len(heads),
        k_then=sum(then),
        k_now=sum(now),
        changed=sum(one != other for one, other in zip(then, now, strict=True)),
        interval_then=interval_percent(sum(then), len(heads)),
        interval_now=interval_percent(sum(now), len(heads)),
        model_now=model,
    )


def _crop(
    store: Store, sample: SampleRecord, head: CountedHead
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    ((blob,),) = store.rows("SELECT crop FROM head WHERE field = ? AND number = ?", head.field, head.head)
    if blob is None:
        msg = f"the pictures of sample {sample.accession} were purged: it cannot be scored again"
        raise CommandRefused(msg)
    return np.asarray(cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)
