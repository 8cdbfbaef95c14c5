"""Where a motorised scan puts its fields, and how high the slide lies there. Knows no stage and no camera."""

import math
from collections.abc import Sequence

import numpy as np

from zpscope.config.cameras import Scan

Place = tuple[float, float]
"""x, y in µm."""


def scan_centres(scan: Scan, field_um: tuple[float, float]) -> list[Place]:
    """Return the centres of the fields, in the order of the scan; `field_um` is a field's width and height."""
    if scan.pattern == "serpentine":
        return _serpentine(scan, field_um)[: scan.fields]
    return _stratified(scan)


def height_um(plane: Sequence[tuple[float, float, float]], place: Place) -> float:
    """Return z of the plane through three points (x, y, z), at a place (x, y)."""
    points = np.array(plane)
    left = np.column_stack([points[:, :2], np.ones(3)])
    return float(np.array([*place, 1.0]) @ np.linalg.solve(left, points[:, 2]))


def _serpentine(scan: Scan, field_um: tuple[float, float]) -> list[Place]:
    """Return rows of fields that share `overlap_percent`, every other row backwards."""
    steps = [size * (1 - scan.overlap_percent / 100) for size in field_um]
    columns, rows = (
        math.floor(side / step + 1e-9) + 1
        for side, step in zip((scan.width_um, scan.height_um), steps, strict=True)
    )
    return [
        (scan.left_um + column * steps[0], scan.top_um + row * steps[1])
        for row in range(rows)
        for column in (range(columns) if row % 2 == 0 else range(columns - 1, -1, -1))
    ]


def _stratified(scan: Scan) -> list[Place]:
    """Return one place drawn in each of `fields` cells of about equal area, the cells in a serpentine."""
    fields = scan.fields or 1
    rows = min(fields, max(1, round(math.sqrt(fields * scan.height_um / max(scan.width_um, 1e-9)))))
    rng = np.random.default_rng(scan.seed)
    places: list[Place] = []
    for row in range(rows):
        cells = fields * (row + 1) // rows - fields * row // rows
        for cell in range(cells) if row % 2 == 0 else range(cells - 1, -1, -1):
            right, down = rng.uniform(size=2).tolist()
            places.append(
                (
                    scan.left_um + (cell + right) * scan.width_um / cells,
                    scan.top_um + (row + down) * scan.height_um / rows,
                )
            )
    return places
