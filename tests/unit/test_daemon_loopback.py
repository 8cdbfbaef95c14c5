"""What is this machine, and that no secret leaves it."""

import pytest

from zpscope.config.errors import CommandRefused
from zpscope.daemon import wire
from zpscope.daemon.loopback import is_loopback, stays_here
from zpscope.daemon.sockets import command


@pytest.mark.parametrize(
    ("host", "local"),
    [("localhost", True), ("127.0.0.1", True), ("::1", True), ("[::1]", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.5", False), ("lab-pc", False), ("", False)],
)  # fmt: skip
def test_loopback_is_known_by_name_and_address(host: str, local: bool) -> None:
    assert is_loopback(host) is local


@pytest.mark.parametrize(
    ("endpoint", "here"),
    [("tcp://127.0.0.1:8474", True), ("tcp://[::1]:8474", True), ("tcp://localhost:8474", True),
     ("ipc:///run/zpscope/control", True), ("tcp://0.0.0.0:8474", False), ("tcp://192.168.1.5:8474", False),
     ("tcp://lab-pc:8474", False), ("tcp://localhost.lab:8474", False)],
)  # fmt: skip
def test_what_is_sent_stays_here_or_leaves(endpoint: str, here: bool) -> None:
    assert stays_here(endpoint) is here


def test_a_secret_is_not_sent_over_the_network() -> None:
    request = wire.ControlRequest(action="sign", accession="A-17", words={"signer": "RV", "secret": "x"})
    with pytest.raises(CommandRefused, match="a secret would cross the network"):
        command("tcp://192.0.2.1:8474", request)
