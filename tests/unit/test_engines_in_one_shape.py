"""Crops go to a GPU in runs of one shape, and come back as if there were none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from zpscope.config.errors import ModelRefused
from zpscope.engines.engine import in_one_shape
from zpscope.imaging.crop import CROP_PX


@given(batch=st.integers(1, 9), crops=st.integers(0, 40))
def test_every_crop_has_its_own_answer(batch: int, crops: int) -> None:
    held = np.full((batch, CROP_PX, CROP_PX), 7, np.uint8)
    level = np.arange(1, crops + 1, dtype=np.uint8)
    answers = np.empty(batch, np.float32)  # one place for all runs, as on a GPU
    runs: list[int] = []

    def run() -> NDArray[np.float32]:
        runs.append(int(held.any(axis=(1, 2)).sum()))
        answers[:] = held.mean(axis=(1, 2)) / 255
        return answers

    answer = in_one_shape(np.broadcast_to(level[:, None, None], (crops, CROP_PX, CROP_PX)), held, run)
    assert answer.tolist() == (level / 255).astype(np.float32).tolist()
    assert runs == [min(batch, crops - at) for at in range(0, crops, batch)]


def test_what_is_no_crop_or_no_probability_is_refused() -> None:
    held = np.zeros((2, CROP_PX, CROP_PX), np.uint8)
    with pytest.raises(ModelRefused, match="takes crops"):
        in_one_shape(np.zeros((1, 4, 4), np.uint8), held, lambda: np.zeros(2, np.float32))
    with pytest.raises(ModelRefused, match="no probability"):
        in_one_shape(held, held.copy(), lambda: np.full(2, np.nan, np.float32))
