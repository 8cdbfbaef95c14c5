"""The colours of a Diff-Quik slide: K-means in L*a*b* anchored on those of a reference.

After the paper: "grouping images with a vector of pixel values similar to a reference image". The clusters of a
slide start at, and are held to, reference centroids, so that a cluster means the same on every slide. They move
with the slide's first fields and then stand still. Knows colours only: no place, no shape, no head.
"""

from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from json import dumps, loads
from math import dist
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

BACKGROUND, ACROSOME, NUCLEUS, TAIL, TRANSITION = range(5)
"""The clusters: `TRANSITION` lies between acrosome and post-acrosomal region, within the head."""
REFERENCE_BACKGROUND = (230.0, 228.0, 228.0)
"""RGB that the commonest colour of a field is balanced to."""
REFERENCE = (
    (90.5, 1.0, 0.0),
    (65.0, 33.0, -38.0),
    (28.0, 62.0, -78.0),
    (81.0, 5.0, -13.0),
    (48.0, 48.0, -58.0),
)
"""L*, a*, b* of the clusters, from the parts that people drew on 64 training fields of the Sperm Parsing
Dataset (Chen et al. 2024) after white balance."""
ADAPTING_FIELDS = 8
"""The clusters move with so many fields of a slide; then they are frozen."""
_ANCHOR = 0.75
"""Share of the reference in a centroid: the field's own mean has the rest."""
_ROUNDS = 6
_LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in the grey of a crop (ITU-R BT.601)."""
_SOFTNESS = 8.0
"""How many L*a*b* units nearer to the head's clusters make a colour e times likelier the head's."""

_DARKENING = 1.5
"""A colour darker than the transition is a head's whatever its hue; per L* lighter it counts so much farther."""
BIN_BITS = 5
"""A bin is the highest bits of red, green and blue, side by side in this order."""
BINS = 1 << 3 * BIN_BITS
"""Colours that are told apart."""
TABLE = 1 << 16
"""A table has so many entries, of which the first are for the bins: OpenCV looks up all numbers of 16 bits or none."""

Centroids = tuple[tuple[float, float, float], ...]
"""L*, a*, b* of each cluster, in the order of the cluster numbers."""


@dataclass(frozen=True)
class SlideColour:
    """What is known of a slide's colours from its fields so far."""

    fields: int = 0
    """Fields seen."""
    centroids: Centroids = REFERENCE
    """Mean over the first fields; frozen from `ADAPTING_FIELDS` on."""
    reference: Centroids = REFERENCE
    """What the clusters of every field are held to."""
    drift: float = 0.0
    """How far the clusters of the latest field lie from the frozen ones, at most, in L*a*b* units."""
    empty_grey: float = 0.0
    """Grey level of the empty slide in the latest field, as crops have it; 0 before the first."""

    @property
    def frozen(self) -> bool:
        """Whether the clusters stand still."""
        return self.fields >= ADAPTING_FIELDS

    @classmethod
    def fresh(cls, reference: Centroids = REFERENCE) -> Self:
        """Return what is known of a new slide: nothing but the reference."""
        return cls(0, reference, reference)

    def to_json(self) -> str:
        """Return it as JSON."""
        return dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `to_json` wrote."""
        kept = loads(text)
        centroids = tuple(tuple(one) for one in kept["centroids"])
        reference = tuple(tuple(one) for one in kept.get("reference", REFERENCE))  # absent in older stores
        return cls(kept["fields"], centroids, reference, kept["drift"], kept.get("empty_grey", 0.0))

    def seen(self, own: Centroids, empty: NDArray[np.float32]) -> Self:
        """Return it after a field with the clusters `own` and the empty slide's colours `empty` (h, w, 3), RGB."""
        grey = round(float(empty.reshape(-1, 3).mean(0) @ _LUMA), 1)
        if not self.frozen:
            share = 1 / (self.fields + 1)
            mean = np.array(self.centroids) * (1 - share) + np.array(own) * share
            return replace(self, fields=self.fields + 1, centroids=_as_tuple(mean), empty_grey=grey)
        away = max(map(dist, own, self.centroids))
        return replace(self, fields=self.fields + 1, drift=round(away, 3), empty_grey=grey)


def bins(balanced: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Return the colour bin (H, W) of white-balanced pixels (H, W, 3), RGB."""
    packed = np.asarray(
        cv2.cvtColor(balanced, cv2.COLOR_RGB2BGR555), np.uint8
    )  # red is the highest, in 5 bits
    return packed.view(np.uint16)[..., 0]


def looked_up(seen: NDArray[np.uint16], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what a table (TABLE,) says of each bin (H, W)."""
    return np.asarray(cv2.LUT(seen, table), np.uint8)


def clusters_of(weight: NDArray[np.float32], colour: SlideColour) -> Centroids:
    """Return the clusters of a field from the histogram of its bins (BINS,): K-means, held to the slide's reference."""
    return _k_means(weight, colour.centroids, colour.reference, _ANCHOR)


def own_means(weight: NDArray[Any], start: Centroids) -> Centroids:
    """Return the clusters of a histogram (bins,) by K-means from `start`, held to nothing."""
    return _k_means(weight, start, start, 0.0)


def _k_means(weight: NDArray[Any], start: Centroids, anchors: Centroids, anchor: float) -> Centroids:
    seen = np.flatnonzero(weight > 0)
    colours = _COLOURS[seen].astype(np.float64)
    counts = weight[seen].astype(np.float64)[:, None]
    reference = np.array(anchors)
    centres = np.array(start)
    weighted = np.concatenate([counts, counts * colours], 1)
    ranks = np.arange(len(reference))[:, None]
    for _ in range(_ROUNDS):
        # of squared distances, less what is the same for every cluster
        away = (centres**2).sum(1)[:, None] - 2 * centres @ colours.T
        mine = (away.argmin(0) == ranks) @ weighted
        total, sums = mine[:, 0], mine[:, 1:]
        own = np.where(total[:, None] > 0, sums / np.maximum(total, 1)[:, None], reference)
        moved = anchor * reference + (1 - anchor) * own
        if (moved == centres).all():
            break
        centres = moved
    return _as_tuple(centres)


@lru_cache(maxsize=8)
def headness_table(centroids: Centroids) -> NDArray[np.uint8]:
    """Return a table of the bins (TABLE,), 0 to 255: how much likelier a colour is a head's than another's.

    Made once for each centroids: those of a slide are frozen after its first fields. Not to be written to.
    """
    away = np.sqrt(_distances(_COLOURS, np.array(centroids, np.float32)))
    head = np.minimum(np.minimum(away[ACROSOME], away[NUCLEUS]), away[TRANSITION])
    head = np.minimum(head, np.maximum(_COLOURS[:, 0] - centroids[TRANSITION][0], 0) * _DARKENING)
    other = np.minimum(away[BACKGROUND], away[TAIL])
    table = np.zeros(TABLE, np.uint8)
    table[:BINS] = np.rint(255 / (1 + np.exp((head - other) / _SOFTNESS)))
    return table


def _as_tuple(centroids: NDArray[np.float64]) -> Centroids:
    return tuple((one[0], one[1], one[2]) for one in centroids.tolist())


def _distances(colours: NDArray[Any], centroids: NDArray[Any]) -> NDArray[Any]:
    """Return squared distances (K, N) of colours (N, 3) from centroids (K, 3)."""
    lightness, a, b = colours.T
    return np.stack([(lightness - one[0]) ** 2 + (a - one[1]) ** 2 + (b - one[2]) ** 2 for one in centroids])


def _bin_colours() -> NDArray[np.float32]:
    middle = (np.arange(1 << BIN_BITS) + 0.5) * (256 >> BIN_BITS) / 255
    rgb = np.stack(np.meshgrid(middle, middle, middle, indexing="ij"), -1).astype(np.float32)
    colours = np.asarray(cv2.cvtColor(rgb.reshape(1, -1, 3), cv2.COLOR_RGB2LAB)[0], np.float32)
    return np.asfortranarray(colours)


_COLOURS = _bin_colours()
"""(bins, 3): L*, a*, b* in the middle of each bin."""
