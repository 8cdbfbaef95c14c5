"""A sample goes on in its life, never round a signature."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpscope.config.errors import CommandRefused
from zpscope.daemon.life import SampleLife, Step, after

LIVES: tuple[SampleLife, ...] = get_args(SampleLife)
STEPS: tuple[Step, ...] = get_args(Step)


@given(st.lists(st.sampled_from(STEPS), max_size=30))
def test_nothing_is_changed_under_a_signature(steps: list[Step]) -> None:
    life: SampleLife = "planned"
    for step in steps:
        before = life
        try:
            life = after(life, step, "A-1")
        except CommandRefused as error:
            assert str(error).startswith("sample A-1 cannot ")  # noqa: PT017
            assert "\n" not in str(error)  # noqa: PT017
            continue
        assert life in LIVES
        if before == "signed":
            assert step == "amend"
        if life == "signed":
            assert step == "sign"
        if life == "planned":
            pytest.fail("a sample is planned once")


def test_the_way_through() -> None:
    life: SampleLife = "planned"
    for step, expected in (
        ("start", "scanning"),
        ("end", "machine_result"),
        ("next_slide", "scanning"),
        ("end", "machine_result"),
        ("review", "reviewed"),
        ("sign", "signed"),
        ("amend", "amended"),
        ("review", "amended"),
        ("sign", "signed"),
    ):
        life = after(life, step, "A-1")  # type: ignore[arg-type]
        assert life == expected
