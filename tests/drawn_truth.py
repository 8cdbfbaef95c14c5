"""Heads drawn by people against heads found, as ../shared/tools/score_heads.py counts them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

BORDER_PX = 12
"""Heads nearer to the edge are mostly not annotated."""
_PARTS = ("Acrosome", "Nucleus", "Vacuole")
Found = tuple[NDArray[np.uint16], NDArray[np.float64], NDArray[np.bool_]]
"""Labels (H, W), and the angle and whether accepted of every label from 1 on."""


@dataclass(frozen=True)
class Agreement:
    """How heads found agree with heads drawn; angles in degrees."""

    recall: float
    precision: float
    iou: float
    axis_median: float
    axis_p95: float
    flipped: float


def agreement(labels: list[Path], find: Callable[[Path], Found]) -> Agreement:
    """Compare the fields of these labelme files with what is found in them."""
    true = accepted = 0
    ious: list[float] = []
    errors: list[float] = []
    for path in labels:
        picture, angles, accept = find(path)
        heads = _drawn(path, (picture.shape[0], picture.shape[1]))
        whole = [one for one in heads if not _at_border(one[0])]
        edge = [mask for mask, _ in heads if _at_border(mask)]
        ids = [
            i
            for i in (np.flatnonzero(accept) + 1).tolist()
            if not _at_border(picture == i) and not any(mask[picture == i].any() for mask in edge)
        ]
        true, accepted = true + len(whole), accepted + len(ids)
        for iou, direction, i in _match(whole, picture, ids):
            ious.append(iou)
            if direction is not None:
                errors.append(abs((angles[i - 1] - direction + 180) % 360 - 180))
    errors_deg = np.array(errors)
    axis = np.minimum(errors_deg, 180 - errors_deg)
    return Agreement(
        len(ious) / true,
        len(ious) / accepted,
        float(np.mean(ious)),
        float(np.median(axis)),
        float(np.percentile(axis, 95)),
        float((errors_deg > 90).mean()),
    )


def _match(
    whole: list[tuple[NDArray[np.bool_], float | None]], picture: NDArray[np.uint16], ids: list[int]
) -> list[tuple[float, float | None, int]]:
    pairs: list[tuple[float, int, int]] = []
    for j, (mask, _) in enumerate(whole):
        for i in ids:
            both = int((mask & (picture == i)).sum())
            iou = both / (int(mask.sum()) + int((picture == i).sum()) - both)
            if iou >= 0.5:
                pairs.append((iou, j, i))
    kept: list[tuple[float, float | None, int]] = []
    used: set[tuple[str, int]] = set()
    for iou, j, i in sorted(pairs, reverse=True):
        if not used & {("drawn", j), ("found", i)}:
            used |= {("drawn", j), ("found", i)}
            kept.append((iou, whole[j][1], i))
    return kept


def _drawn(path: Path, shape: tuple[int, int]) -> list[tuple[NDArray[np.bool_], float | None]]:
    parts: dict[int, dict[str, NDArray[np.uint8]]] = {}
    for drawn in json.loads(path.read_text())["shapes"]:
        if drawn["label"] in _PARTS:
            of_head = parts.setdefault(drawn["group_id"], {})
            mask = of_head.setdefault(drawn["label"], np.zeros(shape, np.uint8))
            cv2.fillPoly(mask, [np.array(drawn["points"], np.float64).round().astype(np.int32)], 1)
    return [_head({name: mask > 0 for name, mask in of_head.items()}) for of_head in parts.values()]


def _head(parts: dict[str, NDArray[np.bool_]]) -> tuple[NDArray[np.bool_], float | None]:
    head = np.logical_or.reduce(list(parts.values()))
    if not {"Acrosome", "Nucleus"} <= parts.keys():
        return head, None
    acrosome, nucleus = parts["Acrosome"], parts["Nucleus"] & ~parts["Acrosome"]
    if min(acrosome.sum(), nucleus.sum()) < 0.2 * head.sum():
        return head, None
    dy, dx = np.argwhere(acrosome).mean(0) - np.argwhere(nucleus).mean(0)
    return head, float(np.degrees(np.arctan2(dy, dx)))


def _at_border(mask: NDArray[np.bool_]) -> bool:
    ys, xs = np.nonzero(mask)
    height, width = mask.shape
    return bool(
        min(xs.min(), ys.min()) < BORDER_PX or xs.max() >= width - BORDER_PX or ys.max() >= height - BORDER_PX
    )
