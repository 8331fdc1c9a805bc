"""One request, bounded: where it may go, what is added to it, and what comes back."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from support.receiver import free_port

from outworx_otel.server.replay import Outgoing, ReplayError, send, target_url
from outworx_otel.server.replay.sending import MAX_ANSWER

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class RawServer:
    """Takes one connection after another, keeps the bytes that came, and answers with what it was given."""

    def __init__(self, answer: bytes) -> None:
        self.heads: list[bytes] = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.heads.append(_received(connection))
                try:
                    connection.sendall(self._answer)
                except OSError:
                    continue

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


def _received(connection: socket.socket) -> bytes:
    """A whole request: closed with bytes unread, a connection is reset."""
    request = b""
    while not _is_whole(request):
        piece = connection.recv(65536)
        if not piece:
            break
        request += piece
    return request


def _is_whole(request: bytes) -> bool:
    head, blank, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return bool(blank) and (length is None or len(body) >= int(length[1]))


@pytest.fixture
def raw() -> Iterator[Callable[[bytes], RawServer]]:
    started: list[RawServer] = []

    def start(answer: bytes = OK) -> RawServer:
        started.append(RawServer(answer))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def _request(url: str, *headers: tuple[str, str], body: bytes = b"{}") -> Outgoing:
    return Outgoing("POST", url, headers, body, True)


def test_nothing_is_added_to_the_head_but_what_the_connection_needs(raw: Callable[..., RawServer]) -> None:
    server = raw()

    send(_request(f"http://127.0.0.1:{server.port}/a%20b?x=%2F", ("X-One", "\xe9"), ("X-One", "2")))

    head, _, body = server.heads[0].partition(b"\r\n\r\n")
    assert head.splitlines() == [
        b"POST /a%20b?x=%2F HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}".encode(),
        b"X-One: \xe9",
        b"X-One: 2",
        b"Content-Length: 2",
    ]
    assert body == b"{}"


def test_a_redirect_is_an_answer_and_is_not_followed(raw: Callable[..., RawServer]) -> None:
    server = raw(b"HTTP/1.1 307 T\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")

    assert send(_request(f"http://127.0.0.1:{server.port}/")).status == 307
    assert len(server.heads) == 1


def test_a_long_answer_is_cut(raw: Callable[..., RawServer]) -> None:
    server = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)

    answer = send(_request(f"http://127.0.0.1:{server.port}/"))

    assert (len(answer.body), answer.cut) == (MAX_ANSWER, True)


def test_a_server_that_says_nothing_costs_the_time_out(raw: Callable[..., RawServer]) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    try:
        with pytest.raises(ReplayError, match=r"did not answer within 0\.2 s"):
            send(_request(f"http://127.0.0.1:{listener.getsockname()[1]}/"), timeout=0.2)
    finally:
        listener.close()


@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000])
def test_what_is_no_http_is_said(answer: bytes, raw: Callable[..., RawServer]) -> None:
    server = raw(answer)

    with pytest.raises(ReplayError, match="no answer from"):
        send(_request(f"http://127.0.0.1:{server.port}/"))


@pytest.mark.parametrize(
    "request_",
    [
        _request("http://127.0.0.1:1/", ("X-Split", "a\r\nX-Other: b")),
        _request("http://127.0.0.1:1/", ("X Split", "a")),
        _request("http://127.0.0.1:1/", ("X-\u0142", "a")),
        Outgoing("PO ST", "http://127.0.0.1:1/", (), b"", True),
    ],
    ids=["value", "name", "letter", "method"],
)
def test_what_cannot_stand_in_a_head_is_not_sent(request_: Outgoing, raw: Callable[..., RawServer]) -> None:
    server = raw()
    with pytest.raises(ReplayError):
        send(Outgoing(request_.method, f"http://127.0.0.1:{server.port}/", request_.headers, b"", True))

    assert all(b"X-Other" not in head for head in server.heads)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.8.9.1"])
def test_loopback_only_reaches_this_machine_by_the_name_that_was_given(
    host: str, raw: Callable[..., RawServer]
) -> None:
    server = raw()
    if host == "127.8.9.1":
        with pytest.raises(ReplayError, match="nothing listens"):
            send(_request(f"http://{host}:{server.port}/"), loopback_only=True)
        return

    assert send(_request(f"http://{host}:{server.port}/"), loopback_only=True).status == 200
    assert f"Host: {host}:{server.port}".encode() in server.heads[0]


@pytest.mark.parametrize(
    "host",
    ["192.0.2.1", "[2001:db8::1]", "0", "169.254.169.254", "2130706433.example", "[::ffff:192.0.2.1]"],
)
def test_loopback_only_refuses_every_other_host(host: str) -> None:
    with pytest.raises(ReplayError, match=r"is not this machine|cannot be looked up"):
        send(_request(f"http://{host}:9/"), loopback_only=True)


def test_a_name_that_also_means_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # No name server is asked in a test.
    entries = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in ("127.0.0.1", "192.0.2.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)

    with pytest.raises(ReplayError, match="is not this machine"):
        send(_request("http://both.example:9/"), loopback_only=True)


def test_the_address_that_was_looked_at_is_the_one_that_is_called(
    raw: Callable[..., RawServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, real, asked = raw(), socket.getaddrinfo, []

    def rebinding(host: str, *more: object, **named: object) -> object:
        asked.append(host)
        # The first answer is harmless, every later one would be another machine.
        address = "127.0.0.1" if len(asked) == 1 else "192.0.2.1"
        return real(address if host == "rebinding.example" else host, *more, **named)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)

    assert send(_request(f"http://rebinding.example:{server.port}/"), loopback_only=True).status == 200
    assert asked.count("rebinding.example") == 1


def test_a_closed_port_is_said_in_plain_words() -> None:
    with pytest.raises(ReplayError, match="is the application running there"):
        send(_request(f"http://127.0.0.1:{free_port()}/"))


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("3000", "http://localhost:3000/"),
        ("3000/a?b=1", "http://localhost:3000/a?b=1"),
        (":3000/a", "http://localhost:3000/a"),
        ("localhost:8080", "http://localhost:8080/"),
        (" https://x.example/a%20b ", "https://x.example/a%20b"),
        ("http://[::1]:3000/x#y", "http://[::1]:3000/x"),
    ],
)
def test_the_shorthands_of_a_target(text: str, url: str) -> None:
    assert target_url(text) == url


@pytest.mark.parametrize(
    "text", ["", "ftp://x", "http://", "http://x:99999", "a b", "http://u:p@x/", "http://x\n"]
)
def test_what_is_no_target_is_refused_without_quoting_a_password(text: str) -> None:
    if text == "http://x\n":
        assert target_url(text) == "http://x/"
        return
    with pytest.raises(ValueError, match=r"address") as raised:
        target_url(text)

    assert "u:p" not in str(raised.value)
