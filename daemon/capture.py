"""From grabs to numbered frames: what is captured for a sample, and what the driver lost.

The one place that numbers frames, for live and recorded fields alike. Knows no socket.
"""

import logging
import secrets
import time
from collections import Counter

from zpscope.config.errors import SettingsError
from zpscope.daemon.wire import FrameMessage
from zpscope.drivers.camera import Grab, PixelFormat

_log = logging.getLogger(__name__)


class Capture:
    """The account of the present sample in this session, and the numbers given so far."""

    def __init__(self, camera: str, um_per_px: float | None) -> None:
        self._camera = camera
        self._um_per_px = um_per_px
        self.session = secrets.token_hex(8)
        self.sample: str | None = None
        self.capturing = False
        self.captured = 0
        self.lost: Counter[str] = Counter()
        self.exhausted = False
        self.first = 0
        """Number of the first frame of the present sample."""
        self._number = 0

    def demand(self, sample: str | None) -> bool:
        """Follow a demand; return whether it begins a new sample."""
        begins = sample is not None and sample != self.sample
        if begins:
            self.sample, self.captured, self.lost, self.exhausted = sample, 0, Counter(), False
            self.first = self._number
        self.capturing = sample is not None
        return begins

    def take(self, grab: Grab, shape: PixelFormat) -> FrameMessage:
        """Number a whole exposure, after those that were lost before it."""
        um_per_px = shape.um_per_px or self._um_per_px
        if um_per_px is None:
            msg = f"{self._camera} does not state its scale: set camera.um_per_px, in µm/px"
            raise SettingsError(msg)
        self._lose(grab.lost)
        number = self._number
        self._number += 1
        self.captured += 1
        return FrameMessage(
            camera=self._camera,
            session=self.session,
            number=number,
            sample=self.sample or "",
            captured=self.captured,
            lost=dict(self.lost),
            height_px=shape.height_px,
            width_px=shape.width_px,
            layout=shape.layout,
            um_per_px=um_per_px,
            captured_ns=time.time_ns(),
            device_ns=grab.device_ns,
            stage_um=grab.stage_um,
            source=grab.source,
            serial=shape.serial,
            simulated=shape.simulated,
        )

    def is_whole(self, grab: Grab, shape: PixelFormat) -> bool:
        """Return whether an exposure may be taken; one that was cut short is counted as lost, and said to be so."""
        if shape.fits(grab.pixels):
            return True
        _log.warning(
            "%s handed over %s values instead of %s x %s pixels: counted as lost; check cable and bandwidth",
            self._camera,
            " x ".join(map(str, grab.pixels.shape)),
            shape.height_px,
            shape.width_px,
        )
        self._lose(grab.lost + 1)
        return False

    def end(self, lost: int) -> None:
        """Note that the stream has ended, and what was lost before its end."""
        self._lose(lost)
        self.exhausted = True

    def _lose(self, frames: int) -> None:
        self.captured += frames
        self._number += frames
        if frames:
            self.lost["driver"] += frames
