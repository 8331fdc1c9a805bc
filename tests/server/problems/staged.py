"""Deliveries as applications report them, staged: what came of each is said in a word."""

from __future__ import annotations

import itertools
from typing import Any, Final

from outworx_otel.server.ingest.arrival_notes import noted
from outworx_otel.server.model import SpanEvent, SpanLink, SpanRecord, StoredDelivery
from outworx_otel.telemetry import semconv
from server.store.samples import NOW, SECOND

BEGIN: Final = NOW - 3600 * SECOND
ROUTE: Final = "/webhooks/stripe"
_numbers = itertools.count(1)


def came(outcome: str, second: float = 0.0, **fields: Any) -> StoredDelivery:
    """A delivery so many seconds after `BEGIN`; genuine unless its fields say otherwise.

    Args:
        fields: of `StoredDelivery`; `hint`, `kind`, `key_index`, `key_count`, `age`, `version`, `exception`, `trace`,
            `function`, `file`, `said`, `detected` and `error_type` go where spans have them.
    """
    number = next(_numbers)
    attributes: dict[str, Any] = {}
    for name, attribute in _ATTRIBUTES.items():
        if name in fields:
            attributes[attribute] = fields.pop(name)
    resource: dict[str, Any] = {"service.name": fields.get("service", "shop")}
    for name, attribute in _RESOURCE.items():
        if name in fields:
            resource[attribute] = fields.pop(name)
    events: tuple[SpanEvent, ...] = ()
    if "exception" in fields:
        kind, _, said = str(fields.pop("exception")).partition(": ")
        raised = {semconv.EXCEPTION_TYPE: kind, semconv.EXCEPTION_MESSAGE: said}
        raised[semconv.EXCEPTION_STACKTRACE] = fields.pop("trace", "")
        events = (SpanEvent(semconv.EXCEPTION_EVENT, BEGIN, raised),)
    values: dict[str, Any] = {
        "id": f"{number:016x}{number:016x}",
        "trace_id": f"{1:016x}{number:016x}",
        "span_id": f"{number:016x}",
        "time_ns": BEGIN + int(second * SECOND),
        "duration_ns": 5_000_000,
        "provider": "stripe",
        "service": "shop",
        "route": ROUTE,
        "path": ROUTE,
        "outcome": outcome,
        "status": _STATUS.get(outcome, 200),
        "signature_valid": outcome != "rejected",
        "event_id": f"evt_{number}",
        "attributes": attributes,
        "resource": resource,
        "events": events,
    }
    return noted(StoredDelivery(**{**values, **fields}), NOW)


def worked(of: StoredDelivery, status: str = "completed", second: float = 1.0, **fields: Any) -> SpanRecord:
    """The `process` span of a deferred delivery."""
    values: dict[str, Any] = {
        "trace_id": f"{next(_numbers):032x}",
        "span_id": f"{next(_numbers):016x}",
        "name": "process",
        "scope": semconv.SCOPE,
        "time_ns": BEGIN + int(second * SECOND),
        "duration_ns": 1000,
        "service": of.service,
        "error": status in ("failed", "silent_drop"),
        "attributes": {semconv.PROCESSING_STATUS: status},
        "links": (SpanLink(of.trace_id, of.span_id),),
    }
    return SpanRecord(**{**values, **fields})


_ATTRIBUTES: Final = {
    "hint": semconv.SIGNATURE_HINT,
    "kind": semconv.SIGNATURE_KIND,
    "key_index": semconv.SIGNATURE_KEY_INDEX,
    "key_count": semconv.SIGNATURE_KEY_COUNT,
    "age": semconv.SIGNATURE_AGE,
    "function": semconv.CODE_FUNCTION,
    "file": semconv.CODE_FILE,
    "detected": semconv.DETECTED,
    "error_type": semconv.ERROR_TYPE,
    "said": semconv.PROCESSING_REASON,
}
_RESOURCE: Final = {"version": "service.version"}
_STATUS: Final = {
    "rejected": 401,
    "refused": 400,
    "error": 500,
    "unrouted": 404,
    "redirected": 307,
    "turned_away": 403,
    "in_flight": 409,
}
