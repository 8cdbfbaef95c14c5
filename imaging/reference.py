"""A colour reference from a lab's own pictures, and the file it is kept in.

The heads that the present reference finds show which colours are a head's; what lies outside them shows the
others. Knows no setting and no command.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import SettingsError
from zpscope.imaging.colour import (
    ACROSOME,
    BACKGROUND,
    BINS,
    NUCLEUS,
    REFERENCE,
    TAIL,
    TRANSITION,
    Centroids,
    SlideColour,
    bins,
    own_means,
)
from zpscope.imaging.examine import examine
from zpscope.imaging.light import background, balance, gain_of

BUILT_IN = "built-in"
LEAST_HEADS = 50
"""Fewer heads are not typical of a stain."""
_KIND = "zpscope colour reference"
_VERSION = 1
_IN_HEADS, _OUTSIDE = (ACROSOME, NUCLEUS, TRANSITION), (BACKGROUND, TAIL)


def learn(fields: Iterable[tuple[NDArray[np.uint8], float]]) -> tuple[Centroids, int]:
    """Return the clusters of fields (H, W, 3), RGB, each with its µm/px, and how many heads taught them.

    Raises FieldRefused for a field without colour. With no head at all the built-in reference comes back.
    """
    inside, outside = np.zeros(BINS), np.zeros(BINS)
    heads = 0
    for field, um_per_px in fields:
        found = examine(field, um_per_px, SlideColour.fresh()).heads
        if not found.accepted.any():
            continue
        heads += int(found.accepted.sum())
        seen = bins(balance(field, gain_of(background(field))))
        taken = np.concatenate([[False], found.accepted])[found.labels]
        inside += np.bincount(seen[taken], minlength=BINS)
        outside += np.bincount(seen[found.labels == 0], minlength=BINS)
    clusters = list(REFERENCE)
    for weight, which in ((inside, _IN_HEADS), (outside, _OUTSIDE)):
        means = own_means(weight, tuple(REFERENCE[i] for i in which))
        for i, mean in zip(which, means, strict=True):
            clusters[i] = mean
    return tuple(clusters), heads


def name_of(centroids: Centroids) -> str:
    """Return what results say of a reference: `built-in`, or the beginning of the sha256 of its colours."""
    if centroids == REFERENCE:
        return BUILT_IN
    return hashlib.sha256(json.dumps(centroids).encode()).hexdigest()[:12]


def write_reference(path: Path, centroids: Centroids, pictures: int, heads: int) -> None:
    """Write a reference as JSON; raise SettingsError with one line if it cannot be written."""
    rounded = [[round(value, 2) for value in one] for one in centroids]
    kept = {"kind": _KIND, "version": _VERSION, "lab": rounded, "pictures": pictures, "heads": heads}
    try:
        path.write_text(json.dumps(kept, indent=2) + "\n", "utf-8")
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}): name a file in a folder that this user may write to"
        raise SettingsError(msg) from error


def read_reference(path: Path | str) -> Centroids:
    """Return the clusters of a reference file, or the built-in ones; raise SettingsError with one line."""
    if str(path) == BUILT_IN:
        return REFERENCE
    remedy = "make it anew with `zpscope reference`"
    try:
        found: object = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        msg = f"{path}: the colour reference cannot be read ({error.strerror}): {remedy}, or correct the path"
        raise SettingsError(msg) from error
    except ValueError as error:
        msg = f"{path} is not a colour reference: {remedy}"
        raise SettingsError(msg) from error
    kept = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    if (kept.get("kind"), kept.get("version")) != (_KIND, _VERSION):
        msg = f"{path} is not a colour reference of this version of zpscope: {remedy}"
        raise SettingsError(msg)
    try:
        lab = np.array(kept.get("lab"), np.float64)
    except (TypeError, ValueError) as error:
        msg = f"{path} is damaged: {remedy}"
        raise SettingsError(msg) from error
    if lab.shape != (len(REFERENCE), 3) or not np.isfinite(lab).all():
        msg = f"{path} is damaged: {remedy}"
        raise SettingsError(msg)
    return tuple((float(one[0]), float(one[1]), float(one[2])) for one in lab)
