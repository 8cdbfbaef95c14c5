"""An occlusion map shows what an answer hangs on, and nothing else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.contract.test_engine import open_any
from zpscope.config.classifiers import OnnxRuntimeClassifier
from zpscope.engines.bundle import DEMONSTRATION
from zpscope.engines.occlusion import PATCH_PX, occlusion_map
from zpscope.engines.open_engine import open_engine


@given(y=st.integers(8, 111), x=st.integers(8, 111), ground=st.integers(100, 255))
def test_it_is_the_share_of_patches_that_hide_what_counts(y: int, x: int, ground: int) -> None:
    crop = np.full((128, 128), ground, np.uint8)
    crop[y : y + 4, x : x + 4] = 0

    def darkness(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray((crops == 0).mean(axis=(1, 2)) * 1024, np.float32)

    found = occlusion_map(darkness, crop)
    assert found.shape == (128, 128)
    assert found.min() >= 0
    assert found[y : y + 4, x : x + 4].max() >= 0.9 * found.max() > 0
    rows, columns = np.nonzero(found)
    assert rows.min() > y - PATCH_PX
    assert rows.max() < y + 4 + PATCH_PX
    assert columns.min() > x - PATCH_PX
    assert columns.max() < x + 4 + PATCH_PX


def test_a_blank_crop_has_nothing_to_show() -> None:
    with open_engine(OnnxRuntimeClassifier(), open_any(DEMONSTRATION)) as engine:
        assert (occlusion_map(engine.classify, np.full((128, 128), 215, np.uint8)) == 0).all()
