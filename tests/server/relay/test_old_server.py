"""`outworx forward` against a server that knows only the calls as they have always been."""

from __future__ import annotations

import gzip

import pytest

from .old_server import OldServer
from .waiting import wait_for


@pytest.fixture
def old(started):
    server = OldServer()
    started.callback(server.stop)
    return server.start()


EVENT = {
    "id": "e1",
    "method": "POST",
    "path": "/webhooks/stripe",
    "query_string": "a=1&b=%2F",
    "request_headers": {"content-type": "application/json", "x-outworx-tunnel": "8b3a", "host": "hooks.test"},
    "request_body": '{"type": "charge.succeeded", "name": "Zoë"}',
}


def test_a_delivery_there_and_back(old, forward, application):
    local = application(
        b"HTTP/1.1 201 Created\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 4\r\nConnection: close\r\n\r\n\xc3\xbcok"
    )
    client = forward(old, local.port, OUTWORX_API_KEY="sk_live_1")
    assert client.out.splitlines()[:4] == [
        f"  outworx forward  →  http://localhost:{local.port}",
        "  Public URL:  https://hooks.test/t/8b3a9f1c2d4e5061",
        "  Expires:     2026-11-07T16:18:42Z",
        "  Press Ctrl+C to stop.",
    ]
    old.events = [EVENT]
    response = old.response_to("e1")
    ((lines, body),) = local.requests
    assert lines[0] == b"POST /webhooks/stripe?a=1&b=%2F HTTP/1.1"
    assert b"host: localhost:%d" % local.port in [line.lower() for line in lines]
    assert body == EVENT["request_body"].encode()
    assert (response["status"], response["body"]) == (201, "üok")
    # The connection is nobody else's business, and the length is that of other bytes.
    assert response["headers"] == {"x-a": "1, 2"}
    assert isinstance(response["durationMs"], int)
    client.says(r"  \d\d:\d\d:\d\d  POST /webhooks/stripe  201  \d+ms")
    assert client.interrupt() == 0
    assert old.ended == ["/api/forward/sessions/session-1"]
    # Nothing is asked for that such a server may not know.
    assert old.opened == [{"destination_url": f"http://localhost:{local.port}"}]
    assert all(asked == {"session": ["session-1"]} for asked in old.polls)
    assert old.keys == {"Bearer sk_live_1"}


def test_what_an_event_may_lack(old, forward, application):
    local = application()
    forward(old, local.port)
    old.events = [
        {"id": "e1", "method": "GET", "path": "/x"},
        {"id": "e2", "method": "GET", "path": "x", "query_string": None, "request_headers": None},
        {"id": "e3", "method": "GET", "path": "/x", "request_headers": {"x-r": ["1", "2"]}, "unknown": [1]},
        {"id": "e4", "method": "GET", "path": "/x", "query_string": "?", "request_body": None},
    ]
    assert {old.response_to(f"e{number}")["status"] for number in range(1, 5)} == {200}
    assert {lines[0] for lines, _ in local.requests} == {b"GET /x HTTP/1.1"}


def test_a_compressed_answer_is_handed_on_as_the_text_that_it_is(old, forward, application):
    packed = gzip.compress("ü".encode())
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    forward(old, application(head + packed).port)
    old.events = [EVENT]
    response = old.response_to("e1")
    assert response["body"] == "ü"
    assert response["headers"] == {}


def test_a_path_or_method_that_no_request_line_can_hold_is_a_502(old, forward, application):
    local = application()
    client = forward(old, local.port)
    old.events = [
        EVENT | {"path": "/a b\r\nX-Injected: 1"},
        EVENT | {"id": "e2", "method": "GET /x HTTP/1.1\r\nA:"},
    ]
    assert old.response_to("e1")["status"] == old.response_to("e2")["status"] == 502
    assert local.requests == []
    client.says(r"502  \d+ms  http://localhost:\d+ .*cannot be asked for this")
    assert "\r\nX-Injected" not in client.out


def test_more_than_there_is_room_for_waits_its_turn(old, forward, site):
    forward(old, site.port, "--concurrency", 3)
    old.events = [EVENT | {"id": f"e{number}"} for number in range(20)]
    assert {old.response_to(f"e{number}")["status"] for number in range(20)} == {200}


def test_a_server_that_was_away_is_polled_again(old, forward, application):
    client = forward(old, application().port)
    old.stop()
    client.says("lost")
    old.start()
    old.events = [EVENT]
    assert old.response_to("e1")["status"] == 200
    client.says("back; ")
    assert len(old.opened) == 1


def test_a_session_that_is_gone_is_replaced_and_the_new_url_is_said(old, forward, application):
    client = forward(old, application().port)
    wait_for(lambda: old.polls)
    # As another client would, or a server that has forgotten.
    old.opened.append({})
    client.says(r"point the provider at its URL\n  Public URL:  https://hooks\.test/t/8b3a9f1c2d4e5063")
    old.events = [EVENT]
    assert old.response_to("e1")["status"] == 200


def test_a_key_that_is_revoked_while_it_runs_ends_it(old, forward):
    client = forward(old, 3000, OUTWORX_API_KEY="sk_live_1")
    old.status = 401
    assert client.wait() == 1
    assert "rejects this API key (401 scripted); set OUTWORX_API_KEY" in client.err


def test_no_proxy_stands_between_it_and_the_local_server(old, forward, application):
    local = application()
    forward(old, local.port, HTTP_PROXY="http://127.0.0.1:9", NO_PROXY="127.0.0.1")
    old.events = [EVENT]
    assert old.response_to("e1")["status"] == 200


def test_a_server_that_forgets_every_session_at_once_is_not_pestered(old, forward):
    client = forward(old, 3000)
    wait_for(lambda: old.polls)
    old.forgets = True
    client.says(r"lost \(404 no such session\); trying again in 2 s")
    # The first time at once, and then only after ever longer waits.
    assert len(old.opened) <= 3
