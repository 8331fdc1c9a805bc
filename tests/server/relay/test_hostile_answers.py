"""Answers that no server should give, and calls that no client should make."""

from __future__ import annotations

import pytest

HEADERS = [
    [["X-A", "1\r\nX-Injected: 1"]],
    [["X-A", "1\nX-Injected: 1"]],
    [["X-A\r\nX-Injected", "1"]],
    [["X-A: 1\r\nX-Injected", "1"]],
    [["X-A", "\x00"]],
    [["X A", "1"]],
    [["", "1"]],
    [["X-A", "→"]],
    [["Content-Length", "5"], ["Content-Length", "6"]],
    [["Transfer-Encoding", "chunked"]],
    [["Connection", "upgrade"], ["Upgrade", "h2c"]],
    [["Trailer", "x-injected"]],
]


@pytest.mark.parametrize("headers", HEADERS)
def test_an_answers_headers_cannot_break_out_of_its_head(session, callers, headers):
    _, client = session
    caller = callers.send(client.public_url)
    (event,) = client.poll()
    client.respond(event, 200, b"body", headers=headers)
    answer = caller.result()
    assert (answer.status_code, answer.content) == (200, b"body")
    assert "x-injected" not in answer.headers
    assert answer.headers.get_list("content-length") == ["4"]
    assert "transfer-encoding" not in answer.headers
    assert "upgrade" not in answer.headers


@pytest.mark.parametrize("length", ["\u0663", "9" * 5000, "-1", "1, 1"])
def test_an_impossible_length_of_an_answer_to_head_is_left_out(session, callers, length):
    _, client = session
    caller = callers.send(client.public_url, "HEAD")
    (event,) = client.poll()
    client.respond(event, headers=[["Content-Length", length]])
    assert caller.result().status_code == 200
    assert "content-length" not in caller.result().headers


@pytest.mark.parametrize("kind", ["script", "style", "worker", "iframe", "object"])
def test_a_page_of_the_dashboard_gets_no_script_out_of_a_tunnel(session, callers, kind):
    _, client = session
    headers = {"sec-fetch-site": "same-origin", "sec-fetch-dest": kind}
    assert callers.send(client.public_url, "GET", headers=headers).result().status_code == 403
    # As the tunnelled pages ask, whose origin is their own.
    caller = callers.send(client.public_url, "GET", headers={**headers, "sec-fetch-site": "cross-site"})
    (event,) = client.poll()
    client.respond(event)
    assert caller.result().status_code == 200


@pytest.mark.parametrize("status", [0, 99, 100, 101, 199, 600, 1000, -1])
def test_an_answer_with_an_impossible_status_becomes_a_502(session, callers, status):
    _, client = session
    caller = callers.send(client.public_url)
    (event,) = client.poll()
    client.respond(event, status)
    assert caller.result().status_code == 502


def test_an_answer_with_a_monstrous_head_becomes_a_502(session, callers):
    _, client = session
    for headers in ([["x", "a" * 70_000]], [["x", "a"]] * 300):
        caller = callers.send(client.public_url)
        (event,) = client.poll()
        client.respond(event, headers=headers)
        assert caller.result().status_code == 502


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX-A: 1\rX-Injected: 1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\n: no name\r\nContent-Length: 0\r\n\r\n",
        b"not HTTP at all\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    ],
    ids=["bare CR", "two lengths", "cut short", "no name", "no HTTP", "nothing", "monstrous"],
)
def test_a_local_server_that_speaks_no_http_is_a_502_and_is_said(tunnel, callers, request, answer):
    _, client, local = tunnel
    local.answer = answer
    name = request.node.callspec.id.replace(" ", "-")
    assert callers.send(f"{client.public_url}/{name}").result().status_code == 502
    client.says(rf"  POST /{name}  502  \d+ms  http://localhost:\d+ (broke off|failed)")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"eventId": 5}',
        b'{"eventId":"x","status":"200"}',
        b"\xff",
        b"[" * 100_000,
        b'{"eventId":"x","status":200,"body_base64":"%%%"}',
        b'{"eventId":"x","status":200,"headers":[["a"]]}',
    ],
)
@pytest.mark.parametrize("path", ["/api/forward/sessions", "/api/forward/responses"])
def test_calls_that_are_not_what_they_should_be_are_refused_in_words(session, path, body):
    _, client = session
    answer = client.call("POST", path, content=body)
    if path.endswith("sessions") and body == b"":
        assert answer.status_code == 200
        return
    assert answer.status_code in (200, 400, 404, 413)
    if answer.status_code != 200:
        assert answer.json()["error"]


@pytest.mark.parametrize("query", ["", "session=", "session=x", "session=%00&client=%ff&ack=-1&max=1e9"])
def test_polls_for_no_session_are_404(session, query):
    _, client = session
    assert client.call("GET", f"/api/forward/poll?{query}").status_code == 404


@pytest.mark.parametrize(
    "query", ["ack=-1", "ack=x", "max=-5", "max=99999999999999999999", "client=%00%ff&max=%00"]
)
def test_numbers_that_are_none_count_as_not_given(session, query):
    _, client = session
    name = client.session["sessionId"]
    assert client.call("GET", f"/api/forward/poll?session={name}&{query}").status_code == 200
