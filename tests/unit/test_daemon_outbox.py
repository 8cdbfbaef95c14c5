"""The outbox: whatever is received, acknowledged or interrupted, nothing is forgotten and order is kept."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from zpscope.daemon.outbox import Outbox, RetainedFrame
from zpscope.daemon.wire import FrameMessage

CAPACITY = 8


def frame(number: int) -> RetainedFrame:
    header = FrameMessage(
        camera="c",
        session="s",
        number=number,
        sample="a",
        captured=number + 1,
        lost={},
        height_px=1,
        width_px=1,
        layout="bayer_rg8",
        um_per_px=0.069,
        captured_ns=0,
        device_ns=0,
        stage_um=None,
        source="",
        serial="",
        simulated=False,
    )
    return RetainedFrame(header, np.zeros((1, 1), np.uint8))


class Delivery(RuleBasedStateMachine):
    """A receiver that commits in order, dies at any moment, and starts again from what it had committed."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(CAPACITY)
        self.made = 0
        self.received: list[int] = []
        self.committed = -1

    @rule(lost=st.integers(0, 3))
    def capture(self, lost: int) -> None:
        if not self.outbox.full:
            self.made += lost
            self.outbox.add(frame(self.made))
            self.made += 1

    @rule(credit=st.integers(0, CAPACITY))
    def deliver(self, credit: int) -> None:
        before = len(self.received)
        while found := self.outbox.next(credit):
            self.received.append(found.header.number)
            self.outbox.sent()
        assert len(self.received) <= max(credit, before), "more was sent than there was credit for"

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        if self.received:
            count = data.draw(st.integers(1, len(self.received)))
            for number in self.received[:count]:
                assert number > self.committed, "a frame came twice or out of order"
                self.committed = number
            del self.received[:count]
            self.outbox.acknowledge(self.committed)

    @rule()
    def die_and_return(self) -> None:
        self.received.clear()
        self.outbox.rewind()

    @rule(stale=st.integers(-1, 5))
    def hear_an_old_acknowledgement(self, stale: int) -> None:
        self.outbox.acknowledge(self.committed - stale if stale > 0 else self.committed)

    @invariant()
    def nothing_is_forgotten(self) -> None:
        assert len(self.outbox) <= CAPACITY
        waiting = len(self.outbox) - len(self.received)
        assert waiting >= 0

    def teardown(self) -> None:
        """After a last restart everything that was captured is either committed or comes again."""
        before = len(self.outbox)
        self.outbox.rewind()
        again: list[int] = []
        while found := self.outbox.next(CAPACITY):
            again.append(found.header.number)
            self.outbox.sent()
        assert len(again) == before
        assert again == sorted(again)
        assert all(number > self.committed for number in again)


TestDelivery = Delivery.TestCase
