"""Through the relay and `outworx forward`, nothing changes on either leg but what a proxy has to change."""

from __future__ import annotations

import gzip
import hashlib
import os

import pytest

from .wire import raw_exchange


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00\xff\xfe" * 100, gzip.compress(b'{"a":1}'), '{"name":"Zoë 🎉"}'.encode(), b"a\r\nb\n\n"],
    ids=["empty", "binary", "gzip", "utf-8", "line ends"],
)
def test_bodies_are_the_same_bytes_in_both_directions(tunnel, callers, body):
    _, client, local = tunnel
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    local.answer = head + body
    with callers._http.stream(
        "POST", client.public_url, content=body, headers={"content-encoding": "gzip"}
    ) as answer:
        received = b"".join(answer.iter_raw())
    assert received == body
    assert answer.headers["content-encoding"] == "gzip"
    ((lines, arrived),) = local.requests
    assert arrived == body
    assert b"content-encoding: gzip" in lines


def test_ten_megabytes_pass_and_a_byte_more_does_not(tunnel, callers):
    _, client, local = tunnel
    body = os.urandom(10 * 1024 * 1024)
    local.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    answer = callers.send(client.public_url, content=body).result()
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(body).digest()
    ((_, arrived),) = local.requests
    assert hashlib.sha256(arrived).digest() == hashlib.sha256(body).digest()
    assert callers.send(client.public_url, content=body + b"x").result().status_code == 413
    local.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(body) + 1) + body + b"x"
    assert callers.send(client.public_url).result().status_code == 502


@pytest.mark.parametrize(
    "target",
    [
        "/hooks/a%2Fb%20c?q=%2f%2F&&x=+%20&x=2",
        "/",
        "/a//b///?",
        "/%00%ff;v=1?a[]=1&a[]='2'",
        '/{x}|"<>^`?{y}|"<>^`',
        "/%252e%252e/x",
    ],
)
def test_paths_and_queries_are_what_stood_in_the_request_line(tunnel, target):
    serving, client, local = tunnel
    slug = client.public_url.rpartition("/")[2]
    request = f"GET /t/{slug}{target} HTTP/1.1\r\nHost: x.test\r\nConnection: close\r\n\r\n"
    assert raw_exchange(serving.port, request.encode(), half_close=False).startswith(b"HTTP/1.1 200")
    ((lines, _),) = local.requests
    # A question mark with nothing behind it is all that ASGI does not tell.
    assert lines[0] == f"GET {target.removesuffix('?')} HTTP/1.1".encode()


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "X-Own", "get"]
)
def test_any_method_arrives_as_itself(tunnel, method):
    serving, client, local = tunnel
    local.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (b"" if method == "HEAD" else b"ok")
    slug = client.public_url.rpartition("/")[2]
    request = f"{method} /t/{slug}/x HTTP/1.1\r\nHost: x.test\r\nConnection: close\r\n\r\n".encode()
    answer = raw_exchange(serving.port, request, half_close=False)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"content-length: 2" in answer
    assert local.requests[0][0][0] == f"{method} /x HTTP/1.1".encode()


def test_repeated_headers_stay_apart_and_nothing_is_invented(tunnel):
    serving, client, local = tunnel
    local.answer = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nX-Latin: \xe9\r\nContent-Length: 0\r\n\r\n"
    slug = client.public_url.rpartition("/")[2]
    request = (
        f"POST /t/{slug}/x HTTP/1.1\r\nHost: pub.test\r\nX-R: 1\r\nX-R: 2\r\nX-Empty:\r\nX-Latin: é\r\n"
        "Content-Length: 2\r\nConnection: close, x-named\r\nX-Named: 1\r\nTE: trailers\r\nUpgrade: h2c\r\n"
        "Keep-Alive: 9\r\nProxy-Authorization: Basic eA==\r\nX-Forwarded-For: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\n"
        "X-Forwarded-Host: evil.test\r\nX-Real-IP: 9.9.9.9\r\nX-Outworx-Tunnel: forged\r\n"
        "Cookie: a=1; outworx_session=secret; b=2\r\n\r\nhi"
    ).encode("latin-1")
    answer = raw_exchange(serving.port, request, half_close=False)
    head = answer.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    assert [line for line in head if line.startswith(b"x-a:")] == [b"x-a: 1", b"x-a: 2"]
    assert b"x-latin: \xe9" in head
    ((lines, _),) = local.requests
    sent = sorted(
        line.lower() for line in lines[1:] if not line.lower().startswith(b"x-outworx-tunnel-event")
    )
    assert sent == sorted(
        [
            b"host: localhost:%d" % local.port,
            b"x-r: 1",
            b"x-r: 2",
            b"x-empty: ",
            b"x-latin: \xe9",
            b"content-length: 2",
            b"cookie: a=1; b=2",
            b"x-forwarded-for: 127.0.0.1",
            b"x-forwarded-proto: http",
            b"x-forwarded-host: pub.test",
            b"x-forwarded-prefix: /t/" + slug.encode(),
            b"x-outworx-tunnel: " + slug.encode(),
        ]
    )


def test_what_acts_on_the_whole_origin_does_not_come_from_a_tunnel(tunnel, callers):
    _, client, local = tunnel
    local.answer = (
        b"HTTP/1.1 302 Found\r\nSet-Cookie: outworx_session=forged\r\nSet-Cookie: a=1\r\nClear-Site-Data: *\r\n"
        b'Accept-CH: Sec-CH-UA-Model\r\nUse-As-Dictionary: match="/*"\r\nSecure-Session-Registration: (ES256)\r\n'
        b"Strict-Transport-Security: max-age=1\r\nService-Worker-Allowed: /\r\nLocation: http://other.test/\r\n"
        b"Content-Security-Policy: default-src 'self'\r\nConnection: x-hop\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n"
    )
    answer = callers.send(client.public_url, follow_redirects=False).result()
    assert answer.status_code == 302
    # Redirects are for the caller; the client follows none.
    assert answer.headers["location"] == "http://other.test/"
    policies = answer.headers.get_list("content-security-policy")
    assert policies == ["default-src 'self'", "sandbox"]
    for name in (
        "set-cookie",
        "accept-ch",
        "clear-site-data",
        "secure-session-registration",
        "strict-transport-security",
        "service-worker-allowed",
        "use-as-dictionary",
        "x-hop",
    ):
        assert name not in answer.headers


def test_on_its_own_port_the_relay_lets_cookies_pass_but_the_dashboards(serve, connect, callers):
    client = connect(serve(relay_own_port=4400, relay_public_url="https://tunnel.test"), name="a")
    session = client.open()
    assert session["ingressUrl"] == f"https://tunnel.test/t/{session['slug']}"
    caller = callers.send(f"{client.url}/t/{session['slug']}")
    (event,) = client.poll()
    # Browsers send the last one, which has no name, back as the first.
    forged = ["outworx_session=forged; Path=/", "=outworx_session=forged"]
    cookies = [["Set-Cookie", cookie] for cookie in ("a=1", *forged)]
    client.respond(event, headers=cookies)
    assert caller.result().headers.get_list("set-cookie") == ["a=1"]
    assert ["x-forwarded-proto", "https"] in event["headers"]
    assert ["x-forwarded-host", "tunnel.test"] in event["headers"]


def test_cookies_of_one_answer_are_not_sent_with_the_next_delivery(tunnel, callers):
    _, client, local = tunnel
    local.answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"
    for _ in range(2):
        callers.send(client.public_url).result()
    assert not any(line.lower().startswith(b"cookie") for lines, _ in local.requests for line in lines)


@pytest.mark.parametrize("status", [204, 304, 418, 599])
def test_statuses_pass(tunnel, callers, status):
    _, client, local = tunnel
    local.answer = b"HTTP/1.1 %d X\r\n%s\r\n" % (
        status,
        b"" if status in (204, 304) else b"Content-Length: 0\r\n",
    )
    assert callers.send(client.public_url).result().status_code == status


def test_a_chunked_answer_and_one_until_the_connection_closes_pass(tunnel, callers):
    _, client, local = tunnel
    for answer in (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nabc",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    ):
        local.answer = answer
        assert callers.send(client.public_url).result().content == b"abc"
