"""How good the scan was: sharpness, sizes, heads per field, skipped fields. Figures over the evidence."""

from statistics import median, quantiles

from zpscope.display.words import reasons
from zpscope.report.evidence import Evidence
from zpscope.report.markup import Child


def quality_rows(evidence: Evidence) -> list[tuple[str, Child]]:
    """Return what is measured, and its middle half."""
    sample, heads = evidence.summary, evidence.counted
    scored = [field for field in evidence.fields if not field.skip]
    per_field = dict.fromkeys((id(field) for field in scored), 0)
    for head in heads:
        per_field[id(head.field)] += 1
    rows: list[tuple[str, Child]] = [
        ("fields skipped", reasons(sample.skipped) or "none"),
        ("heads counted per scored field", _middle([float(n) for n in per_field.values()])),
        ("area of counted heads, µm²", _middle([head.area_um2 for head in heads])),
    ]
    sharpness = [head.sharpness for head in heads if head.sharpness is not None]
    if sharpness:
        rows.append(("sharpness of counted heads", _middle(sharpness)))
    unsure = sum(0.2 < (head.p or 0.0) < 0.8 for head in heads)
    rows.append(("heads with a probability from 0.2 to 0.8", f"{unsure} of {len(heads)}"))
    return rows


def _middle(values: list[float]) -> str:
    if len(values) < 2:
        return ", ".join(f"{value:.3g}" for value in values) or "none"
    low, _, high = quantiles(values, n=4, method="inclusive")
    return f"median {median(values):.3g}, middle half {low:.3g} to {high:.3g}"
