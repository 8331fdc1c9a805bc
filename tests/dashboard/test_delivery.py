"""The page of one delivery, in plain words."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from dashboard.kept import BODY, delivery, dropped, processed, rejected
from dashboard.serving import client_of, filled
from outworx_otel.drops.finding import Cause
from outworx_otel.server.dashboard.explanations import CAUSES, KINDS, REASONS
from outworx_otel.server.dashboard.waterfall import MAX_BARS, waterfall_of
from outworx_otel.server.model import Batch, SpanEvent, SpanRecord, StoredDelivery
from outworx_otel.signatures.result import REASONS as REASON_CODES
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry.outcomes import OUTCOMES


def page_of(client: TestClient, one: StoredDelivery) -> str:
    answer = client.get(f"/deliveries/{one.id}")
    assert answer.status_code == 200
    return answer.text


def test_every_code_has_words() -> None:
    assert set(REASONS) == set(REASON_CODES)
    assert set(CAUSES) == set(get_args(Cause))
    assert tuple(KINDS) == OUTCOMES


def test_a_failed_signature_says_why_and_what_to_do(
    client: TestClient, by_outcome: dict[str, StoredDelivery]
) -> None:
    page = page_of(client, by_outcome["rejected"])
    assert "Rejected: the signature does not match" in page
    assert "A wrong secret, or a changed body." in page
    assert "Compare the endpoint&#39;s secret" in page
    assert "did not run; answered 401" in page


def test_a_silent_drop_names_the_line(client: TestClient, by_outcome: dict[str, StoredDelivery]) -> None:
    page = page_of(client, by_outcome["silent_drop"])
    assert "Dropped silently: it returned before the mark" in page
    assert "/app/payments.py:46" in page
    assert "returned before the mark on line 48" in page
    assert "track.ignored()" in page


def test_what_worked_shows_its_way_and_what_was_captured(
    client: TestClient, by_outcome: dict[str, StoredDelivery]
) -> None:
    page = page_of(client, by_outcome["accepted"])
    for words in ("Processed", "claimed, then committed", "answered 200 in 12 ms", "processed after 9.0 ms"):
        assert words in page
    assert "SELECT orders" in page
    assert "deferred work" in page
    assert '<span class="j-key">&quot;amount&quot;</span>: <span class="j-number">4900</span>' in page
    assert "Stripe/1.0 (+https://stripe.com/docs/webhooks)" in page
    assert "service.version" in page
    assert f'href="/api/deliveries/{by_outcome["accepted"].id}"' in page
    assert f'href="/deliveries?q={by_outcome["accepted"].trace_id}"' in page


def test_a_duplicate_leads_to_the_run_that_did_the_work(
    client: TestClient, by_outcome: dict[str, StoredDelivery]
) -> None:
    page = page_of(client, by_outcome["replayed"])
    first = by_outcome["accepted"].id
    assert f'<a href="/deliveries/{first}">the delivery that did the work</a>' in page
    assert "All deliveries of this event" in page
    assert "did not run; answered 200" in page


def test_deferred_work_says_what_became_of_it(
    client: TestClient, by_outcome: dict[str, StoredDelivery]
) -> None:
    page = page_of(client, by_outcome["deferred"])
    assert "failed: card declined" in page
    assert "worker" in page


def test_an_exception_shows_its_stack(client: TestClient, by_outcome: dict[str, StoredDelivery]) -> None:
    page = page_of(client, by_outcome["error"])
    assert "Error: KeyError: &#39;amount&#39;" in page
    assert "line 31, in stripe" in page


def test_a_code_of_a_newer_release_stands_for_itself(tmp_path: Path) -> None:
    new = [rejected("quantum_mismatch"), dropped("gremlins"), dropped(None)]
    with client_of(filled(tmp_path, Batch(deliveries=new, size=100))) as client:
        assert "Rejected: quantum_mismatch" in page_of(client, new[0])
        assert "Dropped silently: gremlins" in page_of(client, new[1])
        assert "Python 3.12 and newer" in page_of(client, new[2])


def test_bodies_are_files_that_no_browser_runs(
    client: TestClient, by_outcome: dict[str, StoredDelivery]
) -> None:
    answer = client.get(f"/deliveries/{by_outcome['accepted'].id}/request-body")
    assert answer.content == BODY.encode()
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get(f"/deliveries/{by_outcome['rejected'].id}/request-body").status_code == 404
    assert client.get(f"/deliveries/{by_outcome['accepted'].id}/other-body").status_code == 404


def test_a_binary_body_is_shown_byte_by_byte(tmp_path: Path) -> None:
    raw = bytes(range(256))
    one = processed(body_size=len(raw), attributes={semconv.REQUEST_BODY: base64.b64encode(raw).decode()})
    with client_of(filled(tmp_path, Batch(deliveries=[one], size=100))) as client:
        assert "000010  10 11 12 13" in page_of(client, one)
        assert client.get(f"/deliveries/{one.id}/request-body").content == raw


@pytest.mark.parametrize("path", ["/", "/deliveries", "/login", "/deliveries/none"])
def test_no_cache_keeps_a_page(client: TestClient, path: str) -> None:
    assert client.get(path, follow_redirects=False).headers["cache-control"] == "no-store"


def test_assets_are_kept_for_ever_under_their_version(client: TestClient) -> None:
    page = client.get("/deliveries").text
    base = page.split('rel="stylesheet" href="')[1].split("/tokens.css")[0]
    asset = client.get(f"{base}/main.js")
    assert asset.status_code == 200
    assert "immutable" in asset.headers["cache-control"]
    assert client.get("/static/older/main.js").headers["cache-control"] == "no-cache"
    assert client.get(f"{base}/main.js", headers={"if-none-match": asset.headers["etag"]}).status_code == 304
    assert client.get(f"{base}/../pages.py").status_code == 404
    assert client.get(f"{base}/%2e%2e/pages.py").status_code == 404


_ids = st.integers(1, 6).map(lambda number: f"{number:016x}")
_times = st.integers(-(2**63), 2**63 - 1)
_spans = st.builds(
    SpanRecord,
    trace_id=st.just("t"),
    span_id=_ids,
    parent_span_id=st.one_of(st.just(""), _ids),
    name=st.text(max_size=20),
    time_ns=_times,
    duration_ns=st.integers(0, 2**63 - 1),
)


@given(st.lists(_spans, max_size=120), st.lists(_spans, max_size=4))
def test_any_spans_circles_among_them_become_bars_inside_the_frame(
    spans: list[SpanRecord], deferred: list[SpanRecord]
) -> None:
    waterfall = waterfall_of(delivery(), spans, deferred)
    assert 1 <= len(waterfall.bars) <= MAX_BARS
    assert sum(bar.tone == "own" for bar in waterfall.bars) == 1
    for bar in waterfall.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= 100.01


@pytest.mark.parametrize(
    ("outcome", "genuine", "said", "not_said"),
    [
        ("unrouted", True, "Change the address in the provider", "not proved"),
        ("unrouted", False, "It was not proved to come from the provider", "Change the address"),
        ("redirected", True, "Give the provider the address that answers", "not proved"),
        ("turned_away", None, "CSRF protection", "Let this path through"),
        ("unprotected", True, "Ran without its idempotency store", "not proved"),
        ("handshake", True, "no event came", "not proved"),
    ],
)
def test_what_no_handler_had_says_so_and_what_to_do_if_it_is_genuine(
    outcome: str, genuine: bool | None, said: str, not_said: str, tmp_path: Path
) -> None:
    attributes = {semconv.NEAREST_ROUTE: "/hooks/{shop}"} if outcome == "unrouted" else {}
    one = delivery(outcome, signature_valid=genuine, attributes=attributes)
    with client_of(filled(tmp_path, Batch(deliveries=[one], size=100))) as client:
        page = page_of(client, one)
    assert said in page
    assert not_said not in page
    assert ("The nearest route is /hooks/{shop}." in page) == (outcome == "unrouted")


def test_an_exception_that_decided_something_is_shown_and_not_taken_for_the_failure(tmp_path: Path) -> None:
    away = SpanEvent(
        "exception", 1, {"exception.type": "outworx_otel.errors.StoreError", "exception.message": "away"}
    )
    attributes = {semconv.ERROR_TYPE: "failed", semconv.PROCESSING_REASON: "no stock"}
    one = delivery("failed", processing="failed", attributes=attributes, events=(away,))
    with client_of(filled(tmp_path, Batch(deliveries=[one], size=100))) as client:
        page = page_of(client, one)
    assert "Failed: no stock" in page
    assert "outworx_otel.errors.StoreError" in page


def test_a_token_is_never_called_a_signature_of_the_bytes(tmp_path: Path) -> None:
    one = delivery("accepted", signature_valid=True, attributes={semconv.SIGNATURE_KIND: "authenticated"})
    with client_of(filled(tmp_path, Batch(deliveries=[one], size=100))) as client:
        page = page_of(client, one)
    assert "the sender is authenticated" in page
    assert "the signature is valid" not in page
