"""The list: what it shows, its filters, its pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import request_response
from starlette.testclient import TestClient

from outworx_otel.server import create_app
from outworx_otel.server.dashboard.matching import matches
from outworx_otel.server.dashboard.page_addresses import MAX_TRAIL
from outworx_otel.server.formatting import iso
from outworx_otel.server.model import Batch, Filter, StoredDelivery
from outworx_otel.server.settings import Settings
from outworx_otel.server.store import Store, searching
from outworx_otel.telemetry import semconv
from server.dashboard.kept import delivery
from server.dashboard.serving import client_of, filled

_ROW = re.compile(r'data-row="([^"]+)"')
_HREF = re.compile(r'rel="(prev|next)" href="([^"]+)"')


def rows(page: str) -> list[str]:
    return _ROW.findall(page)


def test_the_newest_stand_first_with_words_for_each_outcome(client: TestClient, kept: Batch) -> None:
    page = client.get("/deliveries").text
    newest = sorted(kept.deliveries, key=lambda one: one.time_ns, reverse=True)
    assert rows(page) == [one.id for one in newest]
    for words in (
        "Accepted",
        "Silent drop",
        "In flight",
        "Rejected",
        "the signature does not match",
        "it returned before the mark",
        "charge.refunded",
    ):
        assert words in page


@pytest.mark.parametrize(
    ("query", "outcomes"),
    [
        ("outcome=silent_drop", {"silent_drop"}),
        ("reason=parsed_body", {"rejected"}),
        ("cause=early_return", {"silent_drop"}),
        ("provider=github&outcome=deferred", {"deferred"}),
        ("idempotency=in_flight", {"in_flight"}),
    ],
)
def test_a_filter_leaves_what_fits(client: TestClient, kept: Batch, query: str, outcomes: set[str]) -> None:
    by_id = {one.id: one for one in kept.deliveries}
    found = [by_id[id] for id in rows(client.get(f"/deliveries?{query}").text)]
    assert found
    assert {one.outcome for one in found} == outcomes


def test_a_time_is_from_its_beginning_to_before_its_end(
    client: TestClient, by_outcome: dict[str, StoredDelivery]
) -> None:
    since, until = (iso(by_outcome[outcome].time_ns) for outcome in ("error", "failed"))
    assert rows(client.get("/deliveries", params={"since": since, "until": until}).text) == [
        by_outcome["error"].id
    ]


def test_each_filter_that_is_on_can_be_taken_away(client: TestClient) -> None:
    page = client.get("/deliveries?provider=stripe&outcome=failed").text
    assert 'href="/deliveries?outcome=failed"' in page
    assert 'href="/deliveries?provider=stripe"' in page
    assert "Clear filters" in page


def test_empty_fields_of_the_form_leave_the_address(client: TestClient) -> None:
    answer = client.get("/deliveries?q=&outcome=failed&provider=", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/deliveries?outcome=failed"


@pytest.mark.parametrize(
    "query", ["outcome=nonsense", "since=yesterday", "cursor=%00damaged", "q=" + "x" * 5000]
)
def test_what_makes_no_sense_is_said_on_the_page(client: TestClient, query: str) -> None:
    answer = client.get(f"/deliveries?{query}")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


def test_no_match_offers_to_clear_the_filters(client: TestClient) -> None:
    page = client.get("/deliveries?provider=nobody").text
    assert "No delivery matches" in page
    assert 'href="/deliveries">Clear filters' in page


def test_pages_lead_to_older_ones_and_back(tmp_path: Path) -> None:
    batch = Batch(deliveries=[delivery(ago=number) for number in range(1, 131)], size=1000)
    with client_of(filled(tmp_path, batch)) as client:
        pages, links = [], []
        page = client.get("/deliveries").text
        while True:
            pages.append(rows(page))
            links.append(dict(_HREF.findall(page)))
            if "next" not in links[-1]:
                break
            page = client.get(links[-1]["next"].replace("&amp;", "&")).text
        assert [id for page in pages for id in page] == [one.id for one in batch.deliveries]
        assert [len(page) for page in pages] == [50, 50, 30]
        assert "prev" not in links[0]
        back = client.get(links[2]["prev"].replace("&amp;", "&")).text
        assert rows(back) == pages[1]
        again = client.get(dict(_HREF.findall(back))["prev"].replace("&amp;", "&")).text
        assert rows(again) == pages[0]


def test_the_way_back_does_not_grow_without_end(client: TestClient) -> None:
    trail = "~".join("x" * 8 for _ in range(500))
    page = client.get("/deliveries", params={"cursor": "x", "trail": trail}).text
    assert page.count("x" * 8) <= 2 * MAX_TRAIL


def test_a_page_of_old_ones_is_not_live(client: TestClient) -> None:
    assert 'data-live="/live"' in client.get("/deliveries").text
    assert 'data-live="/live?outcome=failed"' in client.get("/deliveries?outcome=failed").text
    assert "data-live=" not in client.get("/deliveries?until=-1h").text


def _filters(kept: Batch) -> list[Filter]:
    first = kept.deliveries[0]
    some = [
        Filter(search=text)
        for text in (
            first.id,
            first.id[:6],
            first.id[:3],
            first.event_id,
            first.trace_id,
            first.idempotency_key,
            "no",
            "REFUND",
            "no order",
            "/hooks/",
            "keyerror",
        )
    ]
    some += [
        Filter(since=first.time_ns),
        Filter(until=first.time_ns),
        Filter(since=first.time_ns, outcome="replayed"),
        Filter(outcome=("failed", "error"), provider=("stripe", "github")),
    ]
    for field in ("provider", "event_type", "route", "outcome", "reason", "cause", "idempotency", "service"):
        values = {getattr(one, field) for one in kept.deliveries[:-1]} - {None}
        some += [Filter(**{field: value}) for value in values]
    return some


def test_live_arrivals_are_filtered_as_the_store_filters(kept: Batch, settings: Settings) -> None:
    store = Store(settings.database, max_queued_bytes=1024)
    try:
        for wanted in _filters(kept):
            by_store = {one.id for one in store.deliveries(wanted, 100).deliveries}
            assert by_store == {one.id for one in kept.deliveries if matches(wanted, one)}, wanted
    finally:
        store.close()


def test_the_first_page_of_a_new_server_shows_how_to_begin(tmp_path: Path) -> None:
    with client_of(filled(tmp_path)) as client:
        for path in ("/", "/deliveries"):
            page = client.get(path).text
            assert "Waiting for the first delivery" in page
            assert (
                "OTEL_TRACES_EXPORTER=outworx OUTWORX_ENDPOINT=http://127.0.0.1:4318"
                " opentelemetry-instrument uvicorn app:app" in page
            )
            assert "outworx trigger stripe charge.succeeded --to" in page


def test_a_delivery_that_is_not_there_is_a_404_that_says_why(client: TestClient) -> None:
    answer = client.get("/deliveries/0000000000000000ffffffffffffffff")
    assert answer.status_code == 404
    assert "removed by age or size" in answer.text


@pytest.mark.parametrize("path", ["/nowhere", "/deliveries/x/y", "/deliveries/"])
def test_an_address_where_nothing_is_leads_back(client: TestClient, path: str) -> None:
    page = client.get(path, headers={"accept": "text/html,*/*"})
    assert page.status_code == 404
    assert page.headers["cache-control"] == "no-store"
    assert "There is no such page" in page.text
    assert 'href="/deliveries">All deliveries</a>' in page.text
    # A program is answered as before.
    assert client.get(path).headers["content-type"].startswith("text/plain")
    assert client.get(f"/api{path}", headers={"accept": "text/html"}).json().keys() == {"error"}


def test_a_fault_of_the_server_s_is_a_page_that_tells_nothing(settings: Settings) -> None:
    app = create_app(settings)
    for route in app.routes:
        if getattr(route, "path", "") == "/deliveries":
            route.app = request_response(_broken)  # type: ignore[attr-defined]
    with TestClient(app, base_url="http://127.0.0.1:4318", raise_server_exceptions=False) as broken:
        page = broken.get("/deliveries", headers={"accept": "text/html"})
    assert page.status_code == 500
    assert "Something went wrong here" in page.text
    assert "a secret" not in page.text


async def _broken(_: Request) -> Response:
    raise RuntimeError("a secret")


def test_the_number_of_hits_is_counted_to_a_bound(tmp_path: Path) -> None:
    some = [delivery("failed" if number < 60 else "accepted", ago=number) for number in range(1100)]
    with client_of(filled(tmp_path, Batch(deliveries=some, size=1000))) as client:
        for query, said in (
            ("", "1,000+</b> deliveries"),
            ("?outcome=failed", "60</b> deliveries"),
            ("?outcome=failed&event_type=none", "0</b> deliveries"),
            (f"?q={some[3].id}", "1</b> delivery"),
        ):
            assert said in client.get(f"/deliveries{query}").text, query


def test_a_search_that_stopped_early_says_how_far_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "LOOKED_THROUGH", 20)
    some = [delivery("failed", ago=number, failure="no stock") for number in range(30)]
    some.append(delivery("failed", ago=40, failure="the bank is closed"))
    with client_of(filled(tmp_path, Batch(deliveries=some, size=1000))) as client:
        page = client.get("/deliveries?q=bank").text
        assert rows(page) == []
        assert "this search looked back to" in page
        older = client.get(dict(_HREF.findall(page))["next"].replace("&amp;", "&")).text
        assert rows(older) == [some[-1].id]
        assert "looked back to" not in older
        first = client.get("/api/deliveries?q=bank&limit=1").json()
        assert (first["deliveries"], first["looked_back_to"][-1]) == ([], "Z")
        then = client.get(f"/api/deliveries?q=bank&cursor={first['next_cursor']}").json()
        assert [one["id"] for one in then["deliveries"]] == [some[-1].id]
        assert (then["next_cursor"], then["looked_back_to"]) == (None, None)


def test_what_an_error_says_can_be_looked_for_in_bodies_by_a_link(tmp_path: Path) -> None:
    body = {semconv.REQUEST_BODY: '{"customer":"cus_42"}', "http.request.header.x-key": ["cus_42"]}
    some = [
        delivery("failed", failure="no customer cus_42"),
        delivery("accepted", attributes=body),
        delivery("accepted", attributes={**body, semconv.REQUEST_BODY: '{"customer":"[redacted]"}'}),
    ]
    with client_of(filled(tmp_path, Batch(deliveries=some, size=1000))) as client:
        page = client.get("/deliveries?q=cus_42").text
        assert rows(page) == [some[0].id]
        (href,) = re.findall(r'href="([^"]+)">Look in stored bodies', page)
        found = client.get(href.replace("&amp;", "&")).text
        assert rows(found) == [some[1].id]
        assert "Look in stored bodies" not in found
        assert rows(client.get("/deliveries?q=customer%22:").text) == [some[2].id, some[1].id]


def test_a_picked_moment_becomes_part_of_the_address(client: TestClient) -> None:
    for query, location in (
        ("from=2026-11-28T08:00&to=&since=&q=", "/deliveries?since=2026-11-28T08%3A00"),
        ("since=-24h&from=2026-11-28T08:00", "/deliveries?since=2026-11-28T08%3A00"),
        ("outcome=failed&to=2026-11-28T08:00Z", "/deliveries?outcome=failed&until=2026-11-28T08%3A00Z"),
    ):
        answer = client.get(f"/deliveries?{query}", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, location)
