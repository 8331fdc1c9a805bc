"""Two servers on one PostgreSQL: what is open at the one that dies comes back, what is open at the other goes on."""

from __future__ import annotations

import contextlib
import http.client
import re
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from networks.parts import Listening, Request, answering
from support.databases import until
from support.exports import PROTOBUF, span, traces

from .network import Machine, Network
from .parts import KEY, On, Postgres, Serve

AUTHORIZED = {"Authorization": f"Bearer {KEY}"}


class Forward(On):
    """`outworx forward` on a developer's machine."""

    def __init__(self, machine: Machine, server: Serve, target: int) -> None:
        super().__init__(machine, target, OUTWORX_ENDPOINT=server.url, OUTWORX_API_KEY=KEY, HOME="/nowhere")

    def command(self) -> list[str]:
        command = (sys.executable, "-m", "outworx_otel.cli", "forward", str(self.port), "--new")
        return self.machine.command(*command)

    def answers(self) -> None:
        assert self.public

    @property
    def public(self) -> str:
        """The path that is relayed; of the newest session."""
        found = re.findall(r"Public URL: +http://[^/]+(\S+)", self.log())
        return found[-1] if found else ""


@pytest.fixture
def target(network: Network) -> Iterator[tuple[Machine, int, list[Request]]]:
    """An application on a developer's machine: where, its port, and what came."""
    machine, seen = network.machine("developer"), []
    listening = machine.do(lambda: Listening(answering(b"HTTP/1.1 204 No Content\r\n\r\n", seen)))
    yield machine, listening.port, seen
    listening.stop()


def call(machine: Machine, server: Serve, method: str, path: str, body: Any = None, **headers: str) -> int:
    """The status, from another machine; 0 where nobody answers."""

    def ask() -> int:
        connection = http.client.HTTPConnection(server.machine.address, server.port, timeout=20)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request(method, path, body, headers)
            return connection.getresponse().status
        return 0

    return machine.do(ask)


class Page:
    """A live page that somebody has open."""

    def __init__(self, machine: Machine, server: Serve) -> None:
        self.came = b""
        self.ended = False
        self._thread = threading.Thread(target=self._read, args=(machine, server), daemon=True)
        self._thread.start()

    def _read(self, machine: Machine, server: Serve) -> None:
        machine.enter()
        connection = http.client.HTTPConnection(server.machine.address, server.port, timeout=120)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/live", headers={**AUTHORIZED, "Accept": "text/event-stream"})
            answer = connection.getresponse()
            while piece := answer.read1():
                self.came += piece
        self.ended = True


def test_pages_and_tunnels_outlive_a_server(
    network: Network, start: Any, target: tuple[Machine, int, list[Request]]
) -> None:
    postgres = start(Postgres(network.machine("database")))
    one, other = (start(Serve(network.machine(f"server{n}"), postgres.url)) for n in (1, 2))
    developer, port, seen = target
    desk = network.machine("desk")
    forward = start(Forward(developer, one, port))
    pages = [Page(desk, server) for server in (one, other)]
    assert call(desk, one, "POST", f"{forward.public}/hook", b"before") == 204
    until(lambda: all(page.came for page in pages), "both pages are open")

    one.stop(signal.SIGKILL)
    until(lambda: pages[0].ended, "the page of the dead server has ended, so that the browser opens it anew")
    assert not pages[1].ended
    before = len(pages[1].came)
    delivery = traces([span()]).SerializeToString()
    assert call(desk, other, "POST", "/v1/traces", delivery, **PROTOBUF, **AUTHORIZED) == 200
    until(lambda: len(pages[1].came) > before, "the other server's page shows what arrives")

    one.start()
    until(
        lambda: call(desk, one, "POST", f"{forward.public}/hook", b"after") == 204,
        f"a tunnel\n{forward.log()}",
    )
    assert [request.body for request in seen][-1] == b"after"
    assert re.search(r"(?i)reconnect|again|lost|cannot", forward.log())
    with one.machine.cut_off():
        assert call(desk, other, "GET", "/api/deliveries", **AUTHORIZED) == 200
    until(lambda: call(desk, one, "POST", f"{forward.public}/hook", b"mended") == 204, "a tunnel after a cut")
