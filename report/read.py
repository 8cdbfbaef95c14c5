"""From the store to the evidence of one sample. The only file here that reads it."""

import json
from collections.abc import Iterator
from hashlib import sha256

import cv2

from zpscope.daemon.ledger import UNPLACED
from zpscope.daemon.listing import summary_of
from zpscope.daemon.overview import overview_of
from zpscope.daemon.reviewing import counted_heads
from zpscope.daemon.store import SlideRecord, Store
from zpscope.report.evidence import Evidence, Field, Head, Seen


def read_evidence(store: Store, name: str) -> Evidence:
    """Return a sample by its id, or by an accession that only one has; raise CommandRefused as `Store.sample`."""
    sample = store.sample(name)
    slides = store.slides(sample.id)
    counted = {head.name: head.now if head.reviewed else "" for head in counted_heads(store, sample)}
    by_slide = [(slide, _fields(store, slide)) for slide in slides]
    heads = tuple(head for slide, fields in by_slide for head in _heads(store, slide, fields, counted))
    fields = tuple(field for _, fields in by_slide for field in fields.values())
    return Evidence(
        summary=summary_of(store, sample),
        fields=fields,
        heads=heads,
        seen=tuple(seen for slide in slides if (seen := _seen(store, slide))),
        um_per_px=tuple(sorted({field.um_per_px for field in fields})),
        preprocessing=tuple(dict.fromkeys(slide.preprocessing for slide in slides)),
        settings_sha256=tuple(dict.fromkeys(_digest(slide.settings) for slide in slides)),
        software=tuple(dict.fromkeys(slide.software for slide in slides)),
    )


def _fields(store: Store, slide: SlideRecord) -> dict[int, Field]:
    """Return the fields of a slide by their key in the store, in the order of capture."""
    return {
        key: Field(slide.number, session, number, captured_ns, um_per_px, skip)
        for key, session, number, captured_ns, um_per_px, skip in store.rows(
            "SELECT id, session, number, captured_ns, um_per_px, skip FROM field WHERE slide = ? "
            "ORDER BY captured_ns, id",
            slide.id,
        )
    }


def _heads(
    store: Store, slide: SlideRecord, fields: dict[int, Field], counted: dict[str, str]
) -> Iterator[Head]:
    for key, number, x_px, y_px, angle_deg, area_um2, sharpness, reason, p, bound, crop in store.rows(
        "SELECT field, head.number, x_px, y_px, angle_deg, area_um2, sharpness, reason, p, bound, crop FROM head "
        "JOIN field ON field.id = head.field WHERE slide = ? ORDER BY captured_ns, field, head.number",
        slide.id,
    ):
        name = f"{key}.{number}"
        yield Head(
            field=fields[key],
            name=name,
            x_px=x_px,
            y_px=y_px,
            angle_deg=angle_deg,
            area_um2=area_um2,
            sharpness=sharpness,
            reason=reason or ("" if name in counted else UNPLACED),
            p=p,
            bound=bool(bound),
            review=counted.get(name, ""),
            crop=crop,
        )


def _seen(store: Store, slide: SlideRecord) -> Seen | None:
    overview = overview_of(store, slide.id)
    if overview is None:
        return None
    coverage = overview.coverage
    return Seen(
        slide=slide.number,
        picture=cv2.imencode(".png", cv2.cvtColor(overview.drawn(), cv2.COLOR_RGBA2BGRA))[1].tobytes(),
        um_per_px=overview.layout.um_per_px,
        area_mm2=coverage.area_mm2,
        seen_twice=coverage.seen_twice,
    )


def _digest(settings: str) -> str:
    text = json.dumps(json.loads(settings), sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
