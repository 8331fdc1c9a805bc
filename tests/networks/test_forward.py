"""`outworx forward` in other people's networks: a connection that dies silently, proxies, a company's authority."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from server.relay.serving import Serving
from support.commands import invoked
from support.sender import NO_CERTIFICATES

from outworx_otel.cli.forward.filter_rules import FilterRules
from outworx_otel.cli.forward.local_servers import LocalServers
from outworx_otel.cli.forward.local_targets import parse_targets
from outworx_otel.cli.forward.relay_client import OpenedSession, RelayClient, RelayError
from outworx_otel.cli.forward.session_file import SessionFile
from outworx_otel.cli.forward.tunnel import Tunnel
from outworx_otel.server.relay import RelayLimits

from .clients import KEY
from .conftest import Authority
from .parts import Listening, Proxy, Request, answering, for_ever, wait_for

Listen = Callable[..., Listening]
Proxies = Callable[..., Proxy]

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Told:
    """An output that keeps what it was told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, tuple[Any, ...]]] = []
        self.counts = None

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *said: self.lines.append((name, said))

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [said for known, said in self.lines if known == name]


@contextlib.contextmanager
def _tunnel(endpoint: str, local: int, silence: float) -> Iterator[Told]:
    told, stop = Told(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        server = RelayClient(endpoint, KEY, silence=silence)
        targets = parse_targets([str(local)])
        servers = LocalServers(targets)
        try:
            await Tunnel(server, servers, targets, FilterRules(()), told, SessionFile(None)).run(stop)  # type: ignore[arg-type]  # it has every method
        finally:
            await server.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        assert not thread.is_alive()
        loop.close()


def test_a_connection_that_dies_silently_is_noticed_and_the_tunnel_goes_on(
    listen: Listen, proxy: Proxies, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Request] = []
    local = listen(answering(_OK, seen))
    relay = Serving(RelayLimits(poll_timeout=0.2)).start()
    try:
        way = proxy(relay.port)
        monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{way.port}")
        # The real one holds polls for 25 s and is believed dead after 29 s.
        with _tunnel("http://relay.test", local.port, silence=1.0) as told:
            ((session, *_),) = wait_for(lambda: told.of("opened"))
            way.freeze()
            wait_for(lambda: told.of("lost"))
            assert told.of("lost")[0][1] == "no answer in time"
            way.thaw()
            wait_for(lambda: told.of("back"))
            path = session.ingressUrl.partition("relay.test")[2]
            answer = httpx.post(
                f"http://127.0.0.1:{relay.port}{path}/hook",
                content=b"{}",
                trust_env=False,
                verify=NO_CERTIFICATES,
                timeout=20,
            )
            assert (answer.status_code, answer.text) == (200, "ok")
            assert [request.target for request in seen] == ["/hook"]
    finally:
        relay.stop()


@pytest.mark.parametrize(
    "begin", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"]
)
def test_a_poll_that_drips_is_given_up_as_well(begin: bytes, listen: Listen) -> None:
    again = b"HTTP/1.1 100 Continue\r\n\r\n" if not begin else b"x"
    server = listen(for_ever(begin, again))

    async def polled() -> None:
        client = RelayClient(server.url, KEY, silence=0.05)
        try:
            await client.poll(OpenedSession("s", "http://relay.test/t/1", resume="r"), 0, 1)
        finally:
            await client.close()

    with pytest.raises(RelayError, match="in time"):
        asyncio.run(polled())


def test_the_real_bound_is_below_thirty_seconds_and_above_what_servers_hold() -> None:
    client = RelayClient("http://127.0.0.1:1", KEY)

    assert RelayLimits().poll_timeout + 2 < (client._poll_timeout.read or 0) < 30


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"ALL_PROXY": "socks5h://127.0.0.1:1"}, r"through the proxy socks5://127.0.0.1:1 (ALL_PROXY)"),
        ({"ALL_PROXY": "socks://127.0.0.1:1"}, r"through the proxy socks5://127.0.0.1:1 (ALL_PROXY)"),
        ({"ALL_PROXY": "socks4://127.0.0.1:1"}, "ALL_PROXY names a proxy by socks4://"),
        ({"SSL_CERT_FILE": "/nowhere.pem"}, "SSL_CERT_FILE: there is no file /nowhere.pem"),
        (
            {"ALL_PROXY": "http://127.0.0.1:1", "NO_PROXY": "::1,10.0.0.0/8,[2001:db8::]/32"},
            "the proxy http://127.0.0.1:1",
        ),
    ],
    ids=["socks5h", "socks", "socks4", "no certificates", "NO_PROXY"],
)
def test_what_cannot_be_used_ends_the_command_with_a_line_and_no_traceback(
    environ: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    # What it raised would be raised here.
    done = invoked("forward", "3000", "--endpoint", "https://relay.test", "--api-key", KEY)

    assert done.code in (1, 2)
    assert says in done.err
    assert KEY not in done.err


@pytest.mark.parametrize("command", ["forward", "trigger"])
def test_the_option_trusts_an_authority_as_well(command: str, listen: Listen, company: Authority) -> None:
    seen: list[Request] = []
    # Of a tunnel's server the answer is enough that it refuses: it was reached, and believed.
    server = listen(
        answering(b"HTTP/1.1 402 Pay\r\nContent-Length: 0\r\n\r\n", seen), company.context("127.0.0.1")
    )
    words = {
        "forward": ("forward", "3000", "--endpoint", server.url, "--api-key", KEY),
        "trigger": ("trigger", "github", "push", "--to", f"{server.url}/hook", "--secret", "a secret"),
    }[command]

    refused = invoked(*words)
    assert seen == []
    taken = invoked(*words, "--ca-bundle", company.file)

    assert "is not trusted" in refused.out + refused.err
    assert "--ca-bundle" in refused.out + refused.err
    assert len(seen) == 1
    assert "402" in taken.out + taken.err
