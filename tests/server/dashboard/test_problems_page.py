"""Problems on the overview: who may change their state, and what becomes of them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from outworx_otel.server.formatting import NONE
from outworx_otel.server.model import Batch
from server.dashboard.kept import SECOND, delivery, processed, raised, spans_of
from server.dashboard.serving import client_of, csrf_of, filled

_ISSUE = re.compile(r'<li class="issue" data-problem="(\d+)">')
_FIGURE = r'<span class="figure-label">{}</span><span class="figure-value">([^<]*)</span>'


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A server with one problem."""
    with client_of(filled(tmp_path, Batch(deliveries=[raised(ago=90), raised(ago=60)], size=1000))) as client:
        yield client


def figure(page: str, label: str) -> str:
    found = re.search(_FIGURE.format(label), page)
    assert found is not None, label
    return found[1]


def changed(client: TestClient, id: str, state: str, back: str = "/?range=-1h") -> str:
    page = client.get("/").text
    form = {"csrf": csrf_of(page), "state": state, "back": back}
    answer = client.post(f"/problems/{id}", data=form, follow_redirects=False)
    assert answer.status_code == 303
    return str(answer.headers["location"])


@pytest.mark.parametrize(("state", "where"), [("acknowledged", 1), ("resolved", 0), ("ignored", 0)])
def test_a_button_changes_the_state_and_leads_back(client: TestClient, state: str, where: int) -> None:
    (id,) = _ISSUE.findall(client.get("/").text)
    assert changed(client, id, state) == "/?range=-1h"
    page = client.get("/").text
    assert "No open problem" in page
    assert len(_ISSUE.findall(page)) == where
    if where:
        assert "1 acknowledged" in page
        changed(client, id, "open")
        assert "1 thing needs attention" in client.get("/").text


@pytest.mark.parametrize(
    "back", ["https://example.com/?", "//example.com/?", "/?a\r\nX: y", "/\\example.com"]
)
def test_it_leads_to_no_other_page(client: TestClient, back: str) -> None:
    (id,) = _ISSUE.findall(client.get("/").text)
    assert changed(client, id, "ignored", back) == "/"


@pytest.mark.parametrize(
    ("path", "state"), [("/problems/9", "open"), ("/problems/x", "open"), ("/problems/1", "gone")]
)
def test_what_is_no_problem_or_no_state_is_said(client: TestClient, path: str, state: str) -> None:
    form = {"csrf": csrf_of(client.get("/").text), "state": state}
    assert client.post(path, data=form).status_code == 404


def test_a_form_of_somebody_else_changes_nothing(client: TestClient) -> None:
    (id,) = _ISSUE.findall(client.get("/").text)
    assert client.post(f"/problems/{id}", data={"state": "ignored"}).status_code == 403
    assert _ISSUE.findall(client.get("/").text) == [id]


def test_whoever_may_only_read_sees_no_buttons(tmp_path: Path) -> None:
    settings = filled(
        tmp_path,
        Batch(deliveries=[raised()], size=1000),
        api_keys=("read:sees-1234567890", "admin:may-1234567890"),
    )
    with client_of(settings) as client:
        page = client.get("/", headers={"authorization": "Bearer sees-1234567890"}).text
        assert _ISSUE.findall(page)
        assert "Acknowledge" not in page
        answer = client.post("/problems/1", headers={"authorization": "Bearer sees-1234567890"})
        assert answer.status_code in (401, 403)


def test_a_rate_is_out_of_what_was_proved_genuine(tmp_path: Path) -> None:
    first = processed(ago=900)
    deliveries = [
        first,
        *(
            delivery("replayed", ago=800 - n, event_id=first.event_id, signature_valid=True)
            for n in range(30)
        ),
        *(
            delivery("in_flight", ago=700 - n, event_id=first.event_id, signature_valid=True)
            for n in range(30)
        ),
        *(
            delivery("rejected", ago=600 - n, signature_valid=False, reason="missing_header")
            for n in range(50)
        ),
        *(delivery("unrouted", ago=500 - n, route=None, path="/.env", status=404) for n in range(50)),
        raised(ago=100),
    ]
    with client_of(filled(tmp_path, Batch(deliveries=deliveries, size=10_000))) as client:
        page = client.get("/?range=-1h").text
    assert figure(page, "Success rate") == "50.0%"
    assert "1 of 2; before: " + NONE in page
    assert "1 of 1 failed" in page


def test_a_deferred_one_counts_when_its_work_has_ended(tmp_path: Path) -> None:
    one = delivery("deferred", ago=60, signature_valid=True, processing="deferred")
    alone = Batch(deliveries=[one], size=1000)
    work = [span for span in spans_of(one) if span.name == "process"]
    with client_of(filled(tmp_path, alone)) as client:
        assert figure(client.get("/").text, "Success rate") == NONE
    for order, batches in enumerate(
        [(alone, Batch(spans=work, size=500)), (Batch(spans=work, size=500), alone)]
    ):
        folder = tmp_path / str(order)
        folder.mkdir()
        with client_of(filled(folder, *batches)) as client:
            assert figure(client.get("/").text, "Success rate") == "100%"


def test_the_same_event_that_ran_twenty_times_without_a_key_is_counted(tmp_path: Path) -> None:
    deliveries = [
        processed(ago=900 - n, event_id="evt_x", idempotency=None, idempotency_key=None) for n in range(20)
    ]
    with client_of(filled(tmp_path, Batch(deliveries=deliveries, size=1000))) as client:
        page = client.get("/").text
        assert "one event came 20 times and ran 20 times" in page
        assert "1 ran more than once" in page
        assert client.get("/deliveries?q=evt_x").text.count("data-row=") == 20


def test_a_failed_event_that_is_handled_later_is_no_longer_unhandled(tmp_path: Path) -> None:
    failed = [raised(ago=900, event_id="evt_1"), raised(ago=800, event_id="evt_2")]
    with client_of(filled(tmp_path, Batch(deliveries=failed, size=1000))) as client:
        page = client.get("/").text
        assert figure(page, "Events unhandled") == "2"
        assert "2 still unhandled" in page
    again = Batch(deliveries=[processed(ago=100, event_id="evt_1")], size=1000)
    with client_of(filled(tmp_path, again)) as client:
        page = client.get("/").text
        assert figure(page, "Events unhandled") == "1"
        assert "1 still unhandled" in page


def test_what_a_fast_clock_sends_is_counted_now_and_what_comes_late_is_left_alone(tmp_path: Path) -> None:
    fast = [processed(ago=-1200 - n, service="fast") for n in range(5)]
    late = processed(ago=5 * 3600, service="late")
    with client_of(filled(tmp_path, Batch(deliveries=[*fast, late], size=1000))) as client:
        listed = client.get("/api/deliveries?service=fast").json()["deliveries"]
        now = time.time_ns()
        times = [
            time.mktime(time.strptime(one["time"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
            for one in listed
        ]
        assert len(times) == 5
        assert all(now / SECOND - 60 < at <= now / SECOND for at in times)
        page = client.get("/?range=-1h").text
        assert "The clock of fast is 20 min fast" in page
        assert figure(page, "Deliveries") == "5"
        assert figure(client.get("/?range=-24h").text, "Deliveries") == "6"
