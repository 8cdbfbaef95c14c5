"""Where in a crop importance lies: in the head, in its anterior or posterior half, in the midpiece, elsewhere.

Crops are aligned, acrosome up. A share of importance says nothing without the region's share of the area beside it:
a head is about an eighth of a crop. Knows no network.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zpscope.imaging.crop import CROP_UM_PER_PX

REGIONS = ("head", "anterior", "posterior", "midpiece")
_MIDPIECE_WIDTH_UM = 1.4
"""A midpiece is 0.6 to 1 µm wide; the rest is for its bend and blur."""


@dataclass(frozen=True)
class Share:
    """A region's share of importance over many crops."""

    importance: float
    sem: float
    """Standard error of the mean over crops; nan for a single one."""
    area: float
    """Mean share of the crop's area."""
    crops: int

    @property
    def enrichment(self) -> float:
        """How many times more importance than a map without preference would give; nan without area."""
        return self.importance / self.area if self.area else float("nan")


def regions(mask: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Return each region of a crop (128, 128), from the mask of its head.

    The head's halves meet midway between its upper and lower end; the midpiece is a strip from its lower end down,
    about the middle of its lowest rows.

    Raises:
        ValueError: The mask is empty.
    """
    rows = [int(row) for row in np.flatnonzero(mask.any(axis=1))]
    if not rows:
        msg = "the mask of a head is empty"
        raise ValueError(msg)
    top, bottom = rows[0], rows[-1]
    y, x = np.meshgrid(*(np.arange(length) for length in mask.shape), indexing="ij")
    upper = y <= (top + bottom) / 2
    foot = mask & (y > bottom - 5)
    strip = np.abs(x - float(np.nonzero(foot)[1].mean())) <= _MIDPIECE_WIDTH_UM / CROP_UM_PER_PX / 2
    return {
        "head": mask,
        "anterior": mask & upper,
        "posterior": mask & ~upper,
        "midpiece": strip & (y > bottom),
    }


def shares(importance: NDArray[np.float32], masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return (N, 2, 4) the share of importance and of area of each of `REGIONS`, for maps and masks (N, 128, 128)."""
    found = np.empty((len(masks), 2, len(REGIONS)))
    for i, (heat, mask) in enumerate(zip(importance, masks, strict=True)):
        whole = float(heat.sum())
        for k, inside in enumerate(regions(mask).values()):
            found[i, 0, k] = float(heat[inside].sum()) / whole if whole else float("nan")
            found[i, 1, k] = float(inside.mean())
    return found


def summary(found: NDArray[np.float64]) -> dict[str, Share]:
    """Return the mean shares of `shares`, by region; crops without any importance are left out."""
    known = found[np.isfinite(found[:, 0]).all(axis=1)]
    sem = (
        known[:, 0].std(axis=0, ddof=1) / np.sqrt(len(known))
        if len(known) > 1
        else np.full(len(REGIONS), np.nan)
    )
    return {
        name: Share(float(known[:, 0, k].mean()), float(sem[k]), float(known[:, 1, k].mean()), len(known))
        for k, name in enumerate(REGIONS)
    }
