"""The published `outworx-hooks` 1.5.0 command line, unmodified, in an environment of its own, against our relay."""

from __future__ import annotations

import re

import pytest
from support.peer import KEY, peer_python

from .waiting import wait_for


@pytest.fixture
def peer(run):
    """Starts it, and gives its process and public URL."""
    command = peer_python().with_name("outworx")

    def start(server, port):
        process = run(
            str(command), "forward", str(port), f"--endpoint={server.url}", environ={"OUTWORX_API_KEY": KEY}
        )
        return process, process.says(r"Public URL: +(\S+)")[1]

    return start


def test_it_forwards_and_answers(serve, peer, application, callers):
    local = application(
        b"HTTP/1.1 201 Created\r\nX-A: 1\r\nContent-Length: 4\r\nConnection: close\r\n\r\n\xc3\xbcok"
    )
    # It ends when its last poll returns.
    process, url = peer(serve(poll_timeout=1), local.port)
    body = '{"type":"charge.succeeded","name":"Zoë"}'.encode()
    answer = callers.send(f"{url}/webhooks/stripe?a=1&b=%2F", content=body, headers={"x-own": "1"}).result()
    assert (answer.status_code, answer.text, answer.headers["x-a"]) == (201, "üok", "1")
    assert answer.headers["x-outworx-tunnel"] == url.rpartition("/")[2]
    ((lines, arrived),) = local.requests
    assert arrived == body
    assert lines[0] == b"POST /webhooks/stripe?a=1&b=%2F HTTP/1.1"
    sent = [line.lower() for line in lines]
    assert b"x-own: 1" in sent
    assert b"x-outworx-tunnel: " + url.rpartition("/")[2].encode() in sent
    process.says(r"\d\d:\d\d:\d\d  POST /webhooks/stripe  201  \d+ms")
    process.interrupt()
    assert callers.send(url).result().status_code == 410


def test_many_at_once_each_get_their_own_answer(server, peer, site, callers):
    _, url = peer(server, site.port)
    answers = [callers.send(f"{url}/{number}", content=b"body %d" % number) for number in range(30)]
    assert [answer.result().content for answer in answers] == [b"body %d" % number for number in range(30)]


def test_a_local_server_that_is_down_is_a_502(server, peer, callers):
    _, url = peer(server, 1)
    assert callers.send(url).result().status_code == 502


def test_it_shares_a_server_with_our_own_client(server, peer, forward, application, callers):
    theirs, ours = application(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nt"), application()
    _, url = peer(server, theirs.port)
    client = forward(server, ours.port)
    assert callers.send(url).result().text == "t"
    assert callers.send(client.public_url).result().text == "ok"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/t/[0-9a-f]{32}", url)
    wait_for(lambda: len(theirs.requests) == len(ours.requests) == 1)
