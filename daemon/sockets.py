"""Every ZeroMQ socket of zpscope. The only file that knows zmq.

All are bounded in count, none blocks for longer than it is told, and closing one never waits for a peer.
TCP on loopback, not ipc: binding a TCP port twice is an error, an ipc path would be taken over in silence.
"""

import errno
from collections.abc import Sequence
from typing import Self

import zmq

from zpscope.config.errors import AddressInUse, CommandRefused, PeerRefused, SettingsError
from zpscope.daemon import wire
from zpscope.daemon.loopback import stays_here

_QUEUE = 64
"""Messages a socket holds for one peer; what exceeds it is dropped, or refused where nothing may be lost."""


class _Socket:
    """A socket that closes at once when its `with` ends."""

    def __init__(self, kind: int) -> None:
        self.raw: zmq.SyncSocket = zmq.SyncSocket(zmq.Context.instance(), kind)
        self.raw.setsockopt(zmq.LINGER, 0)
        self.raw.setsockopt(zmq.SNDHWM, _QUEUE)
        self.raw.setsockopt(zmq.RCVHWM, _QUEUE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.raw.close()

    def _connect(self, endpoint: str) -> None:
        try:
            self.raw.connect(endpoint)
        except zmq.ZMQError as error:
            self.raw.close()
            msg = f"cannot connect to {endpoint} ({error}): set another address under [wire]"
            raise SettingsError(msg) from error

    def _bind(self, endpoint: str) -> None:
        try:
            self.raw.bind(endpoint)
        except zmq.ZMQError as error:
            self.raw.close()
            if error.errno == errno.EADDRINUSE:
                msg = (
                    f"{endpoint} is in use by another program (is another zpscope running?): "
                    "stop that one, or set another port under [wire]"
                )
                raise AddressInUse(msg) from error
            msg = f"cannot listen on {endpoint} ({error}): set another address under [wire]"
            raise SettingsError(msg) from error

    def readable(self, timeout_s: float) -> bool:
        """Return whether something to read is there, or comes in time."""
        return bool(self.raw.poll(round(timeout_s * 1000), zmq.POLLIN))

    def _receive_now(self) -> list[bytes] | None:
        try:
            return self.raw.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None


def check_free(endpoints: Sequence[str]) -> None:
    """Raise AddressInUse if something listens on one of the endpoints already."""
    for endpoint in endpoints:
        with Publisher(endpoint):
            pass


def wait(sockets: Sequence[_Socket], timeout_s: float) -> None:
    """Return when one of the sockets has something to read, or after the time."""
    poller = zmq.Poller()
    for one in sockets:
        poller.register(one.raw, zmq.POLLIN)
    poller.poll(round(timeout_s * 1000))


class Publisher(_Socket):
    """PUB: to whoever listens; a slow listener misses messages and slows nothing."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(zmq.PUB)
        self.raw.setsockopt(zmq.SNDHWM, 4)
        self._bind(endpoint)

    def send(self, message: wire.Message, payload: bytes | memoryview | None = None) -> None:
        """Publish a message; the payload must stay unchanged afterwards."""
        parts: list[bytes | memoryview] = [*wire.encode(message)]
        if payload is not None:
            parts.append(payload)
        self.raw.send_multipart(parts, copy=payload is None)


class Subscriber(_Socket):
    """SUB: the newest message of a publisher; older pending ones give way."""

    def __init__(self, endpoint: str, topics: Sequence[bytes], queue: int = 4) -> None:
        super().__init__(zmq.SUB)
        self.raw.setsockopt(zmq.RCVHWM, queue)
        for topic in topics:
            self.raw.setsockopt(zmq.SUBSCRIBE, topic)
        self._connect(endpoint)
        self._pending: dict[bytes, list[bytes]] = {}

    def receive(self, timeout_s: float = 0.0) -> list[bytes] | None:
        """Return topic, header and payload of the newest message of some topic; None after the time."""
        if not self._pending and not self.readable(timeout_s):
            return None
        while parts := self._receive_now():
            self._pending[parts[0]] = parts
        return self._pending.pop(next(iter(self._pending))) if self._pending else None


class FrameServer(_Socket):
    """ROUTER in the camera process: frames to the one consumer that has credit."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(zmq.ROUTER)
        self.raw.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.raw.setsockopt(zmq.SNDHWM, 0)  # credit is the bound: a frame may be refused, never dropped
        self.raw.setsockopt(zmq.LINGER, 300)  # ms, for the last word on how many frames were captured
        self._bind(endpoint)

    def receive(self) -> tuple[bytes, list[bytes]] | None:
        """Return who sent it, and the parts of the next message; None if there is none."""
        parts = self._receive_now()
        return (parts[0], parts[1:]) if parts else None

    def send(self, peer: bytes, message: wire.Message, payload: memoryview | None = None) -> bool:
        """Hand over a message; False if the peer has gone. The payload must stay unchanged afterwards."""
        parts: list[bytes | memoryview] = [peer, *wire.encode(message)]
        if payload is not None:
            parts.append(payload)
        try:
            self.raw.send_multipart(parts, zmq.NOBLOCK, copy=payload is None)
        except zmq.ZMQError as error:
            if error.errno in (errno.EHOSTUNREACH, zmq.EHOSTUNREACH, errno.EAGAIN):
                return False
            raise
        return True


class FrameClient(_Socket):
    """DEALER in the inference process: frames and camera state in, demands out; reconnects by itself."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(zmq.DEALER)
        self.raw.setsockopt(zmq.RECONNECT_IVL, 50)
        self.raw.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
        self.raw.setsockopt(zmq.IMMEDIATE, 1)  # no demand waits for a camera that is not there
        self._connect(endpoint)

    def receive(self) -> Sequence[bytes | memoryview] | None:
        """Return topic, header and payload of the next message, or None; the payload is zmq's memory, not a copy."""
        try:
            topic, header, *payload = self.raw.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return None
        return [topic.bytes, header.bytes, *(part.buffer.toreadonly() for part in payload)]

    def send(self, message: wire.DemandMessage) -> None:
        """Send a demand; dropped without a camera, the next one says the same and more."""
        try:
            self.raw.send_multipart(wire.encode(message), zmq.NOBLOCK)
        except zmq.Again:
            return


class ControlServer(_Socket):
    """ROUTER in the inference process: commands in, answers out."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(zmq.ROUTER)
        self._bind(endpoint)

    def receive(self) -> tuple[bytes, list[bytes]] | None:
        """Return who asks, and the parts of the request; None if nobody does."""
        parts = self._receive_now()
        return (parts[0], parts[1:]) if parts else None

    def send(self, peer: bytes, reply: wire.ControlReply) -> None:
        """Answer; dropped if the asker has gone."""
        self.raw.send_multipart([peer, *wire.encode(reply)], zmq.NOBLOCK)


def command(endpoint: str, message: wire.ControlRequest, timeout_s: float = 5.0) -> list[wire.SampleSummary]:
    """Ask the inference process; raise PeerRefused if it does not answer, CommandRefused if it will not.

    A secret goes to this machine alone, for it goes in the clear.
    """
    if "secret" in message.words and not stays_here(endpoint):
        msg = (
            f"a secret would cross the network to {endpoint} in the clear: do this on the machine of the inference "
            "process, or through an SSH tunnel to its wire.control"
        )
        raise CommandRefused(msg)
    with _Socket(zmq.DEALER) as asker:
        asker.raw.connect(endpoint)
        asker.raw.send_multipart(wire.encode(message))
        if not asker.readable(timeout_s):
            msg = (
                f"no inference process answers at {endpoint}: start `zpscope run`, or the service "
                "zpscope-inference, or give the settings it runs with (-c)"
            )
            raise PeerRefused(msg)
        reply = wire.decode(wire.ControlReply, asker.raw.recv_multipart())
    if reply.error:
        raise CommandRefused(reply.error)
    return reply.samples
