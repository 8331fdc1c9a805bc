"""Every row of the list says why, in words."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx
import pytest

from outworx_otel.server.explaining.codes import CAUSES, REASONS
from outworx_otel.server.explaining.whys import why_of
from outworx_otel.server.ingest.arrival_notes import noted
from outworx_otel.server.model import Batch, StoredDelivery, Summary
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry.outcomes import OUTCOMES
from server.dashboard.kept import delivery, dropped, raised, rejected
from server.dashboard.serving import client_of, filled, listening
from server.dashboard.test_live import stream

_WHY = re.compile(r'<td class="c-why"><span[^>]*>([^<]*)</span>')


def failed(reason: str | None = None) -> StoredDelivery:
    attributes = {} if reason is None else {semconv.PROCESSING_REASON: reason}
    return delivery("failed", processing="failed", attributes={semconv.ERROR_TYPE: "failed", **attributes})


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (failed("the bank refused the refund"), "the bank refused the refund"),
        (failed(), "the handler did not say why: track.failed(reason) would show it"),
        (raised(), "KeyError: 'amount' (payments.py, stripe)"),
        (
            delivery("error", status=502, attributes={semconv.ERROR_TYPE: "502"}),
            "answered 502; no exception was recorded: the application's log may show why",
        ),
        (dropped("missing_await"), "a coroutine was never awaited (payments.py, stripe)"),
        (dropped(None), "the cause is not known: a run on Python 3.12 or newer would show it"),
        (rejected("timestamp_drift"), "the signed time is too far off"),
        (rejected("quantum_mismatch"), "quantum_mismatch"),
        (
            delivery("accepted", signature_valid=False, reason="missing_header"),
            "let in although the signature header is missing",
        ),
        (delivery("accepted", processing="ignored"), "ignored: none of the handler's business"),
        (delivery("refused", status=422), "the handler answered 422"),
        (delivery("turned_away", status=403), "something in front of the handler answered 403"),
        (
            delivery("unprotected", idempotency="fail_open"),
            "the idempotency store did not answer: it may have run twice",
        ),
        (
            delivery("error", status=503, idempotency="rejected"),
            "the idempotency store did not answer: turned away with 503",
        ),
    ],
    ids=lambda value: value.outcome if isinstance(value, Summary) else "",
)
def test_a_row_says_why_in_words(one: StoredDelivery, said: str, tmp_path: Path) -> None:
    with client_of(filled(tmp_path, Batch(deliveries=[noted(one, 1)], size=100))) as client:
        assert [html.unescape(why) for why in _WHY.findall(client.get("/deliveries").text)] == [said]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_no_outcome_is_left_without_words(outcome: str) -> None:
    assert why_of(noted(delivery(outcome), 1)).text


@pytest.mark.parametrize("code", [*REASONS, *CAUSES])
def test_no_code_stands_for_itself(code: str) -> None:
    one = rejected(code) if code in REASONS else dropped(code)
    assert code not in why_of(noted(one, 1)).text


def test_a_row_that_comes_live_says_why_too(tmp_path: Path) -> None:
    event = {
        "provider": "stripe",
        "status_code": 500,
        "success": False,
        "duration_ms": 3,
        "payload_size": 2,
        "timestamp": "2026-11-29T00:00:00Z",
        "error_message": "ValueError: the bank is closed",
    }
    with listening(filled(tmp_path)) as address, stream(address, "?outcome=error&outcome=failed") as events:
        httpx.post(f"{address}/api/ingest", json={"events": [event]}).raise_for_status()
        news = next(data for name, data in events if name == "deliveries")
    (why,) = _WHY.findall(str(news["rows"]))
    assert "the bank is closed" in html.unescape(why)
    assert "outcome=error&amp;outcome=failed" in str(news["rows"])
