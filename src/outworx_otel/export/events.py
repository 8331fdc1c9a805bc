"""A webhook span as an event of the JSON batch that the published SDK sends to `POST /api/ingest`."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from outworx_otel.telemetry import error_message, semconv

_OPTIONAL: Final = (
    ("event_type", semconv.EVENT_TYPE),
    ("request_body", semconv.REQUEST_BODY),
    ("response_body", semconv.RESPONSE_BODY),
    ("signature_valid", semconv.SIGNATURE_VALID),
    ("source_url", semconv.URL_PATH),
)
# Where an error's status has no description, the first of these that is set explains it.
_WHY: Final = (
    semconv.PROCESSING_REASON,
    semconv.SIGNATURE_REASON,
    semconv.SILENT_DROP_CAUSE,
    semconv.ERROR_TYPE,
)


def event_of(span: ReadableSpan) -> dict[str, Any] | None:
    """The event of a delivery's span; None for a span that is no delivery, such as `process`.

    An answer without a status is an exception that nothing turned into one: 500.
    """
    attributes = span.attributes or {}
    if semconv.HTTP_METHOD not in attributes or span.start_time is None:
        return None
    ended = span.end_time if span.end_time is not None else span.start_time
    status = _whole(attributes.get(semconv.HTTP_STATUS), 500)
    started = datetime.datetime.fromtimestamp(span.start_time / 1e9, datetime.timezone.utc)
    event: dict[str, Any] = {
        "provider": attributes.get(semconv.PROVIDER, "unknown"),
        "status_code": status,
        "success": status < 400 and span.status.status_code is not StatusCode.ERROR,
        "duration_ms": max(round((ended - span.start_time) / 1e6, 3), 0.0),
        "payload_size": _whole(attributes.get(semconv.HTTP_BODY_SIZE), 0),
        "timestamp": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    event.update({field: attributes[name] for field, name in _OPTIONAL if name in attributes})
    if headers := _below(attributes, semconv.HTTP_REQUEST_HEADER_PREFIX):
        event["request_headers"] = {name: _joined(value) for name, value in headers.items()}
    if metadata := _below(attributes, semconv.METADATA_PREFIX):
        event["metadata"] = metadata
    if message := _error_message(span, attributes):
        event["error_message"] = message
    return event


def encode_events(spans: Sequence[ReadableSpan]) -> bytes | None:
    """The request's body; None when no span of the batch is a delivery."""
    events = [event for event in map(event_of, spans) if event is not None]
    return msgspec.json.encode({"events": events}, enc_hook=str) if events else None


def _error_message(span: ReadableSpan, attributes: Mapping[str, Any]) -> str | None:
    """What went wrong, if anything did: in an accepted delivery too (the store was away, a key function raised)."""
    exceptions = [event.attributes or {} for event in span.events if event.name == semconv.EXCEPTION_EVENT]
    raised = [
        (str(found.get(semconv.EXCEPTION_TYPE, "")), str(found.get(semconv.EXCEPTION_MESSAGE, "")))
        for found in exceptions
    ]
    said: object = None
    if span.status.status_code is StatusCode.ERROR:
        said = span.status.description or next(
            (attributes[name] for name in _WHY if attributes.get(name)), None
        )
    return error_message(None if said is None else str(said), raised)


def _below(attributes: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name[len(prefix) :]: value for name, value in attributes.items() if name.startswith(prefix)}


def _joined(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _whole(value: object, default: int) -> int:
    return value if isinstance(value, int) else default
