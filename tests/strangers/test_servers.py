"""Whatever server speaks: a body whose length nobody announced is verified, and nothing stays in a connection."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from door.site import event
from support import deliveries
from support.deliveries import JSON, WRONG
from support.scale import rows

from .serving import KINDS, Running, running

METHODS = rows(["GET", "REPORT", "POST"], ["DELETE", "PUT"])


@pytest.fixture(scope="module", params=KINDS, ids=str)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(request.param, tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def served(shared: Running) -> Running:
    shared.forget()
    return shared


def verified(served: Running, count: int) -> list[dict[str, Any]]:
    """The spans of deliveries that were verified, when so many are there: they end when their answer has gone."""
    until = time.monotonic() + 5
    while True:
        found = [span for span in served.deliveries() if span["valid"]]
        if len(found) >= count or time.monotonic() > until:
            return found
        time.sleep(0.01)


@pytest.mark.parametrize("method", METHODS)
def test_the_server_hands_the_body_on(method: str, served: Running) -> None:
    body = event()
    assert served.send(method, "/open", body, JSON) == 200
    assert served.ran() == [body]


@pytest.mark.parametrize("method", METHODS)
def test_a_forged_body_of_unknown_length_runs_nothing(method: str, served: Running) -> None:
    body = event()
    forged = (JSON, deliveries.stripe(body, WRONG), deliveries.stripe(b""))
    assert [served.send(method, "/hook", body, headers) for headers in forged] == [401] * 3
    assert served.ran() == []


@pytest.mark.parametrize("method", METHODS)
def test_a_genuine_body_of_unknown_length_runs_once(method: str, served: Running) -> None:
    body = event()
    assert served.send(method, "/hook", body, deliveries.stripe(body)) == 200
    assert served.ran() == [body]
    assert [(span["status"], span["parent"]) for span in verified(served, 1)] == [(200, None)]


@pytest.mark.parametrize("method", METHODS)
def test_a_path_of_a_mounted_application_is_closed(method: str, served: Running) -> None:
    if "starlette" not in served.kind.name:
        # The other applications have no such path: nobody serves it, verified or not.
        assert served.send(method, "/mounted", b"", JSON) in (401, 404)
        return
    body = event()
    assert served.send(method, "/mounted/", body, JSON) in (401, 404)
    assert served.send(method, "/mounted/", body, deliveries.stripe(b"")) == 401
    assert served.ran() == []


@pytest.mark.parametrize("size", [10, 70_000, 300_000])
def test_a_connections_next_request_is_below_no_delivery_that_is_over(size: int, served: Running) -> None:
    """uvicorn's event loop runs later requests of a connection in the context of one whose body was over 64 KiB."""
    large = json.dumps({"id": "evt", "type": "t", "pad": "x" * size}).encode()
    small = event()
    if served.kind.http2:
        answers = over_one_http2_connection(served, large, small)
    else:
        answers = over_one_connection(served, large, small)
    assert [status for status, _ in answers] == [200, 200, 200, 200]
    assert served.ran() == [large, small]
    contexts = [json.loads(answer) for status, answer in answers[1::2]]
    assert [context["delivery"] for context in contexts] == [False, False]
    assert [span["parent"] for span in verified(served, 2)] == [None, None]


def over_one_connection(served: Running, large: bytes, small: bytes) -> list[tuple[int, bytes]]:
    """A delivery, a question, a delivery, a question, on one socket."""
    connection = http.client.HTTPConnection("127.0.0.1", served.server.port, timeout=20)
    answers = []
    try:
        for body in (large, small):
            connection.request("POST", "/hook", body, dict(deliveries.stripe(body)))
            response = connection.getresponse()
            answers.append((response.status, response.read()))
            connection.request("GET", "/context")
            response = connection.getresponse()
            answers.append((response.status, response.read()))
    finally:
        connection.close()
    return answers


def over_one_http2_connection(served: Running, large: bytes, small: bytes) -> list[tuple[int, bytes]]:
    answers = []
    with served.client() as client:
        for body in (large, small):
            response = client.post("/hook", content=body, headers=dict(deliveries.stripe(body)))
            answers.append((response.status_code, response.content))
            response = client.get("/context")
            answers.append((response.status_code, response.content))
    return answers
