"""From the store to the evidence of one sample. The only file here that reads it."""

import json
from collections.abc import Iterator
from hashlib import sha256

import numpy as np

from zpscope.config.errors import CommandRefused
from zpscope.config.settings import Settings
from zpscope.daemon.ledger import UNMAPPED, UNPLACED
from zpscope.daemon.store import SampleRecord, Store
from zpscope.daemon.summary import summarise
from zpscope.imaging.thumbnail import shrunk_times, stain_of
from zpscope.report.evidence import Evidence, Field, Head, Point

_NOWHERE = None, None


def read_evidence(store: Store, name: str, settings: Settings) -> Evidence:
    """Return a sample by its id, or by an accession that only one has; raise CommandRefused if there is none."""
    record = _find(store, name)
    ledger = store.ledger(record.id)
    kept = (UNMAPPED, ledger.main_island)
    fields: dict[int, Field] = {}
    for key, session, number, source, captured_ns, um_per_px, skip in store.rows(
        "SELECT id, session, number, source, captured_ns, um_per_px, skip FROM field WHERE sample = ? "
        "ORDER BY captured_ns, id",
        record.id,
    ):
        island, centre_um = places.of(key)
        size_um = places.size_um(key, um_per_px)
        counts = ledger.apart == "counted" or island is None or island in kept
        fields[key] = Field(
            slide=1,
            session=session,
            number=number,
            source=source,
            captured_ns=captured_ns,
            um_per_px=um_per_px,
            skip=skip,
            counts=counts,
            centre_um=centre_um if island == ledger.main_island else None,
            size_um=size_um,
        )
    by_field: dict[int, list[Head]] = {key: [] for key in fields}
    for key, head in _heads(store, record.id, fields):
        by_field[key].append(head)
    return Evidence(
        summary=summarise(record, ledger, settings.tally),
        fields=tuple(fields.values()),
        heads=tuple(head for heads in by_field.values() for head in heads),
        um_per_px=tuple(sorted({field.um_per_px for field in fields.values()})),
        preprocessing=record.preprocessing,
        settings=record.settings,
        settings_sha256=sha256(
            json.dumps(json.loads(record.settings), sort_keys=True, separators=(",", ":")).encode()
        ).hexdigest(),
        software=record.software,
    )


def _find(store: Store, name: str) -> SampleRecord:
    samples = store.samples()
    found = [one for one in samples if one.id == name] or [one for one in samples if one.accession == name]
    if not found:
        msg = f"the store has no sample {name}: see `zpscope sample list` for their ids and accessions"
        raise CommandRefused(msg)
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        msg = f"{len(found)} samples have the accession {name}: give one by its id, {ids}"
        raise CommandRefused(msg)
    return found[0]


def _heads(
    store: Store, sample: str, fields: dict[int, Field]) -> Iterator[tuple[int, Head]]:
    for key, number, x_px, y_px, x_um, y_um, angle, area, reason, p, bound, crop, sharpness in store.rows(
        "SELECT field, head.number, x_px, y_px, slide_x_um, slide_y_um, angle_deg, area_um2, reason, p, bound, crop, "
        "sharpness FROM head JOIN field ON field.id = head.field WHERE sample = ? ORDER BY field, head.number",
        sample,
    ):
        field = fields[key]
        yield (
            key,
            Head(
                field=field,
                number=number,
                x_px=x_px,
                y_px=y_px,
                offset_um=places.offset_um(key, x_um, y_um),
                angle_deg=angle,
                area_um2=area,
                sharpness=sharpness,
                reason=reason or ("" if field.counts else UNPLACED),
                p=p,
                bound=bool(bound),
                review="",
                crop=crop,
            ),
        )
