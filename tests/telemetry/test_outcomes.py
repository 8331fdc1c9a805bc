"""The closed set of outcomes, and what each makes of the span's status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
from opentelemetry.trace import StatusCode

from outworx_otel.drops import Finding
from outworx_otel.telemetry import Mark, Record, outcome_of
from outworx_otel.telemetry.outcomes import OUTCOMES, SPAN_STATUS, Outcome

from .conftest import FORGED, GENUINE, Scene

Make = Callable[..., Record]

KNOWN: list[tuple[dict[str, Any], Outcome]] = [
    ({"status": 200}, "accepted"),
    ({"status": 302}, "accepted"),
    ({"status": 404}, "refused"),
    ({"status": 500}, "error"),
    ({}, "error"),
    ({"status": 200, "idempotency_outcome": "executed"}, "accepted"),
    ({"status": 200, "idempotency_outcome": "fail_open"}, "unprotected"),
    ({"status": 400, "idempotency_outcome": "fail_open"}, "refused"),
    ({"status": 503, "idempotency_outcome": "fail_open"}, "error"),
    ({"status": 200, "idempotency_outcome": "fail_open", "processing": "failed"}, "failed"),
    ({"status": 200, "idempotency_outcome": "fail_open", "processing": "deferred"}, "deferred"),
    ({"status": 200, "idempotency_outcome": "key_error"}, "accepted"),
    ({"status": 200, "idempotency_outcome": "replayed"}, "replayed"),
    ({"status": 422, "idempotency_outcome": "replayed"}, "replayed"),
    ({"status": 409, "idempotency_outcome": "in_flight"}, "in_flight"),
    ({"status": 401, "rejected_for": "hmac_mismatch"}, "rejected"),
    ({"status": 503, "idempotency_outcome": "rejected", "rejected_for": "store_unavailable"}, "rejected"),
    ({"status": 200, "processing": "silent_drop"}, "silent_drop"),
    ({"status": 500, "processing": "failed"}, "failed"),
    # A dependency's commit that failed after the answer, and a background task that raised.
    ({"status": 200, "error": RuntimeError("commit")}, "error"),
    ({"status": 200, "processing": "completed", "error": RuntimeError("commit")}, "error"),
]


def test_the_set_is_closed_and_each_has_its_rule() -> None:
    assert set(OUTCOMES) == set(get_args(Outcome)) == set(SPAN_STATUS)


@pytest.mark.parametrize(("known", "expected"), KNOWN)
def test_what_is_known_of_a_delivery_decides_its_outcome(
    known: dict[str, Any], expected: Outcome, record: Make
) -> None:
    assert outcome_of(record(**known)) == expected


@pytest.mark.parametrize(("known", "expected"), KNOWN)
def test_the_outcome_is_on_the_span_and_decides_its_status(
    known: dict[str, Any], expected: Outcome, record: Make, scene: Scene
) -> None:
    span = scene.deliver(record(**known, outcome=expected))
    assert span.attributes is not None
    assert span.attributes["outworx.webhook.outcome"] == expected
    assert span.attributes.get("http.response.status_code") == known.get("status")
    assert (span.status.status_code is StatusCode.ERROR) == (SPAN_STATUS[expected] == "error")
    assert ("error.type" in span.attributes) == (SPAN_STATUS[expected] == "error" and known != {})
    assert [point["outworx.webhook.outcome"] for point, _ in scene.points("deliveries")] == [expected]


def test_an_exception_after_the_answer_is_an_error_that_keeps_its_status(record: Make, scene: Scene) -> None:
    given = record(status=200, processing="completed", error=RuntimeError("commit failed"), outcome="error")
    span = scene.deliver(given)
    assert span.attributes is not None
    assert (span.attributes["http.response.status_code"], span.attributes["error.type"]) == (
        200,
        "RuntimeError",
    )
    assert span.status.description == "RuntimeError: commit failed"
    assert [event.name for event in span.events] == ["exception"]


def test_the_kind_of_a_verdict_and_the_mode_of_a_key_are_told(record: Make, scene: Scene) -> None:
    class Verdict:
        valid, reason, hint, key_index, signed_at, kind = True, None, None, None, None, "authenticated"

    span = scene.deliver(
        record(signature=Verdict(), idempotency_outcome="executed", idempotency_key="ab" * 32, status=200)
    )
    assert span.attributes is not None
    assert span.attributes["outworx.webhook.signature.kind"] == "authenticated"
    assert span.attributes["outworx.webhook.idempotency.mode"] == "store"


@pytest.mark.parametrize("outcome", ["key_error", "no_key"])
def test_without_a_key_there_is_no_mode(outcome: str, record: Make, scene: Scene) -> None:
    span = scene.deliver(record(signature=GENUINE, idempotency_outcome=outcome, status=200))
    assert span.attributes is not None
    assert "outworx.webhook.idempotency.mode" not in span.attributes
    assert "outworx.webhook.signature.kind" not in span.attributes


def test_the_duration_tells_errors_apart_by_a_bounded_type(record: Make, scene: Scene) -> None:
    scene.deliver(record(status=200))
    for number in range(250):
        error = type(f"E{number}", (Exception,), {"__module__": "builtins"})()
        scene.deliver(record(error=error, outcome="error"))
    types = [point.get("error.type") for point, _ in scene.points("duration")]
    assert None in types
    assert "E0" in types
    assert "_OTHER" in types
    assert len(types) == 202


def test_the_fullest_delivery_loses_none_of_its_attributes(record: Make, scene: Scene) -> None:
    headers = [(f"x-{n}", "y") for n in range(60)]
    headers += [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-type", "t"), ("ce-source", "/s")]
    metadata = {f"m{n}": n for n in range(50)}
    for known in (
        {
            "signature": GENUINE._replace(key_index=0, signed_at=1.0),
            "idempotency_outcome": "executed",
            "idempotency_key": "k",
            "committed": False,
            "answer_kept": False,
            "fingerprint_mismatch": True,
            "processing": "failed",
            "mark": Mark("failed", "no", {f"k{n}": n for n in range(50)}, 1),
        },
        {
            "signature": FORGED,
            "processing": "silent_drop",
            "findings": (Finding("swallowed_exception", "/a.py", 1, "f", "E", "d"),),
        },
    ):
        span = scene.deliver(
            record(
                headers,
                **known,
                route="/hook",
                metadata=metadata,
                capture_headers=True,
                body_size=1,
                event_type="t",
                event_id="i",
                request_body=b"{}",
                response_body=b"{}",
                status=500,
                outcome=known["processing"],
            )
        )
        assert span.dropped_attributes == 0
        assert (span.attributes or {})["outworx.webhook.provider"] == "stripe"
