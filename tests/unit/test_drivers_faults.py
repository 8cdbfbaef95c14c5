"""Faults on request: every field has one fate, and a scan that is taken up again goes on where it was."""

from itertools import islice, pairwise

from hypothesis import given
from hypothesis import strategies as st

from zpscope.config.settings import Faults, SyntheticCamera
from zpscope.drivers.camera import EndOfStream, Grab
from zpscope.drivers.faults import deliveries
from zpscope.drivers.synthetic import Synthetic, reported_um
from zpscope.drivers.truth import truth

MANY = Faults(dropped_percent=20, truncated_percent=20, repeated_percent=20, reordered_percent=20)
SMALL = SyntheticCamera(seed=2, width_px=256, height_px=256, fields=30, faults=MANY)


@given(st.integers(0, 2**31), st.integers(1, 200))
def test_every_field_has_one_fate(seed: int, fields: int) -> None:
    all_of_them = list(deliveries(MANY, seed, fields))
    first = [each.number for each in all_of_them if each.fate != "repeated"]
    assert sorted(first) == list(range(fields))
    for before, here in pairwise(all_of_them):
        if here.fate == "repeated":
            assert before.number == here.number
        if here.fate == "late":
            assert before.number == here.number + 1


def test_the_faults_come_as_often_as_asked_for() -> None:
    faults = Faults(dropped_percent=10, truncated_percent=5, repeated_percent=3, reordered_percent=2)
    fates: list[str] = [each.fate for each in islice(deliveries(faults, 1, None), 5000)]
    for fate, percent in (("dropped", 10), ("truncated", 5), ("repeated", 3), ("late", 2)):
        assert abs(fates.count(fate) / 50 - percent) < 1.5


def drain(camera: Synthetic) -> tuple[list[Grab], int]:
    """Return what was handed over, and how many were lost after it."""
    grabs: list[Grab] = []
    while True:
        try:
            grabs.append(camera.grab(5))
        except EndOfStream as end:
            return grabs, end.lost


def test_what_is_handed_over_and_what_was_lost_is_the_whole_scan_from_anywhere() -> None:
    stream = list(deliveries(MANY, SMALL.seed, SMALL.fields))
    for skipped in range(0, len(stream) + 2, 5):
        with Synthetic(SMALL) as camera:
            camera.skip(skipped)
            grabs, lost_at_end = drain(camera)
        rest = [each for each in stream[skipped:] if each.fate != "dropped"]
        assert len(grabs) + sum(grab.lost for grab in grabs) + lost_at_end == len(stream[skipped:])
        assert [grab.stage_um for grab in grabs] == [reported_um(SMALL, each.number) for each in rest]
        for grab, each in zip(grabs, rest, strict=True):
            assert camera.format.fits(grab.pixels) == (each.fate != "truncated")
        for before, grab, each in zip(grabs, grabs[1:], rest[1:], strict=False):
            same_buffer = before.device_ns == grab.device_ns
            assert same_buffer == (each.fate == "repeated")
            if same_buffer:
                assert (before.pixels == grab.pixels).all()
            assert (grab.device_ns < before.device_ns) == (each.fate == "late")


def test_a_clock_jumps_either_way() -> None:
    clocks = [each.clock_ns / 1e9 for each in deliveries(Faults(clock_jump_percent=25), 1, 300)]
    jumps = [later - before for before, later in pairwise(clocks) if later != before]
    assert 40 < len(jumps) < 110
    assert min(jumps) < -60
    assert max(jumps) > 60


def test_the_truth_leaves_out_what_the_camera_lost() -> None:
    apart = {"overlap_percent": 0, "width_px": 1024, "height_px": 1024}
    faulty = SMALL.model_copy(update=apart)
    sound = faulty.model_copy(update={"faults": Faults()})
    known, whole = truth(faulty, 30), truth(sound, 30)
    assert {one.id for one in known.sperm} < {one.id for one in whole.sperm}
