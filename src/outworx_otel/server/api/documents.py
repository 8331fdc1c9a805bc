"""A delivery as JSON: the attributes' names without `outworx.webhook.`."""

from __future__ import annotations

import datetime
from typing import Any, Final

from outworx_otel import semconv
from outworx_otel.server.model import Delivery, Summary

_PREFIX: Final = "outworx.webhook."
_NAMES: Final = {
    "provider": semconv.PROVIDER,
    "event_type": semconv.EVENT_TYPE,
    "event_id": semconv.EVENT_ID,
    "route": semconv.HTTP_ROUTE,
    "path": semconv.URL_PATH,
    "method": semconv.HTTP_METHOD,
    "status": semconv.HTTP_STATUS,
    "signature_valid": semconv.SIGNATURE_VALID,
    "reason": semconv.SIGNATURE_REASON,
    "idempotency": semconv.IDEMPOTENCY_OUTCOME,
    "idempotency_key": semconv.IDEMPOTENCY_KEY,
    "processing": semconv.PROCESSING_STATUS,
    "cause": semconv.SILENT_DROP_CAUSE,
    "body_size": semconv.HTTP_BODY_SIZE,
    "outcome": semconv.OUTCOME,
}


def summary_document(delivery: Summary) -> dict[str, Any]:
    """What lists hold of a delivery; what is not known is left out."""
    document: dict[str, Any] = {
        "id": delivery.id,
        "time": iso_time(delivery.time_ns),
        "duration": delivery.duration_ns / 1e9,
        "trace_id": delivery.trace_id,
        "span_id": delivery.span_id,
        "service.name": delivery.service,
    }
    for field, name in _NAMES.items():
        value = getattr(delivery, field)
        if value is not None:
            document[name.removeprefix(_PREFIX)] = value
    return document


def delivery_document(delivery: Delivery) -> dict[str, Any]:
    """Everything of one delivery."""
    document = summary_document(delivery)
    for name, value in delivery.attributes.items():
        document.setdefault(name.removeprefix(_PREFIX), value)
    return document


def iso_time(time_ns: int) -> str:
    """UTC, to the millisecond."""
    moment = datetime.datetime.fromtimestamp(time_ns / 1e9, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
