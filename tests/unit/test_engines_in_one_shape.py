"""Crops go to a GPU in runs of one shape, and come back as if there were none."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from zpscope.engines.engine import in_one_shape


@given(batch=st.integers(1, 9), crops=st.integers(0, 40))
def test_every_crop_has_its_own_answer(batch: int, crops: int) -> None:
    held = np.full((batch, 2, 2), 7, np.uint8)
    given = np.arange(1, 4 * crops + 1, dtype=np.uint8).reshape(-1, 2, 2)
    answers = np.empty(batch, np.float32)  # one place for all runs, as on a GPU
    runs: list[int] = []

    def run() -> NDArray[np.float32]:
        runs.append(int(held.any(axis=(1, 2)).sum()))
        answers[:] = held.sum(axis=(1, 2))
        return answers

    answer = in_one_shape(given, held, run)
    assert answer.tolist() == given.sum(axis=(1, 2)).astype(float).tolist()
    assert runs == [min(batch, crops - at) for at in range(0, crops, batch)]
