"""Replay of what is still unhandled: a dry run first, then a page that says what became of each event."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.process import wait_until

from outworx_otel.server.model import Batch, StoredDelivery
from outworx_otel.signatures import verify
from outworx_otel.telemetry import semconv
from server.dashboard.kept import BODY, delivery, processed, raised
from server.dashboard.serving import client_of, csrf_of, filled
from server.dashboard.target import Application

SECRET = "whsec_0123456789abcdef0123456789abcdef"  # noqa: S105  # nobody's
KEYS = ("read:sees-1234567890", "admin:may-1234567890")


def failed(event: str, ago: float, **fields: Any) -> StoredDelivery:
    """One whose body was kept whole; it names its event."""
    body = BODY.replace("evt_4821", event)
    attributes = {semconv.REQUEST_BODY: body, f"{semconv.HTTP_REQUEST_HEADER_PREFIX}host": ["shop.example"]}
    return raised(ago=ago, event_id=event, body_size=len(body), attributes=attributes, **fields)


KEPT = [
    failed("evt_1", 900),
    failed("evt_2", 800),
    failed("evt_1", 700),
    failed("evt_3", 600),
    raised(ago=500, event_id="evt_without_body", body_size=90),
    failed("evt_handled", 400),
    processed(ago=300, event_id="evt_handled"),
    delivery("rejected", ago=200, signature_valid=False, reason="hmac_mismatch", event_id="evt_stranger"),
]


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A server with four unhandled events, one of which cannot be sent."""
    monkeypatch.setenv("OUTWORX_SECRET_STRIPE", SECRET)
    with client_of(filled(tmp_path, Batch(deliveries=KEPT, size=9000))) as client:
        yield client


def begun(client: TestClient, target: str, query: str = "?provider=stripe") -> str:
    """Where the form's POST leads to."""
    page = client.get(f"/replay{query}").text
    form = {"csrf": csrf_of(page), "to": target}
    answer = client.post(f"/replay{query}", data=form, follow_redirects=False)
    assert answer.status_code == 303
    return str(answer.headers["location"])


def over(client: TestClient, run: str) -> str:
    """The page of a run that has ended."""
    wait_until(lambda: "<h1>Replayed</h1>" in client.get(run).text, lambda: client.get(run).text)
    return client.get(run).text


def test_a_dry_run_says_what_would_be_sent_and_what_cannot(
    client: TestClient, application: Application
) -> None:
    page = client.get("/replay", params={"provider": "stripe", "to": application.address}).text
    assert "3 events can be sent" in page
    assert "1 cannot be sent" in page
    assert "the body was not stored" in page
    assert page.index(">evt_1<") < page.index(">evt_2<") < page.index(">evt_3<")
    assert "evt_handled" not in page
    assert "evt_stranger" not in page
    assert not application.received


def test_every_event_is_sent_once_signed_anew_and_the_page_can_be_loaded_again(
    client: TestClient, application: Application
) -> None:
    run = begun(client, application.address)
    page = over(client, run)
    assert "4 of 4 events, 3 answered 2xx, 1 not sent" in page
    assert "http-equiv" not in page
    assert client.get(run).text.count("202") == page.count("202") >= 3
    assert SECRET not in page
    assert [json.loads(body)["id"] for _, _, body in application.received] == ["evt_1", "evt_2", "evt_3"]
    assert all(verify("stripe", body, headers, SECRET).valid for _, headers, body in application.received)


def test_the_overview_and_the_list_lead_there(client: TestClient) -> None:
    assert re.search(r'still unhandled</b> \(<a href="/replay\?problem=\d+">', client.get("/").text)
    listed = client.get("/deliveries?outcome=error&since=-1h").text
    assert 'href="/replay?outcome=error&amp;since=-1h"' in listed
    assert "3 events can be sent" in client.get("/replay?outcome=error&since=-1h").text
    assert 'data-target="shop.example"' in client.get("/replay").text


def test_without_a_secret_none_of_them_can_be_sent(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OUTWORX_SECRET_STRIPE")
    page = client.get("/replay").text
    assert "0 events can be sent" in page
    assert "OUTWORX_SECRET_STRIPE would be read where this server runs" in page


@pytest.mark.parametrize("target", ["http://192.0.2.1/x", "http://169.254.169.254/", "ftp://localhost"])
def test_another_machine_is_refused(client: TestClient, target: str) -> None:
    back = begun(client, target)
    assert back.startswith("/replay?provider=stripe&to=")
    assert 'class="problem"' in client.get(back).text


def test_one_replay_is_under_way_at_a_time_and_what_was_handled_meanwhile_is_left_out(
    client: TestClient, application: Application
) -> None:
    application.open.clear()
    run = begun(client, application.address)
    wait_until(lambda: len(application.received) == 1, lambda: "nothing came")
    assert 'http-equiv="refresh"' in client.get(run).text
    assert begun(client, application.address).startswith("/replay?")
    assert "Another replay is under way" in client.get("/replay").text

    handled = Batch(deliveries=[processed(ago=1, event_id="evt_2")], size=1000)
    client.app._store.write(handled).result(30)  # type: ignore[attr-defined]
    application.open.set()
    page = over(client, run)
    assert "2 answered 2xx, 1 handled meanwhile, 1 not sent" in page
    assert len(application.received) == 2


def test_it_can_be_stopped(client: TestClient, application: Application) -> None:
    application.open.clear()
    run = begun(client, application.address)
    wait_until(lambda: len(application.received) == 1, lambda: "nothing came")
    stopped = client.post(run, data={"csrf": csrf_of(client.get(run).text)}, follow_redirects=False)
    assert (stopped.status_code, stopped.headers["location"]) == (303, run)
    application.open.set()
    page = over(client, run)
    assert "It was stopped. 3 were left." in page
    assert len(application.received) == 1


def test_what_is_erased_is_forgotten(client: TestClient, application: Application) -> None:
    run = begun(client, application.address)
    assert ">evt_2<" in over(client, run)
    assert client.delete("/api/deliveries?event_id=evt_2").status_code == 200
    page = client.get(run).text
    assert "evt_2" not in page
    assert "4 of 4 events" in page


def test_it_stops_where_nobody_answers(client: TestClient) -> None:
    page = over(client, begun(client, "http://127.0.0.1:9"))
    assert "3 in a row had no answer, so it stopped. 1 was left." in page


def test_a_form_of_another_page_begins_nothing(client: TestClient, application: Application) -> None:
    assert client.post("/replay", data={"to": application.address}).status_code == 403
    assert not application.received


def test_whoever_may_only_read_sees_what_and_begins_nothing(tmp_path: Path, application: Application) -> None:
    with client_of(filled(tmp_path, Batch(deliveries=KEPT, size=9000), api_keys=KEYS)) as client:
        reading = {"authorization": "Bearer sees-1234567890"}
        page = client.get("/replay", headers=reading).text
        assert "may read and change nothing" in page
        assert '<button class="button primary"' not in page
        assert client.post("/replay", headers=reading, data={"to": application.address}).status_code in (
            401,
            403,
        )
    assert not application.received


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/replays/unknown", 404, "is not known here"),
        ("/replay?since=yesterday", 400, "Since: must be a time"),
        ("/replay?problem=99", 200, "No event of these deliveries"),
    ],
)
def test_what_is_not_there_is_said(client: TestClient, path: str, status: int, said: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert said in answer.text
