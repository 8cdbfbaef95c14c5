"""The heads of a report to look at: their crops, the most probable binders first."""

from base64 import b64encode

import cv2
import numpy as np

from zpscope.report.evidence import Evidence, Head
from zpscope.report.markup import Markup, empty, join, tag

_SHOWN = 240
"""At most so many heads of each class are shown."""
_CROP_PX = 64
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 88)


def gallery(evidence: Evidence) -> Markup:
    """Return the counted heads by class; those that are too many for a page are said."""
    parts: list[Markup] = []
    for bound, words in ((True, "called bound"), (False, "called not bound")):
        heads = sorted(
            (head for head in evidence.counted if head.bound == bound and head.crop),
            key=lambda head: -(head.p or 0.0),
        )
        left_out = max(0, len(heads) - _SHOWN)
        note = f"{len(heads)} heads {words}, the most probable binders first"
        note += f"; {left_out} more are in heads.csv" * bool(left_out)
        parts.append(tag("p", note, class_="soft note"))
        parts.append(tag("div", *(_thumb(head) for head in heads[:_SHOWN]), class_="gallery"))
    return join(*parts)


def _thumb(head: Head) -> Markup:
    crop = np.asarray(cv2.imdecode(np.frombuffer(head.crop or b"", np.uint8), cv2.IMREAD_GRAYSCALE))
    small = cv2.resize(crop, (_CROP_PX, _CROP_PX), interpolation=cv2.INTER_AREA)
    source = b64encode(cv2.imencode(".jpg", small, _JPEG)[1].tobytes()).decode()
    verdict = "bound" if head.bound else "not bound"
    return tag(
        "figure",
        empty(
            "img",
            src=f"data:image/jpeg;base64,{source}",
            alt=f"head {head.name}, {verdict}, probability {head.p or 0:.2f}",
        ),
        tag("figcaption", f"{head.p or 0:.2f}", empty("br"), head.name),
        class_=f"{'bound' if head.bound else 'unbound'} {head.review and f'reviewed {head.review}'}".strip(),
    )
