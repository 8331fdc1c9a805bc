"""What no client sends, byte by byte."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.serve_command import Command

OK = b"HTTP/1.1 200"
CLOSE = b"Connection: close\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    directory: Path = tmp_path_factory.mktemp("wire")
    command = Command(directory, ("--api-key", "a-key-of-the-wire")).start()
    yield command
    command.kill()


def send(server: Command, request: bytes) -> bytes:
    """All that is answered until the server closes, or has nothing to say."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.settimeout(5)
        answer = b""
        try:
            connection.sendall(request)
            while piece := connection.recv(65_536):
                answer += piece
        except ConnectionError:
            pass
        return answer


def test_the_plain_request_is_answered(server: Command) -> None:
    answer = send(server, HEALTH + CLOSE)
    assert answer.startswith(OK)
    assert b"server: uvicorn" not in answer.lower()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 30\r\n\r\nabc",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: +3\r\n\r\nabc",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3, 30\r\n\r\nabc",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n"[:-2] + b"X\r\n\r\n",
        b"GET http://evil.example/api/deliveries HTTP/1.1\r\nHost: localhost\r\n" + CLOSE,
        b"GET http://localhost/api/deliveries HTTP/1.1\r\nHost: evil.example\r\n" + CLOSE,
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n" + CLOSE,
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n" + CLOSE,
        b"GET /health z HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        HEALTH + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
        HEALTH + b"".join(b"X-%d: 1\r\n" % number for number in range(20_000)) + b"\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=range(21),
)
def test_what_is_no_good_request_is_refused(server: Command, request_bytes: bytes) -> None:
    answer = send(server, request_bytes)
    assert OK not in answer
    assert b"deliveries" not in answer.partition(b"\r\n\r\n")[2]
    assert answer == b"" or answer.split()[1] in (b"400", b"421", b"431"), answer[:200]
    assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_a_length_beside_chunks_does_not_smuggle_a_second_request(server: Command) -> None:
    smuggled = HEALTH + CLOSE
    request = (
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\n" % (5 + len(smuggled))
    ) + smuggled
    answers = send(server, request)
    # Either refused, or read as chunks by the rules, the next request then being one of its own on this connection.
    assert answers.split()[1] in (b"400", b"403")


def test_a_body_that_was_not_wanted_does_not_spoil_the_next_request(server: Command) -> None:
    refused = b"POST /api/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
    answers = send(server, refused + HEALTH + CLOSE)
    assert answers.startswith(b"HTTP/1.1 401")
    assert answers.count(b"HTTP/1.1 ") == 2
    assert OK in answers


def test_a_host_that_is_not_ours_is_misdirected(server: Command) -> None:
    answer = send(server, b"GET /login HTTP/1.1\r\nHost: evil.example\r\n" + CLOSE)
    assert answer.startswith(b"HTTP/1.1 421")


def test_an_old_client_without_a_host_is_refused(server: Command) -> None:
    assert send(server, b"GET /login HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 421")
