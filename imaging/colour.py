"""The colours of a Diff-Quik slide: K-means in L*a*b* anchored on those of a reference.

After the paper: "grouping images with a vector of pixel values similar to a reference image". The clusters of a
field start at, and are held to, reference centroids, so that a cluster means the same on every slide.
"""

from dataclasses import asdict, dataclass
from json import dumps, loads
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

BACKGROUND, ACROSOME, NUCLEUS, TAIL, TRANSITION = range(5)
"""The clusters: `TRANSITION` lies between acrosome and post-acrosomal region, within the head."""
REFERENCE_BACKGROUND = (230.0, 228.0, 228.0)
"""RGB that the commonest colour of a field is balanced to."""
REFERENCE = np.array(
    [[90.5, 1.0, 0.0], [65.0, 33.0, -38.0], [28.0, 62.0, -78.0], [81.0, 5.0, -13.0], [48.0, 48.0, -58.0]]
)
"""(5, 3) L*, a*, b* of the clusters, from the parts that people drew on 64 training fields of the Sperm Parsing
Dataset (Chen et al. 2024) after white balance."""
_ANCHOR = 0.5
"""Share of the reference in a centroid: the field's own mean has the rest."""
_ROUNDS = 8
_BITS = 5
_STEP = 8 - _BITS
_CENTRES = np.stack(
    np.meshgrid(*[np.arange(1 << _BITS) * (1 << _STEP) + (1 << _STEP) // 2] * 3, indexing="ij"), -1
)


@dataclass(frozen=True)
class SlideColour:
    """What is known of a slide's colours from its fields so far."""

    fields: int = 0

    @classmethod
    def fresh(cls) -> Self:
        """Return what is known of a new slide: nothing."""
        return cls()

    def to_json(self) -> str:
        """Return it as JSON."""
        return dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `to_json` wrote."""
        return cls(**loads(text))


def cluster(field: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the cluster of every pixel (H, W) of a field (H, W, 3), RGB.

    K-means runs on the field's colour histogram of 32 x 32 x 32 bins, and a look-up table of the bins then labels
    the pixels: the cost per pixel is one gather.
    """
    bins = _bins(field)
    weight = np.bincount(bins.ravel(), minlength=_CENTRES.size // 3).astype(np.float64)
    gain = np.array(REFERENCE_BACKGROUND) / [_mode(field[..., channel]) for channel in range(3)]
    balanced = np.clip(_CENTRES.reshape(1, -1, 3) * gain, 0, 255).astype(np.float32) / 255
    colours = np.asarray(cv2.cvtColor(balanced, cv2.COLOR_RGB2LAB), np.float64)[0]
    seen = weight > 0
    centroids = _k_means(colours[seen], weight[seen])
    return _nearest(colours, centroids).astype(np.uint8)[bins]


def _bins(field: NDArray[np.uint8]) -> NDArray[np.uint16]:
    coarse = (field >> _STEP).astype(np.uint16)
    return np.asarray((coarse[..., 0] << 2 * _BITS) | (coarse[..., 1] << _BITS) | coarse[..., 2], np.uint16)


def _mode(channel: NDArray[np.uint8]) -> float:
    counts = np.bincount(channel.ravel(), minlength=256)
    return max(1.0, float(np.argmax(np.convolve(counts, np.ones(7), "same"))))


def _k_means(colours: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    centroids = REFERENCE.copy()
    for _ in range(_ROUNDS):
        nearest = _nearest(colours, centroids)
        total = np.bincount(nearest, weight, len(REFERENCE))
        sums = np.stack([np.bincount(nearest, weight * colours[:, i], len(REFERENCE)) for i in range(3)], 1)
        own = np.divide(sums, total[:, None], out=centroids.copy(), where=total[:, None] > 0)
        centroids = _ANCHOR * REFERENCE + (1 - _ANCHOR) * own
    return centroids


def _nearest(colours: NDArray[np.float64], centroids: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.asarray(((colours[:, None] - centroids) ** 2).sum(2).argmin(1))
