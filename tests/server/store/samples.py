"""Deliveries of a busy shop: eight endpoints, most of them well, some of each kind of failure, a few rare ones."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Any, Final

from outworx_otel.server.model import Batch, SpanEvent, SpanLink, SpanRecord, StoredDelivery
from outworx_otel.telemetry import semconv

SECOND: Final = 10**9
DAY: Final = 86_400 * SECOND
NOW: Final = 1_790_000_000 * SECOND
"""In September 2026."""

_ENDPOINTS: Final = (
    ("stripe", "/webhooks/stripe", "shop", ("charge.succeeded", "charge.failed", "invoice.paid")),
    ("stripe", "/webhooks/stripe/connect", "shop", ("account.updated", "payout.paid")),
    ("github", "/webhooks/github", "ci", ("push", "pull_request", "issues", "check_run")),
    ("shopify", "/webhooks/shopify", "shop", ("orders/create", "orders/updated")),
    ("slack", "/slack/events", "bot", ("message", "app_mention")),
    ("svix", "/webhooks/svix", "shop", ("user.created", "user.deleted")),
    ("twilio", "/webhooks/sms", "bot", ("sms.received",)),
    ("custom", "/webhooks/erp", "erp", ("stock.changed", "price.changed")),
)
# outcome, status, reason, cause, idempotency, processing; and of a thousand how many.
_ENDS: Final = (
    (900, ("accepted", 200, None, None, "executed", "completed")),
    (40, ("replayed", 200, None, None, "replayed", None)),
    (20, ("rejected", 401, "hmac_mismatch", None, None, None)),
    (10, ("rejected", 401, "timestamp_too_old", None, None, None)),
    (10, ("error", 500, None, None, "executed", None)),
    (8, ("failed", 200, None, None, "executed", "failed")),
    (6, ("in_flight", 409, None, None, "in_flight", None)),
    (4, ("silent_drop", 200, None, "early_return", "executed", "silent_drop")),
    (2, ("silent_drop", 200, None, "swallowed_exception", "executed", "silent_drop")),
)
_WEIGHTS: Final = [weight for weight, _ in _ENDS]


def deliveries(
    count: int, since: int = NOW - DAY, until: int = NOW, seed: int = 1
) -> Iterator[StoredDelivery]:
    """As many, evenly spread from `since` to `until` (Unix nanoseconds), in the order of their times."""
    chance = random.Random(seed)  # noqa: S311  # to be the same each time
    for number in range(count):
        yield delivery(chance, since + (until - since) * number // count)


def delivery(chance: random.Random, time_ns: int, **fields: Any) -> StoredDelivery:
    """One, at a time; `fields` replace what it would have."""
    provider, route, service, types = chance.choice(_ENDPOINTS)
    outcome, status, reason, cause, idempotency, processing = chance.choices(_ENDS, _WEIGHTS)[0][1]
    trace_id, span_id = chance.randbytes(16).hex(), chance.randbytes(8).hex()
    event_id, event_type = f"evt_{chance.randbytes(9).hex()}", chance.choice(types)
    key = None if idempotency is None else hashlib.sha256(event_id.encode()).hexdigest()
    size, valid = chance.randrange(200, 4000), reason is None
    attributes = {
        semconv.PROVIDER: provider,
        semconv.EVENT_TYPE: event_type,
        semconv.CLOUDEVENTS_TYPE: event_type,
        semconv.EVENT_ID: event_id,
        semconv.CLOUDEVENTS_ID: event_id,
        semconv.CLOUDEVENTS_SOURCE: route,
        semconv.SIGNATURE_VALID: valid,
        semconv.SIGNATURE_REASON: reason,
        semconv.IDEMPOTENCY_OUTCOME: idempotency,
        semconv.IDEMPOTENCY_KEY: key,
        semconv.PROCESSING_STATUS: processing,
        semconv.SILENT_DROP_CAUSE: cause,
        semconv.HTTP_METHOD: "POST",
        semconv.HTTP_ROUTE: route,
        semconv.URL_PATH: route,
        semconv.HTTP_STATUS: status,
        semconv.HTTP_BODY_SIZE: size,
    }
    values: dict[str, Any] = {
        "id": trace_id[16:] + span_id,
        "time_ns": time_ns,
        "duration_ns": int(chance.lognormvariate(16, 0.8)),
        "provider": provider,
        "outcome": outcome,
        "trace_id": trace_id,
        "span_id": span_id,
        "service": service,
        "path": route,
        "route": route,
        "status": status,
        "event_type": event_type,
        "event_id": event_id,
        "signature_valid": valid,
        "reason": reason,
        "idempotency": idempotency,
        "idempotency_key": key,
        "processing": processing,
        "cause": cause,
        "body_size": size,
        "attributes": {name: value for name, value in attributes.items() if value is not None},
        "resource": {"service.name": service, "telemetry.sdk.language": "python", "host.name": "shop-1"},
    }
    return StoredDelivery(**{**values, **fields})


def one(**fields: Any) -> StoredDelivery:
    """A delivery of which only some fields matter."""
    chance = random.Random(str(sorted(fields.items())))  # noqa: S311  # to be the same each time
    return delivery(chance, fields.pop("time_ns", NOW), **fields)


def span(trace_id: str, number: int, **fields: Any) -> SpanRecord:
    """A database's span of a trace."""
    values: dict[str, Any] = {
        "trace_id": trace_id,
        "span_id": f"{number:016x}",
        "name": "SELECT shop",
        "time_ns": NOW + number,
        "duration_ns": 1_000_000,
        "kind": "client",
        "attributes": {"db.system": "postgresql"},
        "events": (SpanEvent("exception", NOW, {"exception.type": "KeyError"}),),
    }
    return SpanRecord(**{**values, **fields})


def process_span(of: StoredDelivery, **fields: Any) -> SpanRecord:
    """What tells of the outcome of a delivery's deferred work."""
    link = SpanLink(of.trace_id, of.span_id)
    return span("f" * 32, 1, name=f"process {of.provider}", scope=semconv.SCOPE, links=(link,), **fields)


def batch(*kept: StoredDelivery | SpanRecord) -> Batch:
    """What one request brings."""
    return Batch(
        deliveries=[one for one in kept if isinstance(one, StoredDelivery)],
        spans=[one for one in kept if isinstance(one, SpanRecord)],
        size=1000 * len(kept),
    )
