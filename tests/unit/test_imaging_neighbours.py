"""What one head hides of another is told from outlines that stop where they meet; a cell by how near it is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from zpscope.imaging.neighbours import from_cells_um, hidden

UM_PER_PX = 0.05
HALF_UM = (2.3, 1.5)


def _parted(apart_um: float) -> tuple[NDArray[np.float64], float]:
    """Return outlines of two heads side by side that end half-way between them, and what each hides of the other."""
    turn = np.arange(64) * (2 * np.pi / 64)
    x, y = HALF_UM[0] * np.cos(turn), HALF_UM[1] * np.sin(turn)
    first, second = (
        np.stack([x, np.minimum(y, apart_um / 2)], 1),
        np.stack([x, np.maximum(y, -apart_um / 2)], 1),
    )
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 400), np.linspace(-1, 1, 400)), -1).reshape(-1, 2)
    inside = grid[np.linalg.norm(grid, axis=1) < 1]
    share = (np.linalg.norm(inside - [0, apart_um / HALF_UM[1]], axis=1) < 1).mean()
    return np.stack([first + 10, second + np.array([10, 10 + apart_um])]) / UM_PER_PX, float(share)


@pytest.mark.parametrize("apart_um", [1.8, 2.2, 2.6, 2.8])
def test_whole_ellipses_tell_what_is_hidden(apart_um: float) -> None:
    outlines, share = _parted(apart_um)
    assert hidden(outlines, np.array([True, True]), UM_PER_PX) == pytest.approx([share, share], abs=0.02)


def test_heads_that_touch_hide_nothing_and_what_is_no_head_neither() -> None:
    assert hidden(_parted(3.0)[0], np.array([True, True]), UM_PER_PX).max() < 0.01
    outlines, share = _parted(2.2)
    assert share > 0.1
    assert not hidden(outlines, np.array([True, False]), UM_PER_PX).any()
    assert not hidden(outlines[:1], np.array([True]), UM_PER_PX).any()
    assert hidden(outlines[:0], np.zeros(0, np.bool_), UM_PER_PX).shape == (0,)


@pytest.mark.parametrize(("gap_um", "told_um"), [(0.6, 0.6), (0.0, 0.0), (-0.5, 0.0), (1.4, np.inf)])
def test_the_way_to_a_cell_is_told_as_far_as_it_matters(gap_um: float, told_um: float) -> None:
    turn = np.arange(64) * (2 * np.pi / 64)
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    outlines = np.stack([circle * 1.5, circle * 4 + [5.5 + gap_um, 0]]) / UM_PER_PX + 200
    apart_um = from_cells_um(outlines, np.array([False, True]), 1.0, UM_PER_PX)
    assert apart_um[0] == pytest.approx(told_um, abs=0.05)
    assert apart_um[1] == np.inf
