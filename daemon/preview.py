"""The picture of the last field for displays, and its heads in the picture's pixels."""

import cv2
import numpy as np

from zpscope.daemon.scoring import ScoredField
from zpscope.daemon.wire import PreviewHead, PreviewMessage

WIDTH_PX = 960
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 80)


def preview(scored: ScoredField) -> tuple[PreviewMessage, bytes]:
    """Return the message and its payload, a JPEG of at most `WIDTH_PX` pixels width."""
    examined = scored.examined
    height, width = examined.pixels.shape[:2]
    scale = min(1.0, WIDTH_PX / width)
    size = (round(width * scale), round(height * scale))
    picture = cv2.resize(examined.pixels, size, interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), _JPEG)[1].tobytes()
    message = PreviewMessage(
        sample=examined.header.sample,
        number=examined.header.number,
        source=examined.header.source,
        skipped=examined.skip,
        width_px=size[0],
        height_px=size[1],
        heads=_heads(scored, scale),
    )
    return message, jpeg


def _heads(scored: ScoredField, scale: float) -> list[PreviewHead]:
    heads = scored.examined.heads
    if heads is None:
        return []
    drawn: list[PreviewHead] = []
    for head in scored.objects():
        outline, centre = heads.outlines[head.index], heads.centre_px[head.index]
        angle = np.radians(heads.angle_deg[head.index])
        tip = outline[int(np.argmax((outline - centre) @ np.array([np.cos(angle), np.sin(angle)])))]
        drawn.append(
            PreviewHead(
                outline=[(round(x * scale), round(y * scale)) for x, y in outline.tolist()],
                tip=(round(float(tip[0]) * scale), round(float(tip[1]) * scale)),
                reason=head.reason,
                p=head.p,
                bound=bool(head.bound),
            )
        )
    return drawn
