from hypothesis import given
from hypothesis import strategies as st

from zpscope.drivers.block_ids import NO_ID, LossCount
from zpscope.drivers.device_clock import DeviceClock

FATES = st.lists(st.sampled_from(["whole", "broken", "passed over", "lost on the cable"]), max_size=60)


@given(
    FATES, st.sampled_from(["numbered", "numbered in 16 bits", "broken ones have no number", "unnumbered"])
)
def test_every_exposure_that_did_not_arrive_is_counted_once(fates: list[str], camera: str) -> None:
    count, passed_over, lost = LossCount(), 0, 0
    if camera in ("unnumbered", "broken ones have no number"):
        fates = [fate for fate in fates if fate != "lost on the cable"]
    block = 65500 if camera == "numbered in 16 bits" else 0
    for fate in ["whole", *fates, "whole"]:
        match fate:
            case "whole":
                lost += count.whole(NO_ID if camera == "unnumbered" else block, passed_over)
                passed_over = 0
            case "broken":
                count.broken(passed_over)
                passed_over = 0
            case "passed over":
                passed_over += 1
            case _:
                pass
        if not (fate == "broken" and camera == "broken ones have no number"):
            block += 1
        if camera == "numbered in 16 bits" and block > 65535:
            block = 1
    assert lost == sum(fate != "whole" for fate in fates)


def test_what_was_passed_over_before_the_first_exposure_counts() -> None:
    assert LossCount().whole(3, 3) == 3


@given(
    st.integers(0, 10**15),
    st.integers(-(10**15), 10**15),
    st.lists(st.tuples(st.integers(1, 10**8), st.integers(0, 10**8)), min_size=1, max_size=300),
)
def test_a_device_clock_is_told_in_the_hosts_time(
    start_ns: int, offset_ns: int, exposures: list[tuple[int, int]]
) -> None:
    clock, device_ns = DeviceClock(), start_ns
    for step_ns, delay_ns in exposures:
        device_ns += step_ns
        exposed_ns = device_ns + offset_ns
        told_ns = clock.host_ns(device_ns, exposed_ns + delay_ns)
        assert exposed_ns <= told_ns <= exposed_ns + delay_ns
