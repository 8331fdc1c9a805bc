"""Bytes that nobody sends in good faith, over raw sockets, and answers that no server should give."""

from __future__ import annotations

import contextlib
import socket

import pytest

from .waiting import wait_for
from .wire import connected, raw_exchange


def head(slug: str, *lines: str, target: str = "", method: str = "POST") -> bytes:
    named = any(line.lower().startswith("host") for line in lines)
    given = [f"{method} {target or f'/t/{slug}/x'} HTTP/1.1", *([] if named else ["Host: x.test"]), *lines]
    return ("\r\n".join(given) + "\r\n\r\n").encode("latin-1")


@pytest.mark.parametrize(
    "host",
    [
        "evil.test/@x",
        "a b",
        "evil.test:99999999",
        'x"y',
        "x'y",
        "<script>",
        "user@x.test",
        "x,y",
        "é.test",
        "x\ty",
        "",
        "[::1",
        "x%0d%0ay",
    ],
)
def test_a_host_that_is_none_is_refused(session, host):
    serving, client = session
    answer = raw_exchange(serving.port, head(client.session["slug"], f"Host: {host}", "Content-Length: 0"))
    assert answer.startswith(b"HTTP/1.1 400")
    assert client.poll() == []


@pytest.mark.parametrize(
    "lines",
    [
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Transfer-Encoding: identity, chunked"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding : chunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: +5"],
        ["Content-Length: 5, 6"],
        ["Content-Length: -1"],
        ["Host: a.test", "Host: b.test"],
    ],
)
def test_a_head_that_servers_read_differently_smuggles_nothing(session, lines):
    serving, client = session
    slug = client.session["slug"]
    smuggled = head(slug, "Content-Length: 0", target=f"/t/{slug}/smuggled")
    body = b"0\r\n\r\n"
    raw_exchange(serving.port, head(slug, *lines) + body + smuggled)
    events = client.poll()
    # Either it is refused, or read in the one way that the specification allows; never into a second path.
    assert [event["path"] for event in events if event["path"] != "/x"] in ([], ["/smuggled"])
    for event in events:
        names = [name for name, _ in event["headers"]]
        assert "transfer-encoding" not in names
        assert "content-length" not in names
        assert smuggled not in event["body_base64"].encode()


@pytest.mark.parametrize(
    "path",
    [
        "/../../api/forward/poll",
        "/..",
        "/a/../b",
        "/./x",
        "/%2e%2e/x",
        "/.%2E/x",
        "/a/%2e%2E%2fapi",
        "/..%5cx",
        "/..\\x",
        "/a/..;/b",
        "/..%2f..%2fapi",
    ],
)
def test_a_path_that_climbs_is_refused(session, path):
    serving, client = session
    slug = client.session["slug"]
    answer = raw_exchange(serving.port, head(slug, "Content-Length: 0", target=f"/t/{slug}{path}"))
    assert answer.startswith(b"HTTP/1.1 400")
    assert client.poll() == []


@pytest.mark.parametrize(
    "target",
    [
        "/t/../api/forward/poll",
        "/t//x",
        "/t/%2e%2e/x",
        "/t/{slug}%2fx",
        "/t/{SLUG}/x",
        "//t/{slug}/x",
        "/t/{slug}0/x",
        "/T/{slug}/x",
        "/x/../t/{slug}",
        "*",
        "http://x.test/t/{slug}/x",
    ],
)
def test_what_is_not_exactly_a_public_url_reaches_no_session(session, target):
    serving, client = session
    slug = client.session["slug"]
    answer = raw_exchange(
        serving.port,
        head(
            slug, "Content-Length: 0", "Connection: close", target=target.format(slug=slug, SLUG=slug.upper())
        ),
        half_close=False,
    )
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400"))
    assert client.poll() == []


def test_a_head_beyond_all_measure_is_refused(session):
    serving, client = session
    slug = client.session["slug"]
    for lines in (["X: " + "a" * 200_000], [f"X-{number}: {'a' * 100}" for number in range(2000)]):
        answer = raw_exchange(serving.port, head(slug, "Content-Length: 0", *lines))
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert client.poll() == []


def test_a_body_that_never_ends_is_stopped_at_the_limit(serve, connect):
    serving = serve(max_body_bytes=100_000)
    client = connect(serving, name="a")
    client.open()
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    with connected(serving.port) as connection:
        connection.sendall(head(client.session["slug"], "Transfer-Encoding: chunked"))
        for _ in range(4):
            connection.sendall(chunk)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")
        # It may go on; nothing of it is kept.
        with contextlib.suppress(OSError):
            for _ in range(50):
                connection.sendall(chunk)
        wait_for(lambda: serving.on_loop(lambda: serving.relay.bytes.used) == 0)


def test_a_body_that_does_not_come_is_waited_for_only_so_long(serve, connect):
    serving = serve(upload_timeout=0.3)
    client = connect(serving, name="a")
    client.open()
    with connected(serving.port) as connection:
        connection.sendall(head(client.session["slug"], "Content-Length: 100") + b"x" * 50)
        assert connection.recv(65536).startswith(b"HTTP/1.1 408")
    wait_for(lambda: serving.on_loop(lambda: serving.relay.bytes.used) == 0)


def test_a_caller_that_leaves_while_it_sends_frees_what_it_took(session):
    serving, client = session
    connection = socket.create_connection(("127.0.0.1", serving.port))
    connection.sendall(head(client.session["slug"], "Content-Length: 100000") + b"x" * 50_000)
    wait_for(lambda: serving.on_loop(lambda: serving.relay.bytes.used) > 0)
    connection.close()
    wait_for(lambda: serving.on_loop(lambda: serving.relay.bytes.used) == 0)
    assert client.poll() == []
