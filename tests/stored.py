"""Samples as a store holds them after a scan, written without camera and model."""

import json
from collections.abc import Sequence

from zpscope.config.settings import Settings, SyntheticCamera
from zpscope.daemon import trail, wire
from zpscope.daemon.store import SampleRecord, SlideRecord, Store
from zpscope.daemon.summary import summarise
from zpscope.imaging.colour import SlideColour

SETTINGS = Settings(camera=SyntheticCamera())
MODEL = wire.Model(name="lab", version="1", sha256="ab" * 32, demonstration=False, runtime="r")
Fields = Sequence[tuple[int, int]]
"""Bound heads and heads of each field."""


def put_sample(
    store: Store,
    name: str,
    slides: Sequence[Fields],
    *,
    unsure: int = 0,
    settings: Settings = SETTINGS,
    crop: bytes = b"crop",
) -> SampleRecord:
    """Write a sample whose scan is over; its first `unsure` heads have a probability near one half."""
    sample = SampleRecord(
        *(
            name,
            f"A-{name}",
            "sample",
            "machine_result",
            1,
            "density_gradient",
            "diff_quik",
            "100x",
            0.069,
            "OP",
        )
    )
    with store.transaction():
        store.add_sample(sample)
        for number, fields in enumerate(slides, 1):
            slide = f"{name}.{number}"
            store.add_slide(
                SlideRecord(
                    *(slide, name, number, "complete", number, number + 1, wire.to_json(MODEL)),
                    *(settings.model_dump_json(), "p", "0", SlideColour.fresh().to_json(), ""),
                )
            )
            store.write("INSERT INTO session VALUES (?, ?, ?)", slide, slide, len(fields))
            for frame, (k, n) in enumerate(fields):
                put_field(store, slide, frame, k, n, unsure, crop)
                unsure = max(0, unsure - n)
        result = summarise(sample, [(slide, store.ledger(slide.id)) for slide in store.slides(name)])
        store.put_machine_result(name, wire.to_json(result))
        trail.note(store, "zpscope", "machine_result", name, k=result.k, n=result.n)
    return store.sample(name)


def put_field(store: Store, slide: str, frame: int, k: int, n: int, unsure: int, crop: bytes) -> None:
    """Write a field with n heads, k of them bound."""
    store.write(
        "INSERT INTO field VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(slide, slide, frame, "", frame + 1, frame, 100.0 * frame, 0.0, 0.069, ""),
    )
    ((field,),) = store.rows("SELECT max(id) FROM field")
    store.write(
        "INSERT INTO placed VALUES (?, ?, ?, 0, ?, 0.0, 1.0, ?)", field, slide, frame, 100.0 * frame, b"jpeg"
    )
    for head in range(n):
        p = (0.55 if head < k else 0.45) if head < unsure else (0.9 if head < k else 0.1)
        store.write(
            "INSERT INTO head VALUES (?, ?, 1.0, 2.0, 3.0, 4.0, 90.0, 10.0, '', ?, ?, ?, ?, 1.5, ?)",
            *(field, head + 1, p, int(head < k), b"outline", crop, head),
        )


def facts(store: Store) -> list[dict[str, object]]:
    """Return the trail without its times."""
    entries = [json.loads(entry) for (entry,) in store.rows("SELECT entry FROM audit ORDER BY number")]
    return [{name: value for name, value in entry.items() if name != "at_ns"} for entry in entries]
