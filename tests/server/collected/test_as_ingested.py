"""What a table shows is what our own server shows of the same spans."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.exports import PROTOBUF

from server.ingest.serving import Serving

from .exporter import Exporter, busy

Showing = Callable[..., Serving]


@pytest.fixture
def both(exporter: Exporter, showing: Showing, tmp_path: Path) -> Any:
    """The table's server, and one that the same spans were sent to; and a trace with several spans."""
    trace = secrets.token_bytes(16)
    requests = busy(trace)
    exporter.write(*requests)
    ingesting = Serving(tmp_path / "own.db")
    for request in requests:
        assert ingesting.post("/v1/traces", request.SerializeToString(), PROTOBUF).status_code == 200
    yield showing(exporter), ingesting, trace
    ingesting.stop()


def of_the_span(document: dict[str, Any]) -> dict[str, Any]:
    """Without what is the store's own: ids, the time of arrival, and what is handled by the events it kept."""
    kept = {name: value for name, value in document.items() if name not in ("id", "arrived", "unhandled")}
    if "same_event" in kept:
        kept["same_event"] = [of_the_span(one) for one in kept["same_event"]]
    return kept


def test_lists_and_deliveries_are_the_same(both: tuple[Serving, Serving, bytes]) -> None:
    shown, own, _ = both
    assert [of_the_span(one) for one in shown.deliveries()] == [of_the_span(one) for one in own.deliveries()]
    by_span = {one["span_id"]: one["id"] for one in own.deliveries()}
    for one in shown.deliveries():
        found = shown.client.get(f"/api/deliveries/{one['id']}").json()
        assert one["id"] == one["trace_id"] + one["span_id"] == found["id"]
        expected = own.client.get(f"/api/deliveries/{by_span[one['span_id']]}").json()
        assert of_the_span(found) == of_the_span(expected)


def test_the_spans_of_a_trace_and_deferred_work_are_the_same(both: tuple[Serving, Serving, bytes]) -> None:
    shown, own, trace = both
    assert [one.name for one in shown.spans(trace)] == ["POST /webhooks/stripe"]
    assert shown.spans(trace) == own.spans(trace)


def test_figures_are_the_same(both: tuple[Serving, Serving, bytes]) -> None:
    shown, own, _ = both
    (mine, expected) = (
        one.client.get("/api/overview", params={"range": "2h"}).json() for one in (shown, own)
    )
    compared = ("service", "environment", "provider", "route", "verified", "deliveries", "success_rate")
    more = ("streak", "streak_since", "last_good", "last_seen", "signature_kind")

    def rows(found: dict[str, Any]) -> list[dict[str, Any]]:
        return [{name: one[name] for name in (*compared, *more)} for one in found["endpoints"]]

    assert rows(mine) == rows(expected)
    assert mine["events"] == expected["events"]


@pytest.mark.parametrize(
    "query",
    [
        "outcome=failed",
        "outcome=error,refused",
        "provider=github",
        "provider=github&provider=stripe&service=ci",
        "reason=hmac_mismatch",
        "cause=early_return",
        "idempotency=replayed",
        "event_type=order.paid",
        "route=/github&since=-1h",
        "unverified=true",
        "since=-30m&until=-10m",
        "q=evt_1",
        "q=no order",
        "q=KeyError",
        "q=order.pa",
        "q=body:caf",
        "q=nothing of the kind",
        "environment=production",
    ],
)
def test_filters_find_the_same(both: tuple[Serving, Serving, bytes], query: str) -> None:
    shown, own, _ = both
    found, expected = (spans(one, query) for one in (shown, own))
    assert found == expected


def spans(server: Serving, query: str) -> list[str]:
    """Of all pages: on a machine that is slow, a page ends early."""
    found, cursor = [], ""
    while cursor is not None:
        answer = server.client.get(f"/api/deliveries?{query}&cursor={cursor}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [one["span_id"] for one in page["deliveries"]]
        cursor = page["next_cursor"]
    return found


def test_what_is_unhandled_is_the_same(both: tuple[Serving, Serving, bytes]) -> None:
    shown, own, _ = both
    assert spans(shown, "unhandled=true") == spans(own, "unhandled=true") != []
