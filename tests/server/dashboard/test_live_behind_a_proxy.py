"""Live pages behind a proxy that answers 502 while the server is away, or whose connections die silently."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from server.dashboard.browsing import visitor
from server.dashboard.kept import one_of_each
from server.dashboard.serving import filled, listening
from server.dashboard.test_live import send, stream

# Seconds; in earnest they are ten times as long and more.
BEAT = 0.5
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """Passes bytes on, until it is told to answer 502 (`upstream` None) or to let streams fall silent."""

    def __init__(self) -> None:
        self.upstream: int | None = None
        # The server's ends of connections.
        self._streams: set[socket.socket] = set()
        self._dead: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def towards(self, address: str) -> None:
        """Passes on to this server."""
        self.upstream = int(address.rpartition(":")[2])

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listening.accept()
                threading.Thread(target=self._pass_on, args=(caller,), daemon=True).start()

    def _pass_on(self, caller: socket.socket) -> None:
        with caller, contextlib.suppress(OSError):
            if self.upstream is not None:
                with contextlib.suppress(ConnectionRefusedError):
                    server = socket.create_connection(("127.0.0.1", self.upstream))
                    threading.Thread(target=self._copy, args=(server, caller), daemon=True).start()
                    self._copy(caller, server)
                    return
            caller.recv(65536)
            caller.sendall(BAD_GATEWAY)

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if data.startswith(b"GET /"):
                    self._streams.discard(target)
                    if data.startswith(b"GET /live"):
                        self._streams.add(target)
                if source not in self._dead:
                    target.sendall(data)
        if source not in self._dead:
            for end in (source, target):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def fall_silent(self) -> None:
        """From the streams that there are nothing more comes, and nobody closes them; new ones are passed on."""
        self._dead |= self._streams


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    proxy = Proxy()
    yield proxy
    proxy.stop()


def test_a_page_comes_back_after_a_proxys_502(browser: Browser, proxy: Proxy, tmp_path: Path) -> None:
    settings = filled(tmp_path, one_of_each(), heartbeat_seconds=BEAT)
    with visitor(browser) as one:
        one.expected = ("ERR_", "Failed to load", "502")
        page = one.page
        with listening(settings) as address:
            proxy.towards(address)
            page.goto(f"{proxy.url}/deliveries")
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            page.evaluate("window.sameDocument = true")
            proxy.upstream = None
        expect(page.get_by_text("Reconnecting")).to_be_visible()
        # More than once: it does not give up.
        for _ in range(2):
            with page.expect_response(lambda answer: answer.status == 502):
                pass
        missed = one_of_each()
        filled(tmp_path, missed)
        with listening(settings) as address:
            proxy.towards(address)
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            newest = max(missed.deliveries, key=lambda delivery: delivery.time_ns)
            expect(page.locator(f"[data-row='{newest.id}']")).to_be_visible()
            send(address, "github", "after_the_restart")
            expect(page.locator("[data-row]").first).to_contain_text("after_the_restart")
        assert page.evaluate("window.sameDocument")


def test_a_page_notices_a_connection_that_died_silently(
    browser: Browser, proxy: Proxy, tmp_path: Path
) -> None:
    with visitor(browser) as one:
        page = one.page
        with listening(filled(tmp_path, one_of_each(), heartbeat_seconds=BEAT)) as address:
            proxy.towards(address)
            page.goto(f"{proxy.url}/deliveries")
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            with page.expect_request(lambda request: "/live" in request.url):
                proxy.fall_silent()
                send(address, "github", "while_it_was_dead")
            expect(page.locator("[data-row]").first).to_contain_text("while_it_was_dead")
            expect(page.get_by_text("Live", exact=True)).to_be_visible()


def test_the_first_page_comes_back_too(browser: Browser, proxy: Proxy, tmp_path: Path) -> None:
    settings = filled(tmp_path, heartbeat_seconds=BEAT)
    with visitor(browser) as one:
        one.expected = ("ERR_", "Failed to load", "502")
        page = one.page
        with listening(settings) as address:
            proxy.towards(address)
            with page.expect_response(f"{proxy.url}/live"):
                page.goto(proxy.url)
            proxy.upstream = None
        filled(tmp_path, one_of_each())
        with listening(settings) as address:
            proxy.towards(address)
            expect(page.get_by_text("Deliveries over time").first).to_be_visible()


def test_a_heartbeat_is_an_event_also_while_nothing_fits_the_filter(tmp_path: Path) -> None:
    with (
        listening(filled(tmp_path, heartbeat_seconds=BEAT)) as address,
        stream(address, "?provider=nobody") as events,
    ):
        for _ in range(2):
            send(address, "github")
            assert next(events) == ("heartbeat", {})


def test_heartbeats_leave_time_to_notice_within_thirty_seconds(tmp_path: Path) -> None:
    assert filled(tmp_path).heartbeat_seconds * 2.5 <= 30
