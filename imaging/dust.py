"""What lies on the sensor and not on the slide: dust stands at one place of the field while the slide moves.

Knows places and sizes of a field's objects and of those of the field before; no pixels, no slide.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.heads import Heads

_SAME_PLACE_PX = 2.0
"""Dust does not move; its outline does a little, with the noise and with what lies behind."""
_SAME_AREA = 1.25
_FEW = 2
"""Of so few objects none is known to have moved. Nothing is lost if one that did not is refused: it was counted
from the field before."""


def sightings(heads: Heads) -> NDArray[np.float64]:
    """Return x and y in pixels and area in µm² of the N objects of a field (N, 3)."""
    return np.column_stack([heads.centre_px, heads.area_um2])


def without_dust(heads: Heads, before: NDArray[np.float64]) -> Heads:
    """Return the heads of a field with `not_a_head` for each that stood at the same place in the one before.

    before (M, 3): `sightings` of the field before. Where most objects did, the field did not move, and they stay.
    Of 15 objects to 1.3 megapixels, heads that come to lie where another object lay are fewer than 1 in 5,000.
    """
    now = sightings(heads)
    apart = np.linalg.norm(now[:, None, :2] - before[None, :, :2], axis=2)
    ratio = np.maximum(now[:, None, 2] / before[None, :, 2], before[None, :, 2] / now[:, None, 2])
    stood = ((apart <= _SAME_PLACE_PX) & (ratio <= _SAME_AREA)).any(1)
    most = max(len(now), len(before))
    if most > _FEW and 2 * int(stood.sum()) > most:
        return heads
    reasons = (
        "not_a_head" if dust and not why else why for dust, why in zip(stood, heads.reason, strict=True)
    )
    return replace(heads, reason=tuple(reasons))
