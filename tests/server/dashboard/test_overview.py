"""The overview: its figures, its chart, and where they lead."""

from __future__ import annotations

import html
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from outworx_otel.server.dashboard.charts import MAX_BARS, chart_of
from outworx_otel.server.dashboard.matching import matches
from outworx_otel.server.ingest.arrival_notes import noted
from outworx_otel.server.model import (
    Batch,
    Count,
    EventCounts,
    Filter,
    Overview,
    Slot,
    StoredDelivery,
    Tally,
)
from outworx_otel.server.store import QueryTooWide, Store
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry.outcomes import OUTCOMES, Outcome
from server.dashboard.kept import SECOND, delivery, one_of_each, rejected
from server.dashboard.serving import client_of, filled


def hrefs(page: str, pattern: str) -> list[tuple[str, ...]]:
    return re.findall(pattern, html.unescape(page))


def shown_at(client: TestClient, href: str) -> int:
    """How many deliveries the list of that address has, on all of its pages."""
    found, seen = 0, set[str]()
    while href not in seen:
        seen.add(href)
        page = client.get(href).text
        found += page.count("data-row=")
        for (older,) in hrefs(page, r'href="(/deliveries\?[^"]+)"[^>]*>Older'):
            href = older
    return found


def test_every_outcome_has_its_place_and_leads_to_exactly_what_it_counts(client: TestClient) -> None:
    page = client.get("/").text
    for outcome in OUTCOMES:
        ((href, count),) = re.findall(
            rf'href="(/deliveries\?since=[^"]+Z&outcome={outcome})" title=.*?<b>([\d,]+)</b></a>',
            html.unescape(page),
        )
        assert shown_at(client, href) == int(count), outcome
    for href in ("reason=parsed_body", "cause=early_return", "idempotency=replayed"):
        ((found, count),) = re.findall(
            rf'href="(/deliveries\?since=[^"]+Z&{href})">.*?<b>([\d,]+)</b>', html.unescape(page), re.DOTALL
        )[:1]
        assert shown_at(client, found) == int(count) > 0, href
    assert "Deliveries over time by outcome" in page


def test_a_problem_and_an_endpoint_lead_to_exactly_what_they_count(client: TestClient) -> None:
    page = html.unescape(client.get("/").text)
    problems = re.findall(r'<a href="(/deliveries\?problem=\d+)">(\d+) deliver', page)
    assert len(problems) >= 5
    for href, count in problems:
        assert shown_at(client, href) == int(count)
    of_endpoints = re.findall(r'data-label="Deliveries"><span><a href="([^"]+)">([\d,]+)</a>', page)
    assert len(of_endpoints) >= 2
    for href, count in of_endpoints:
        assert shown_at(client, href) == int(count)


def test_what_is_too_much_to_look_through_is_not_said_to_pass(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_wide(*_: object, **__: object) -> None:
        raise QueryTooWide

    monkeypatch.setattr(Store, "overview", too_wide)
    answer = client.get("/")
    assert answer.status_code == 400
    assert "narrow the time" in answer.text
    assert "retry-after" not in answer.headers


def test_what_proves_a_sender_is_told_apart_and_so_are_the_secrets_of_a_rotation(tmp_path: Path) -> None:
    def of(route: str, kind: str, **more: int) -> StoredDelivery:
        attributes = {semconv.SIGNATURE_KIND: kind}
        attributes |= {f"outworx.webhook.signature.{name}": value for name, value in more.items()}
        return delivery(route=route, path=route, signature_valid=True, attributes=attributes)

    many = [of("/signed", "verified", key_index=1, key_count=2), of("/token", "authenticated", key_index=0)]
    batch = Batch(deliveries=[noted(one, time.time_ns()) for one in many], size=100)
    with client_of(filled(tmp_path, batch)) as client:
        rows = re.findall(r"<tr data-endpoint>(.*?)</tr>", client.get("/").text, re.DOTALL)
        signed, token = sorted(rows, key=lambda row: "/token" in row)
        assert "✓ verified" in signed
        assert re.search(r"new secret: never used since .*old secret: used 1 min ago", signed, re.DOTALL)
        assert "sender authenticated" in token
        assert "verified" not in token
        assert "secret:" not in token
        page = client.get(f"/deliveries/{many[1].id}").text
        assert "the bytes are not signed" in page
        assert "signature is valid" not in page
        assert "number 2 of the endpoint's 2" in client.get(f"/deliveries/{many[0].id}").text


def test_what_ran_unverified_is_counted_and_leads_to_exactly_that(tmp_path: Path) -> None:
    many = [
        *(delivery("accepted", signature_valid=valid) for valid in (None, True, None)),
        delivery("failed", signature_valid=None),
        rejected(),
    ]
    now = time.time_ns()
    batch = Batch(deliveries=[noted(one, now) for one in many], size=100)
    with client_of(filled(tmp_path, batch)) as client:
        page = client.get("/").text
        (href,) = hrefs(page, r'href="(/deliveries\?[^"]*unverified=true[^"]*)"')
        assert "2 ran unverified" in page
        assert shown_at(client, href) == 2
        listed = {one["id"] for one in client.get("/api/deliveries?unverified=true").json()["deliveries"]}
        assert listed == {one.id for one in many if matches(Filter(unverified=True), one)}


def test_a_bar_leads_to_the_deliveries_in_it(client: TestClient, kept: Batch) -> None:
    page = client.get("/?range=-1h").text
    bars = re.findall(r'<a href="(/deliveries\?since=[^"]+Z)" tabindex="-1">', page)
    found = [client.get(bar.replace("&amp;", "&")).text.count("data-row=") for bar in bars]
    assert all(found)
    assert sum(found) == len(kept.deliveries)


def test_the_range_is_kept_in_every_link(client: TestClient) -> None:
    page = client.get("/?range=-7d&provider=github").text
    assert "since=-24h" not in page
    seven_days_ago = time.gmtime(time.time() - 7 * 86_400)
    assert f"provider=github&amp;since={time.strftime('%Y-%m-%d', seven_days_ago)}" in page
    assert 'href="/?range=-7d">Show all' in page
    assert "webhooks/stripe" not in page


def test_the_chart_shows_rates_by_a_link_each_out_of_what_counts_there(tmp_path: Path) -> None:
    # Of one hour nothing counts, of another three of four do.
    slot = 3600 * SECOND
    now = time.time_ns()
    ago = (now // slot * slot - 5 * slot + slot // 2, now // slot * slot - 2 * slot + slot // 2)
    many = [
        *(delivery("accepted", time_ns=ago[1]) for _ in range(3)),
        delivery("failed", time_ns=ago[1]),
        delivery("replayed", time_ns=ago[1]),
        *(delivery("replayed", time_ns=ago[0]) for _ in range(2)),
        rejected(time_ns=ago[0]),
    ]
    batch = Batch(deliveries=[noted(one, now) for one in many], size=100)
    with client_of(filled(tmp_path, batch)) as client:
        page = client.get("/?range=-24h").text
        (href,) = hrefs(page, r'href="(/[^"]*chart=rate[^"]*)"')
        assert page.count('<g class="bar') == 2
        rates = html.unescape(client.get(href).text)
        assert "Success rate over time" in rates
        assert "in per cent, each bar 1 h" in rates
        # One bar, its words, and its row of the table.
        assert rates.count('<g class="bar') == 1
        assert re.findall(r": ([\d.]+%), (\d) of (\d)</title>", rates) == [("75.0%", "3", "4")]
        assert '<td class="num">75.0%</td><td class="num">3</td><td class="num">4</td>' in rates
        assert 'class="f-accepted"' in rates
        assert 'class="f-failed"' in rates
        (bar,) = hrefs(rates, r'<a href="(/deliveries\?since=[^"]+Z)" tabindex="-1">')
        assert shown_at(client, bar) == 5
        # It stays when the time or the service is changed, and the counts are a link away.
        assert 'href="/?range=-1h&chart=rate"' in rates
        assert '<input type="hidden" name="chart" value="rate">' in rates
        assert 'href="/?range=-24h">Deliveries</a>' in rates
        other = client.get("/?range=-24h&chart=rate&service=nobody").text
        assert "Nothing in this time counts in a success rate" in other


def test_an_unknown_range_is_a_day(client: TestClient) -> None:
    assert 'href="/?range=-24h" aria-current="true"' in client.get("/?range=-9000d").text


def test_it_says_where_the_metrics_counted_more_than_there_are_spans(
    tmp_path: Path, client: TestClient
) -> None:
    batch = one_of_each()
    batch.counts.append(
        Count(time_ns=time.time_ns() - 60 * SECOND, provider="stripe", outcome="rejected", value=5011)
    )
    with client_of(filled(tmp_path, batch)) as counted:
        assert "5,000 more than have a span here" in counted.get("/").text
    assert "more than have a span" not in client.get("/").text


def test_nothing_in_this_time_is_said_and_leads_on(tmp_path: Path) -> None:
    batch = Batch(deliveries=[delivery(ago=5 * 86_400)], size=100)
    with client_of(filled(tmp_path, batch)) as client:
        page = client.get("/?range=-1h").text
        assert "No delivery in this time" in page
        assert "Waiting for the first delivery" not in page


_STEP = 300 * SECOND


@given(
    st.integers(0, 10**18),
    st.integers(0, 9_000),
    st.lists(st.tuples(st.integers(0, 9_000), st.sampled_from(OUTCOMES), st.integers(1, 10**9)), max_size=30),
)
def test_a_chart_of_anything_stays_inside_its_frame(
    since: int, slots: int, counts: list[tuple[int, Outcome, int]]
) -> None:
    until = since + slots * _STEP
    chart = chart_of(
        Overview(
            since=since,
            until=until,
            step_ns=_STEP,
            slots=[Slot(since + at * _STEP, {outcome: count}) for at, outcome, count in counts if at < slots],
            total=1,
            outcomes={},
            tally=Tally(),
            before=Tally(),
            p50_ns=None,
            p95_ns=None,
            reasons={},
            causes={},
            duplicates={},
            endpoints=[],
            events=EventCounts(0, 0, 0),
            repeats=[],
            clocks=[],
            counted=0,
        ),
        since,
        until,
    )
    assert 1 <= len(chart.columns) <= MAX_BARS
    assert sum(column.total for column in chart.columns) == sum(
        count for at, _, count in counts if at < slots
    )
    for column in chart.columns:
        assert 0 <= column.x <= column.x + column.width <= 100.01
        assert column.total <= chart.top
        for piece in column.pieces:
            assert 0 <= piece.y <= 100
            assert piece.height > 0
