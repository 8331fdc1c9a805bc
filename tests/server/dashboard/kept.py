"""Deliveries as ingest keeps them, one of each kind."""

from __future__ import annotations

import itertools
import time
from typing import Any

from outworx_otel.server.ingest.arrival_notes import noted
from outworx_otel.server.model import Batch, SpanEvent, SpanLink, SpanRecord, StoredDelivery, Summary
from outworx_otel.telemetry import semconv

MS = 1_000_000
SECOND = 1_000 * MS

BODY = (
    '{"id":"evt_4821","type":"charge.succeeded",'
    '"data":{"object":{"id":"ch_4821","amount":4900,"paid":true,"note":null}}}'
)
_numbers = itertools.count(1)


def delivery(
    outcome: str = "accepted", *, ago: float = 60.0, number: int | None = None, **fields: Any
) -> StoredDelivery:
    """One delivery, `ago` seconds old; what has a name as an attribute becomes one too."""
    number = next(_numbers) if number is None else number
    mark = f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}"
    attributes: dict[str, Any] = {
        semconv.PROVIDER: "stripe",
        semconv.HTTP_METHOD: "POST",
        semconv.HTTP_ROUTE: "/webhooks/stripe",
        semconv.URL_PATH: "/webhooks/stripe",
        **fields.pop("attributes", {}),
    }
    shown: dict[str, Any] = {
        "id": mark + mark,
        "time_ns": time.time_ns() - int(ago * SECOND),
        "duration_ns": 12 * MS,
        "provider": "stripe",
        "outcome": outcome,
        "trace_id": f"{number:016x}{mark}",
        "span_id": mark,
        "service": "payments",
        "path": "/webhooks/stripe",
        "route": "/webhooks/stripe",
        "status": 200,
        "event_type": "charge.succeeded",
        "event_id": f"evt_{number}",
        **fields,
    }
    for field, name in NAMES.items():
        if shown.get(field) is not None:
            attributes[name] = shown[field]
    return StoredDelivery(**shown, attributes=attributes)


NAMES = {
    "provider": semconv.PROVIDER,
    "event_type": semconv.EVENT_TYPE,
    "event_id": semconv.EVENT_ID,
    "route": semconv.HTTP_ROUTE,
    "path": semconv.URL_PATH,
    "status": semconv.HTTP_STATUS,
    "signature_valid": semconv.SIGNATURE_VALID,
    "reason": semconv.SIGNATURE_REASON,
    "idempotency": semconv.IDEMPOTENCY_OUTCOME,
    "idempotency_key": semconv.IDEMPOTENCY_KEY,
    "processing": semconv.PROCESSING_STATUS,
    "cause": semconv.SILENT_DROP_CAUSE,
    "body_size": semconv.HTTP_BODY_SIZE,
}

_HEADERS = {
    f"{semconv.HTTP_REQUEST_HEADER_PREFIX}content-type": ["application/json"],
    f"{semconv.HTTP_REQUEST_HEADER_PREFIX}user-agent": ["Stripe/1.0 (+https://stripe.com/docs/webhooks)"],
    f"{semconv.HTTP_REQUEST_HEADER_PREFIX}stripe-signature": ["[redacted]"],
    f"{semconv.HTTP_REQUEST_HEADER_PREFIX}x-request-id": ["req_8412"],
}


def processed(**fields: Any) -> StoredDelivery:
    """A genuine one with everything captured."""
    started = time.time_ns() - int(fields.get("ago", 60.0) * SECOND)
    return delivery(
        **{
            "time_ns": started,
            "signature_valid": True,
            "idempotency": "executed",
            "idempotency_key": "5f1c" * 16,
            "processing": "completed",
            "body_size": len(BODY),
            "attributes": {
                **_HEADERS,
                semconv.SIGNATURE_AGE: 1.4,
                semconv.SIGNATURE_KEY_INDEX: 0,
                semconv.IDEMPOTENCY_COMMITTED: True,
                semconv.PROCESSING_MARKED_AT: started / 1e9 + 0.009,
                semconv.REQUEST_BODY: BODY,
                semconv.RESPONSE_BODY: '{"received":true}',
                f"{semconv.METADATA_PREFIX}amount": 4900,
            },
            "resource": {"service.name": "payments", "service.version": "2.1.0", "host.name": "web-3"},
            **fields,
        }
    )


def rejected(
    reason: str = "hmac_mismatch", hint: str = "A wrong secret, or a changed body.", **fields: Any
) -> StoredDelivery:
    """One whose signature is not valid."""
    attributes = {**_HEADERS, semconv.SIGNATURE_HINT: hint, semconv.ERROR_TYPE: reason}
    return delivery(
        "rejected",
        **{
            "status": 401,
            "signature_valid": False,
            "reason": reason,
            "duration_ns": 480_000,
            "attributes": attributes,
            "body_size": len(BODY),
            **fields,
        },
    )


def dropped(cause: str | None = "early_return", **fields: Any) -> StoredDelivery:
    """One that was answered 200 and not handled."""
    attributes: dict[str, Any] = {**_HEADERS, semconv.ERROR_TYPE: "silent_drop"}
    if cause is not None:
        attributes |= {
            semconv.CODE_FILE: "/app/payments.py",
            semconv.CODE_LINE: 46,
            semconv.CODE_FUNCTION: "stripe",
            semconv.PROCESSING_REASON: "returned before the mark on line 48",
        }
    return delivery(
        "silent_drop",
        **{
            "signature_valid": True,
            "idempotency": "executed",
            "idempotency_key": "77ab" * 16,
            "processing": "silent_drop",
            "cause": cause,
            "attributes": attributes,
            "event_type": "customer.deleted",
            **fields,
        },
    )


def raised(**fields: Any) -> StoredDelivery:
    """One whose handler raised."""
    stack = "Traceback (most recent call last):\n"
    stack += """  File "/app/payments.py", line 31, in stripe\n    charge(event)\nKeyError: 'amount'\n"""
    attributes = {semconv.ERROR_TYPE: "KeyError"}
    event = SpanEvent(
        "exception",
        time.time_ns(),
        {
            "exception.type": "builtins.KeyError",
            "exception.message": "'amount'",
            "exception.stacktrace": stack,
        },
    )
    return delivery(
        "error",
        **{"status": 500, "signature_valid": True, "attributes": attributes, "events": (event,), **fields},
    )


def replayed(first: Summary, **fields: Any) -> StoredDelivery:
    """A duplicate of `first`, linked to it."""
    return delivery(
        "replayed",
        **{
            "event_id": first.event_id,
            "signature_valid": True,
            "idempotency": "replayed",
            "idempotency_key": first.idempotency_key,
            "duration_ns": 900_000,
            "links": (SpanLink(first.trace_id, first.span_id),),
            **fields,
        },
    )


def spans_of(one: StoredDelivery) -> list[SpanRecord]:
    """The server's span above a delivery, two below, and the work that went on afterwards."""

    def span(name: str, number: int, parent: str, after: int, took: int, **more: Any) -> SpanRecord:
        return SpanRecord(
            **{
                "trace_id": one.trace_id,
                "span_id": f"{number:016x}",
                "name": name,
                "time_ns": one.time_ns + after * MS,
                "duration_ns": took * MS,
                "parent_span_id": parent,
                "service": one.service,
                **more,
            }
        )

    return [
        span("POST /webhooks/stripe", 901, "", -1, 15, kind="server"),
        span("SELECT orders", 902, one.span_id, 2, 3, kind="client"),
        span("UPDATE orders", 903, one.span_id, 6, 4, kind="client"),
        span(
            "process",
            904,
            "",
            40,
            120,
            trace_id=f"{904:032x}",
            kind="consumer",
            scope=semconv.SCOPE,
            attributes={semconv.PROVIDER: one.provider, semconv.PROCESSING_STATUS: "completed"},
            links=(SpanLink(one.trace_id, one.span_id),),
        ),
    ]


def one_of_each() -> Batch:
    """A batch with every kind."""
    first = processed(ago=300)
    deferred = delivery(
        "deferred",
        ago=250,
        processing="deferred",
        signature_valid=True,
        event_type="invoice.paid",
        provider="github",
        route="/hooks/github",
        path="/hooks/github",
        service="shop",
    )
    deliveries = [
        first,
        replayed(first, ago=240),
        deferred,
        rejected(ago=200),
        rejected(
            "parsed_body",
            "Proved: the sender signed this JSON written compactly.",
            ago=180,
            provider="github",
            event_type="push",
            route="/hooks/github",
            path="/hooks/github",
            service="shop",
        ),
        dropped(ago=150),
        dropped("swallowed_exception", ago=140),
        raised(ago=120),
        delivery(
            "failed",
            ago=90,
            processing="failed",
            event_type="charge.refunded",
            attributes={semconv.PROCESSING_REASON: "no order for charge ch_0000"},
        ),
        delivery("refused", ago=60, status=404),
        delivery("in_flight", ago=30, status=409, idempotency="in_flight"),
    ]
    spans = [*spans_of(first)]
    spans.append(
        SpanRecord(
            trace_id=f"{77:032x}",
            span_id=f"{77:016x}",
            name="process",
            time_ns=deferred.time_ns + 90 * MS,
            duration_ns=400 * MS,
            kind="consumer",
            scope=semconv.SCOPE,
            service="worker",
            error=True,
            status_message="failed: card declined",
            attributes={semconv.PROVIDER: "github", semconv.PROCESSING_STATUS: "failed"},
            links=(SpanLink(deferred.trace_id, deferred.span_id),),
        )
    )
    now = time.time_ns()
    return Batch(deliveries=[noted(one, now) for one in deliveries], spans=spans, size=20_000)
