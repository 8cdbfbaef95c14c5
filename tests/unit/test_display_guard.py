"""Who is turned away at the door of the page, and what every answer carries."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from zpscope.config.errors import AddressInUse, SettingsError
from zpscope.daemon.wire import NOTICE
from zpscope.display.guard import Guard, Message, Receive, Send
from zpscope.display.server import address, listen


async def _app(scope: Message, receive: Receive, send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"inside"})


def ask(headers: dict[str, str], *, local_only: bool = True) -> tuple[int, dict[str, str], bytes]:
    sent: list[Any] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope: Message = {"type": "http", "path": "/api/state", "headers": pairs}
    asyncio.run(Guard(_app, local_only=local_only)(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, sent[1]["body"]


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8470", "LOCALHOST:9000", "127.0.0.1:8470", "127.8.8.8", "[::1]:8470", "[::1]"],
)
def test_this_machine_is_let_in_under_any_port(host: str) -> None:
    assert ask({"Host": host})[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8470", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.7:8470", "",
     "0.0.0.0:8470", "[::1", "[::ffff:10.0.0.7]:1", "127.0.0.1@evil.example"],
)  # fmt: skip
def test_a_foreign_host_name_is_turned_away_on_loopback(host: str) -> None:
    status, headers, body = ask({"Host": host})
    assert (status, b"inside" in body) == (403, False)
    assert NOTICE.encode() in body
    assert "content-security-policy" in headers


def test_without_a_host_nobody_is_let_in() -> None:
    assert ask({})[0] == 403


def test_an_address_open_to_the_network_answers_under_any_name() -> None:
    assert ask({"Host": "scope.lab.example:8470"}, local_only=False)[0] == 200


@pytest.mark.parametrize(
    ("site", "mode", "status"),
    [("same-origin", "cors", 200), ("none", "navigate", 200), ("cross-site", "no-cors", 403),
     ("cross-site", "cors", 403), ("same-site", "no-cors", 403), ("cross-site", "navigate", 200)],
)  # fmt: skip
@pytest.mark.parametrize("local_only", [True, False])
def test_pages_of_other_sites_get_no_answer(site: str, mode: str, status: int, local_only: bool) -> None:
    headers = {"Host": "localhost", "Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
    assert ask(headers, local_only=local_only)[0] == status


def test_every_answer_lets_nothing_come_from_elsewhere() -> None:
    for headers in ({"Host": "localhost"}, {"Host": "evil.example"}):
        answer = ask(headers)[1]
        policy = answer["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer["cache-control"] == "no-store"
        assert answer["x-content-type-options"] == "nosniff"
        assert answer["referrer-policy"] == "no-referrer"


def test_a_port_in_use_is_told_with_what_to_do() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressInUse, match=f"port {port} is in use .* --set display.port="):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_a_wrong_setting(host: str) -> None:
    with pytest.raises(SettingsError, match=r"display\.host"):
        listen(host, 0)


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]")]
)
def test_the_address_is_one_that_a_browser_takes(host: str, shown: str) -> None:
    if ":" in host and not socket.has_ipv6:
        pytest.skip("no IPv6")
    with listen(host, 0) as listener:
        assert address(listener) == f"http://{shown}:{listener.getsockname()[1]}"


def test_the_page_asks_nothing_of_other_machines() -> None:
    folder = Path(__file__).parents[2] / "display" / "page"
    for file in folder.iterdir():
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "//" not in text.replace("// ", "").replace("*/", ""), file.name
        assert "innerHTML" not in text, file.name
        assert "style=" not in text, file.name
