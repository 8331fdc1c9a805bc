"""What the relay promises to callers and to clients, call by call."""

from __future__ import annotations

import time

import pytest

from .waiting import wait_for


def test_a_caller_gets_the_answer_of_the_client(serve, connect, callers):
    client = connect(serve(), name="a")
    session = client.open()
    caller = callers.send(session["ingressUrl"] + "/hooks?x=1", content=b"\x00\xff")
    (event,) = client.poll()
    assert (event["method"], event["path"], event["query_string"]) == ("POST", "/hooks", "x=1")
    assert client.respond(event, 201, b"\xfe", headers=[["X-A", "1"], ["x-a", "2"]]) == 200
    answer = caller.result()
    assert (answer.status_code, answer.content) == (201, b"\xfe")
    assert answer.headers.get_list("x-a") == ["1", "2"]
    assert answer.headers["x-outworx-tunnel"] == session["slug"]
    assert answer.headers["content-security-policy"] == "sandbox"


def test_an_old_client_gets_text_and_may_answer_in_text(serve, connect, callers):
    client = connect(serve())
    client.open()
    caller = callers.send(
        client.public_url + "/a", content="é".encode(), headers=[("x-r", "1"), ("x-r", "2")]
    )
    (event,) = client.poll()
    assert event["request_body"] == "é"
    assert event["request_headers"]["x-r"] == "1, 2"
    client.respond(event, 200, "ü".encode(), headers={"content-encoding": "gzip", "content-length": "77"})
    # Its text is no gzip any more, whatever its headers say.
    assert caller.result().content == "ü".encode()
    assert "content-encoding" not in caller.result().headers


def test_a_caller_that_nobody_answers_gets_a_504_that_says_who_was_missing(serve, connect, callers):
    client = connect(serve(response_timeout=0.3), name="a")
    client.open()
    answer = callers.send(client.public_url).result()
    assert (answer.status_code, answer.text) == (504, "No client is connected to this tunnel.\n")
    caller = callers.send(client.public_url)
    (event,) = client.poll()
    assert (caller.result().status_code, caller.result().text) == (
        504,
        "The local server did not answer in time.\n",
    )
    assert client.respond(event) == 404


def test_a_body_beyond_the_limit_gets_413_with_and_without_a_length(serve, connect, callers):
    client = connect(serve(max_body_bytes=1000), name="a")
    client.open()
    assert callers.send(client.public_url, content=b"x" * 1001).result().status_code == 413
    assert callers.send(client.public_url, content=iter([b"x" * 600] * 2)).result().status_code == 413
    caller = callers.send(client.public_url, content=b"x" * 1000)
    (event,) = client.poll()
    assert client.respond(event, 200, b"y" * 1001) == 413
    assert client.respond(event, 200, b"y" * 1000) == 200
    assert caller.result().status_code == 200


def test_an_unknown_url_is_404_and_one_that_is_over_410(serve, connect, callers):
    now = time.time()
    moments = [now]
    serving = serve(relay_clock=lambda: moments[-1])
    client = connect(serving, name="a")
    session = client.open()
    assert session["expiresAt"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(now + 86_400)))
    assert callers.send(f"{serving.url}/t/{'0' * 32}").result().status_code == 404
    assert callers.send(f"{serving.url}/t/x").result().status_code == 404
    moments.append(now + 86_401)
    assert callers.send(client.public_url).result().status_code == 410
    assert (
        client.call("GET", "/api/forward/poll", params={"session": session["sessionId"]}).status_code == 404
    )
    # The secret itself says when its time is over.
    again = client.call("POST", "/api/forward/sessions", json={"resume": session["resume"]})
    assert again.status_code == 410


def test_an_ended_session_lets_its_callers_go_and_is_over(serve, connect, callers):
    serving = serve()
    client = connect(serving, name="a")
    client.open()
    caller = callers.send(client.public_url)
    wait_for(lambda: serving.on_loop(lambda: serving.relay.held) == 1)
    assert client.end() == 200
    assert caller.result().status_code == 503
    assert callers.send(client.public_url).result().status_code == 410
    assert client.end() == 404


def test_a_server_started_anew_gives_the_same_url_to_whoever_has_the_secret(serve, connect, callers):
    first, second = serve(), serve()
    session = connect(first, name="a").open()
    client = connect(second, name="a")
    resumed = client.open(resume=session["resume"])
    assert resumed["slug"] == session["slug"]
    assert resumed["expiresAt"] == session["expiresAt"]
    assert resumed["sessionId"] != session["sessionId"]
    caller = callers.send(client.public_url)
    (event,) = client.poll()
    client.respond(event)
    assert caller.result().status_code == 200


@pytest.mark.parametrize(
    "secret",
    ["", "x", "1." + "0" * 64, f"{10**11}.{'0' * 64}", f"{int(time.time()) + 86_400 * 3}.{'0' * 64}"],
    ids=["empty", "short", "long over", "far ahead", "three days"],
)
def test_a_secret_that_was_not_given_out_or_asks_for_too_long_is_refused(serve, connect, secret):
    answer = connect(serve()).call("POST", "/api/forward/sessions", json={"resume": secret})
    assert answer.status_code in (400, 410)


def test_a_session_belongs_to_its_key(serve, connect, callers):
    serving = serve()
    owner, stranger = connect(serving, name="a"), connect(serving, key="key-2", name="b")
    session = owner.open()
    stranger.join(owner)
    assert (
        stranger.call("POST", "/api/forward/sessions", json={"resume": session["resume"]}).status_code == 403
    )
    assert (
        stranger.call("GET", "/api/forward/poll", params={"session": session["sessionId"]}).status_code == 404
    )
    assert stranger.end() == 404
    caller = callers.send(owner.public_url)
    (event,) = owner.poll()
    assert stranger.respond(event) == 404
    assert owner.respond(event) == 200
    assert caller.result().status_code == 200


def test_sessions_are_bounded_for_each_key_and_in_all(serve, connect):
    serving = serve(max_sessions_per_key=2, max_sessions=3)
    first, second = connect(serving), connect(serving, key="key-2")
    for client in (first, first, second):
        client.open()
    for client in (first, second):
        refused = client.call("POST", "/api/forward/sessions", json={})
        assert refused.status_code == 429
        assert "session" in refused.json()["error"]
    assert second.end() == 200
    second.open()
