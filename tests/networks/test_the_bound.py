"""One attempt is over at its time-out, whatever the other side does; the status of an answer counts, not its body."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable

import pytest

from outworx_otel.errors import StoreError
from outworx_otel.export.destination import Destination
from outworx_otel.export.http_client import HttpClient
from outworx_otel.export.send_result import SendResult, Verdict
from outworx_otel.http.bounded_client import BoundedClient, TooLate
from outworx_otel.http.certificates import trust
from outworx_otel.idempotency.outworx import OutworxBackend
from outworx_otel.idempotency.store_address import StoreAddress
from outworx_otel.server.replay import Outgoing, ReplayError, send

from .parts import Listening, Request, Talk, answering, for_ever

Listen = Callable[..., Listening]

_OK = b"HTTP/1.1 200 OK\r\n"
_BOUND = 0.3
# Each of these would hold a client that has only a time-out for each read for as long as it likes.
_WITHOUT_END: dict[str, Talk] = {
    "100 Continue": for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "102 Processing": for_ever(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "103 Early Hints": for_ever(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
    "a status line, byte by byte": for_ever(b"HTTP/1.1 200 ", b"o"),
    "a header, byte by byte": for_ever(_OK + b"X-Slow: ", b"a"),
    "one header after the other": for_ever(_OK, b"X: a\r\n"),
    "nothing": lambda connection: threading.Event().wait(20) and None,
}
_BODIES_WITHOUT_END: dict[str, Talk] = {
    "a body, byte by byte": for_ever(_OK + b"Content-Length: 100000\r\n\r\n", b"x"),
    "chunks, one after the other": for_ever(_OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "a body until the end": for_ever(_OK + b"\r\n", b"x"),
}


def _posted(url: str, timeout: float = 5.0) -> SendResult:
    client = HttpClient(Destination(url, timeout=5000, protocol="otlp"))
    try:
        return client.post(f"{url}/v1/traces", b"spans", "application/x-protobuf", timeout=timeout)
    finally:
        client.close()


@pytest.mark.parametrize("kind", _WITHOUT_END)
def test_an_attempt_of_the_exporter_is_over_at_its_time_out(kind: str, listen: Listen) -> None:
    result = _posted(listen(_WITHOUT_END[kind]).url, _BOUND)

    assert result.verdict is Verdict.PASSING
    assert "no answer within 0.3 s" in result.detail


@pytest.mark.parametrize("kind", _BODIES_WITHOUT_END)
def test_an_answer_whose_body_has_no_end_counts_by_its_status(kind: str, listen: Listen) -> None:
    assert _posted(listen(_BODIES_WITHOUT_END[kind]).url, 1.0).verdict is Verdict.DELIVERED


def test_a_receiver_that_reads_nothing_ends_at_the_time_out_too(listen: Listen) -> None:
    deaf = listen(lambda connection: threading.Event().wait(20) and None)
    client = BoundedClient(trust)

    with pytest.raises(TooLate):
        client.call("POST", deaf.url, body=bytes(30_000_000), seconds=_BOUND)
    client.close()


def test_a_receiver_that_reads_a_little_at_a_time_ends_at_the_time_out_too(listen: Listen) -> None:
    def slowly(connection: socket.socket) -> None:
        while connection.recv(100):
            time.sleep(0.01)

    client = BoundedClient(trust)
    with pytest.raises(TooLate):
        client.call("POST", listen(slowly).url, body=bytes(30_000_000), seconds=_BOUND)
    client.close()


def test_a_handshake_that_is_never_finished_ends_at_the_time_out(listen: Listen) -> None:
    silent = listen(lambda connection: threading.Event().wait(20) and None)

    assert "no answer within" in _posted(silent.url.replace("http:", "https:"), _BOUND).detail


@pytest.mark.parametrize("kind", [*_WITHOUT_END, *_BODIES_WITHOUT_END])
def test_a_replayed_request_is_over_at_its_time_out(kind: str, listen: Listen) -> None:
    server = listen((_WITHOUT_END | _BODIES_WITHOUT_END)[kind])

    with pytest.raises(ReplayError, match=r"did not answer within 0\.3 s"):
        send(Outgoing("POST", f"{server.url}/hook", (), b"{}", True), timeout=_BOUND)


@pytest.mark.parametrize("kind", [*_WITHOUT_END, *_BODIES_WITHOUT_END])
def test_an_operation_of_the_store_is_over_within_its_budget(kind: str, listen: Listen) -> None:
    server = listen((_WITHOUT_END | _BODIES_WITHOUT_END)[kind])
    url = f"outworx://127.0.0.1:{server.port}"
    address = StoreAddress(url, url, {})
    backend = OutworxBackend(address, budget=_BOUND, connections=1)
    try:
        with pytest.raises((TimeoutError, StoreError), match=r"within 0\.3 s"):
            backend.claim("key", "token", 30)
    finally:
        backend.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"Content-Encoding: gzip\r\nContent-Length: 7\r\n\r\nno gzip",
        b"Content-Encoding: gzip\r\nContent-Length: 15\r\n\r\n" + gzip.compress(b"{}" * 50)[:15],
        b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"Content-Length: 100\r\n\r\ncut",
        b"Content-Type: application/x-protobuf\r\nContent-Length: 3\r\n\r\n\xff\xff\xff",
        b'Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{"partialSucce',
        b"Content-Length: 3000000\r\n\r\n" + b"x" * 3_000_000,
    ],
    ids=[
        "no gzip",
        "half a gzip",
        "another encoding",
        "no chunk",
        "half a chunk",
        "cut off",
        "no protobuf",
        "half a JSON",
        "3 MB",
    ],
)
def test_a_200_whose_body_cannot_be_read_is_a_delivery(answer: bytes, listen: Listen) -> None:
    def talk(connection: socket.socket) -> None:
        answering(_OK + answer, seen)(_Once(connection))  # type: ignore[arg-type]  # a socket that ends

    seen: list[Request] = []
    assert _posted(listen(talk).url, 5.0).verdict is Verdict.DELIVERED
    assert len(seen) == 1


def test_a_partial_success_is_read_from_a_compressed_answer_too(listen: Listen) -> None:
    said = gzip.compress(b'{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "old"}}')
    head = b"Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(
        said
    )

    result = _posted(listen(answering(_OK + head + said, [])).url)

    assert (result.verdict, result.rejected, result.detail) == (Verdict.DELIVERED, 3, "old")


def test_a_compressed_bomb_is_read_to_its_bound(listen: Listen) -> None:
    bomb = gzip.compress(b'{"a": "' + b"x" * 20_000_000)
    head = b"HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
    server = listen(answering(head + b"Content-Length: %d\r\n\r\n" % len(bomb) + bomb, []))

    assert len(_posted(server.url, 5.0).detail) <= 200


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_itself_is_asked_once(status: int, listen: Listen) -> None:
    seen: list[Request] = []
    server = listen(answering(b"", seen))
    answer = f"HTTP/1.1 {status} Moved\r\nLocation: {server.url}/v1/traces\r\nContent-Length: 0\r\n\r\n"
    server.talk = answering(answer.encode(), seen)

    result = _posted(server.url)

    assert result.verdict is Verdict.REFUSED
    assert "a redirect to" in result.detail
    assert len(seen) == 1


def test_endless_headers_are_bounded_in_bytes_as_well(listen: Listen) -> None:
    server = listen(for_ever(_OK, b"X-Long: " + b"a" * 60_000 + b"\r\n", every=0))

    assert _posted(server.url, 10.0).verdict is Verdict.PASSING


class _Once:
    """A connection that ends after one request."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._over = connection, False

    def recv(self, size: int) -> bytes:
        return b"" if self._over else self._connection.recv(size)

    def sendall(self, data: bytes) -> None:
        self._over = True
        self._connection.sendall(data)
