"""What is told of an outline where its rays end before it does."""

import numpy as np

from zpscope.imaging.colour import REFERENCE, REFERENCE_BACKGROUND, headness_table
from zpscope.imaging.measure import trace
from zpscope.imaging.outline import Ellipses

UM_PER_PX = 0.052
STAIN = (90, 60, 150)


def test_where_all_is_stained_the_outline_ends_with_its_rays_and_nothing_lies_around() -> None:
    field = np.full((400, 400, 3), STAIN, np.uint8)
    empty = np.full((32, 32, 3), REFERENCE_BACKGROUND, np.float32)
    guess = Ellipses(np.full((1, 2), 200.0), np.array([[1.0, 0.0]]), np.full((1, 2), 30.0))
    traced = trace(field, empty, headness_table(REFERENCE), guess, UM_PER_PX)
    assert traced.length_px[0] > 2 * 1.5 * 30
    assert traced.surroundings[0] == 0, "no sample lies around it"
