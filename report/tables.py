"""The heads of a report as CSV, and its figures as JSON. Pure; the same bytes for the same evidence."""

import csv
import io
import json

from zpscope.config.notice import NOTICE
from zpscope.daemon import wire
from zpscope.report.answer import answer_of
from zpscope.report.evidence import Evidence

_COLUMNS = (
    "slide,session,frame,head,x_px,y_px,angle_deg,area_um2,sharpness,counted,reason,p,bound,review,notice"
)


def heads_csv(evidence: Evidence) -> str:
    """Return one row for every object that was found, counted or not."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS.split(","))
    for head in evidence.heads:
        writer.writerow(
            [
                head.field.slide,
                head.field.session,
                head.field.number,
                head.name,
                f"{head.x_px:.1f}",
                f"{head.y_px:.1f}",
                f"{head.angle_deg:.1f}",
                f"{head.area_um2:.3f}",
                "" if head.sharpness is None else f"{head.sharpness:.4g}",
                int(not head.reason),
                head.reason,
                "" if head.p is None else f"{head.p:.4f}",
                "" if head.p is None else int(head.bound),
                head.review,
                NOTICE,
            ]
        )
    return text.getvalue()


def result_json(evidence: Evidence) -> str:
    """Return every figure of the report but the heads."""
    summary = json.loads(wire.to_json(evidence.summary))
    answer = answer_of(evidence.summary)
    summary["threshold_percent"] = answer.threshold_percent
    if not answer.decided:
        summary["position"] = None
        if summary["reviewed"]:
            summary["reviewed"]["position"] = None
    values = {
        "notice": NOTICE,
        "status": answer.status,
        "answer": None if answer.state in ("invalid", "collecting") else answer.state,
        "final": evidence.summary.verdict.final,
        "reasons": list(answer.reasons),
        "sample": summary,
        "um_per_px": list(evidence.um_per_px),
        "preprocessing_sha256": list(evidence.preprocessing),
        "settings_sha256": list(evidence.settings_sha256),
        "software": list(evidence.software),
    }
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
