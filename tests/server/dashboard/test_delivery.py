"""The page of one delivery, in plain words."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from outworx_otel.drops.finding import Cause
from outworx_otel.server.dashboard.escaping import breakable
from outworx_otel.server.dashboard.waterfall import MAX_BARS, waterfall_of
from outworx_otel.server.explaining.codes import CAUSES, KINDS, REASONS
from outworx_otel.server.formatting import iso
from outworx_otel.server.model import Batch, SpanEvent, SpanRecord, StoredDelivery
from outworx_otel.signatures.result import REASONS as REASON_CODES
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry.outcomes import OUTCOMES
from server.dashboard.kept import BODY, delivery, dropped, processed, rejected
from server.dashboard.serving import client_of, filled


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


def test_a_clock_that_is_off_stands_in_the_verdict(tmp_path: Path) -> None:
    one = delivery(ago=-20.5 * 60, duration_ns=0)
    with client_of(filled(tmp_path, Batch(deliveries=[one], size=100))) as client:
        told = client.get(f"/api/deliveries/{one.id}").json()["clock"]
        assert re.fullmatch(r"The clock of payments is 20 min \d+ s fast: synchronise it \(NTP\)\.", told)
        assert told in page_of(client, one)


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
    assert "service.<wbr>version" in page
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
        ("unprotected", True, "Ran without its idempotency key", "not proved"),
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


@pytest.mark.parametrize(
    ("outcome", "idempotency", "event", "said", "not_said"),
    [
        (
            "unprotected",
            "not_called",
            None,
            "without coming to its track.once(session)",
            "store did not answer",
        ),
        ("error", "executed", "rolled_back", "claimed, rolled back with the effects", "claimed, not"),
        ("accepted", "executed", None, "claimed with the effects, then committed", "rolled back"),
    ],
)
def test_a_key_in_the_applications_own_transaction_is_told_from_one_in_a_store(
    outcome: str, idempotency: str, event: str | None, said: str, not_said: str, tmp_path: Path
) -> None:
    attributes = {
        semconv.IDEMPOTENCY_MODE: "transaction",
        semconv.IDEMPOTENCY_COMMITTED: event is None,
    }
    lost = {
        semconv.EXCEPTION_TYPE: "sqlalchemy.exc.OperationalError",
        semconv.EXCEPTION_MESSAGE: "lock <timeout>",
    }
    events = (SpanEvent(semconv.ROLLED_BACK_EVENT, 1, lost),) if event else ()
    one = delivery(outcome, idempotency=idempotency, attributes=attributes, events=events)
    with client_of(filled(tmp_path, Batch(deliveries=[one], size=100))) as client:
        page = page_of(client, one)
    assert said in page
    assert not_said not in page
    assert ("sqlalchemy.exc.OperationalError: lock &lt;timeout&gt;" in page) == (event is not None)


def test_a_token_is_never_called_a_signature_of_the_bytes(tmp_path: Path) -> None:
    one = delivery("accepted", signature_valid=True, attributes={semconv.SIGNATURE_KIND: "authenticated"})
    with client_of(filled(tmp_path, Batch(deliveries=[one], size=100))) as client:
        page = page_of(client, one)
    assert "the sender is authenticated" in page
    assert "the signature is valid" not in page


_LIBRARY = """Traceback (most recent call last):
  File "/srv/app/views.py", line 12, in stripe
    shop.charge(event)
  File "/srv/app/shop.py", line 40, in charge
    client.post(url)
  File "/srv/.venv/lib/python3.12/site-packages/httpx/_client.py", line 1144, in post
    raise ConnectError(message)
httpx.ConnectError: the bank does not answer
"""


def test_an_exception_names_the_line_of_the_application_before_the_library_s(tmp_path: Path) -> None:
    happened = {
        semconv.EXCEPTION_TYPE: "httpx.ConnectError",
        semconv.EXCEPTION_MESSAGE: "the bank does not answer",
        semconv.EXCEPTION_STACKTRACE: _LIBRARY,
    }
    one = delivery(
        "error",
        status=500,
        attributes={semconv.ERROR_TYPE: "httpx.ConnectError"},
        events=(SpanEvent("exception", 1, happened),),
    )
    with client_of(filled(tmp_path, Batch(deliveries=[one], size=100))) as client:
        page = page_of(client, one)
    verdict = page.split('class="verdict ')[1].split("</section>")[0]
    assert "Error: ConnectError: the bank does not answer" in verdict.split("</h1>")[0]
    assert "/srv/app/shop.py:40" in verdict
    assert "charge" in verdict
    assert "site-packages" not in verdict


@pytest.mark.parametrize(
    ("before", "after", "handled"),
    [
        ("failed", "accepted", True),
        ("error", "unprotected", True),
        ("silent_drop", "accepted", True),
        ("error", "failed", False),
        ("accepted", "accepted", False),
    ],
)
def test_a_failure_whose_event_was_handled_later_says_so(
    before: str, after: str, handled: bool, tmp_path: Path
) -> None:
    first = delivery(before, ago=600, status=500, event_id="evt_again")
    second = delivery(after, ago=60, event_id="evt_again")
    with client_of(filled(tmp_path, Batch(deliveries=[first, second], size=100))) as client:
        page = page_of(client, first)
        assert "by a later delivery" not in page_of(client, second)
    verdict = page.split('class="verdict ')[1].split("</section>")[0]
    assert ("by a later delivery of this event" in verdict) is handled
    assert (f'href="/deliveries/{second.id}"' in verdict) is handled
    assert ("replay it" in verdict) is (before in ("failed", "error") and not handled)


@pytest.mark.parametrize(("seconds", "said"), [(3 * 3600, "3 h later"), (100, None), (-1200, None)])
def test_what_arrived_late_says_so_and_keeps_its_time(seconds: int, said: str | None, tmp_path: Path) -> None:
    one = delivery("accepted", ago=4 * 3600)
    one = msgspec.structs.replace(one, arrived_ns=one.time_ns + one.duration_ns + seconds * 10**9)
    with client_of(filled(tmp_path, Batch(deliveries=[one], size=100))) as client:
        page = page_of(client, one)
    assert ("the report of it arrived" in page) is (said is not None)
    assert said is None or f"arrived {said}" in page
    assert f'<dt>Received</dt><dd><time class="when" datetime="{iso(one.time_ns)}"' in page


def test_a_proved_rewriting_sends_to_what_stands_in_front(tmp_path: Path) -> None:
    one = rejected("parsed_body", "Proved: the sender signed this JSON written compactly.")
    with client_of(filled(tmp_path, Batch(deliveries=[one], size=100))) as client:
        assert "Something in front of the application" in page_of(client, one)


def test_a_delivery_leads_to_those_beside_it_in_the_list_it_was_opened_from(tmp_path: Path) -> None:
    outcomes = ["failed", "accepted", "error", "accepted", "failed"]
    some = [delivery(outcome, ago=10 * number + 1) for number, outcome in enumerate(outcomes)]
    query = "?outcome=failed&amp;outcome=error"

    def beside(page: str) -> dict[str, str]:
        return dict(_BESIDE.findall(page))

    with client_of(filled(tmp_path, Batch(deliveries=some, size=500))) as client:
        within = client.get(f"/deliveries/{some[2].id}?outcome=failed&outcome=error").text
        assert beside(within) == {
            "prev": f"/deliveries/{some[0].id}{query}",
            "next": f"/deliveries/{some[4].id}{query}",
        }
        assert f'href="/deliveries{query}"' in within
        assert beside(client.get(f"/deliveries/{some[4].id}?outcome=failed").text).keys() == {"prev"}
        assert beside(page_of(client, some[0])) == {"next": f"/deliveries/{some[1].id}"}
        # What makes no sense is no reason not to show the delivery.
        assert client.get(f"/deliveries/{some[0].id}?outcome=nonsense&since=x").status_code == 200


_BESIDE = re.compile(r'rel="(prev|next)" href="([^"]+)"')


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("http.request.body_size", "http.<wbr>request.<wbr>body_<wbr>size"),
        ("x-request-id", "x-<wbr>request-<wbr>id"),
        ("<b>.c", "&lt;b&gt;.<wbr>c"),
        ("plain", "plain"),
        ("a..b__", "a..<wbr>b__"),
    ],
)
def test_a_name_is_broken_between_its_words(name: str, shown: str) -> None:
    assert breakable(name) == shown
