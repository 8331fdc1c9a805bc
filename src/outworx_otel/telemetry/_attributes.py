"""The attributes of a delivery's span, as far as each is known at its start and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.util.types import AttributeValue

from outworx_otel.telemetry import semconv
from outworx_otel.telemetry._events import finding_attributes
from outworx_otel.telemetry._exceptions import clean, shown
from outworx_otel.telemetry._mark import Mark
from outworx_otel.telemetry._record import Record
from outworx_otel.telemetry.cloudevents import event_in_headers
from outworx_otel.telemetry.redaction import MAX_NAME, cut, scrub

MAX_METADATA: Final = 32
_MAX_ID: Final = 1024
_MAX_METHOD: Final = 64
_USUAL_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "GET", "HEAD", "DELETE", "OPTIONS"})
_MAX_PATH: Final = 2048
_FOUND_BY: Final = (
    semconv.SIGNATURE_VALID,
    semconv.EVENT_TYPE,
    semconv.EVENT_ID,
    semconv.HTTP_ROUTE,
    semconv.PROVIDER,
    semconv.OUTCOME,
)


def start_attributes(record: Record) -> dict[str, AttributeValue]:
    """What is known when a delivery is let in or turned away."""
    attributes = _known_at_start(record)
    if record.metadata:
        _add_metadata(attributes, record.metadata)
    if record.capture_headers and not record.detected:
        omitted = record.redactor.add_headers(attributes, record.headers)
        if omitted:
            attributes[semconv.HEADERS_OMITTED] = omitted
    return attributes


def _known_at_start(record: Record) -> dict[str, AttributeValue]:
    path = record.path
    attributes: dict[str, AttributeValue] = {
        semconv.PROVIDER: record.provider,
        semconv.HTTP_METHOD: record.method,
        semconv.URL_PATH: path[:_MAX_PATH] if path.isascii() else cut(path, _MAX_PATH),
    }
    if record.method not in _USUAL_METHODS:
        _add_unusual_method(attributes, record.method)
    if record.detected:
        attributes[semconv.DETECTED] = True
    if record.route is not None:
        attributes[semconv.HTTP_ROUTE] = record.route
    if record.nearest_route is not None:
        attributes[semconv.NEAREST_ROUTE] = record.nearest_route
    if record.body_size is not None:
        attributes[semconv.HTTP_BODY_SIZE] = record.body_size
    _add_event(attributes, record)
    signature = record.signature
    if signature is not None:
        attributes[semconv.SIGNATURE_VALID] = signature.valid
        if signature.reason is not None:
            attributes[semconv.SIGNATURE_REASON] = signature.reason
        if signature.hint is not None:
            attributes[semconv.SIGNATURE_HINT] = clean(signature.hint)
        if signature.key_index is not None:
            attributes[semconv.SIGNATURE_KEY_INDEX] = signature.key_index
            if record.key_count > 1:
                attributes[semconv.SIGNATURE_KEY_COUNT] = record.key_count
        kind = getattr(signature, "kind", None)
        if kind is not None:
            attributes[semconv.SIGNATURE_KIND] = kind
        age = record.signature_age
        if age is not None:
            attributes[semconv.SIGNATURE_AGE] = round(age, 3)
    if record.idempotency_mode == "store":
        _add_idempotency(attributes, record)
    return attributes


def _add_unusual_method(attributes: dict[str, AttributeValue], method: str) -> None:
    """Anything may be sent as a method; the conventions know a closed set of names, in capitals."""
    from opentelemetry.util.http import sanitize_method

    given = cut(method, _MAX_METHOD)
    known = sanitize_method(given)
    attributes[semconv.HTTP_METHOD] = "_OTHER" if known == "NONSTANDARD" else known
    if given != known:
        attributes[semconv.HTTP_METHOD_ORIGINAL] = given


def _add_event(attributes: dict[str, AttributeValue], record: Record) -> None:
    for name, text in (semconv.EVENT_TYPE, record.event_type), (semconv.EVENT_ID, record.event_id):
        if text is not None:
            attributes[name] = text[:_MAX_ID] if text.isascii() else cut(text, _MAX_ID)
    event = record.cloud_event or event_in_headers(record.headers)
    if event is not None:
        attributes[semconv.CLOUDEVENTS_TYPE] = cut(event.type, _MAX_ID)
        attributes[semconv.CLOUDEVENTS_ID] = cut(event.id, _MAX_ID)
        attributes[semconv.CLOUDEVENTS_SOURCE] = cut(event.source, _MAX_ID)


def _add_idempotency(attributes: dict[str, AttributeValue], record: Record) -> None:
    if record.idempotency_outcome is None:
        return
    attributes[semconv.IDEMPOTENCY_OUTCOME] = record.idempotency_outcome
    if record.idempotency_key is not None:
        attributes[semconv.IDEMPOTENCY_KEY] = record.idempotency_key
        attributes[semconv.IDEMPOTENCY_MODE] = record.idempotency_mode
    if record.fingerprint_mismatch:
        attributes[semconv.IDEMPOTENCY_FINGERPRINT_MISMATCH] = True


def end_attributes(record: Record, error_type: str | None) -> dict[str, AttributeValue]:
    """What became of the delivery."""
    attributes = _known_at_end(record, error_type)
    if record.mark is not None:
        add_mark(attributes, record.mark, record.metadata)
    if record.request_body is not None:
        content_type = record.headers.get("content-type", "")
        attributes[semconv.REQUEST_BODY] = record.redactor.body(record.request_body, content_type)
    if record.response_body is not None:
        attributes[semconv.RESPONSE_BODY] = record.redactor.body(record.response_body)
    return attributes


def essential_attributes(record: Record, error_type: str | None) -> dict[str, AttributeValue]:
    """All but headers, metadata, marks and bodies; what a delivery is found by comes last, for a limit keeps that."""
    attributes = _known_at_start(record) | _known_at_end(record, error_type)
    for name in _FOUND_BY:
        if name in attributes:
            attributes[name] = attributes.pop(name)
    return attributes


def _known_at_end(record: Record, error_type: str | None) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {semconv.OUTCOME: record.outcome}
    if record.idempotency_mode == "transaction":
        # Known once the handler has come to its block.
        _add_idempotency(attributes, record)
    if record.event_read_late:
        _add_event(attributes, record)
        if record.body_size is not None:
            attributes[semconv.HTTP_BODY_SIZE] = record.body_size
    if record.status is not None:
        attributes[semconv.HTTP_STATUS] = record.status
    if record.processing is not None:
        attributes[semconv.PROCESSING_STATUS] = record.processing
    if record.committed is not None:
        attributes[semconv.IDEMPOTENCY_COMMITTED] = record.committed
        if record.answer_kept is False:
            attributes[semconv.IDEMPOTENCY_BODY_OMITTED] = True
    if record.findings:
        attributes.update(finding_attributes(record.findings[0]))
    if error_type is not None:
        attributes[semconv.ERROR_TYPE] = error_type
    return attributes


def add_mark(
    attributes: dict[str, AttributeValue], mark: Mark, metadata_before: Mapping[str, Any] | None = None
) -> None:
    """What the handler said of its work, and when.

    Args:
        metadata_before: the options' metadata, which the span has already.
    """
    attributes[semconv.PROCESSING_MARKED_AT] = mark.at_ns / 1e9
    if mark.reason is not None:
        attributes[semconv.PROCESSING_REASON] = clean(mark.reason)
    if mark.metadata is not None:
        omitted = _add_metadata({}, metadata_before) if metadata_before else 0
        _add_metadata(attributes, mark.metadata, omitted)


def _add_metadata(
    attributes: dict[str, AttributeValue], metadata: Mapping[str, Any], omitted: int = 0
) -> int:
    """Adds the first 32 entries; returns how many were left out, `omitted` included."""
    if not isinstance(metadata, Mapping):
        metadata = {"value": metadata}
    kept = 0
    for key, value in metadata.items():
        name = shown(key)
        if kept == MAX_METADATA or len(name) > MAX_NAME:
            omitted += 1
            continue
        kept += 1
        attributes[f"{semconv.METADATA_PREFIX}{scrub(name)}"] = _plain(value)
    if omitted:
        attributes[semconv.METADATA_OMITTED] = omitted
    return omitted


def _plain(value: Any) -> AttributeValue:
    # OTLP has integers of 64 bits, and one that does not fit costs the whole batch.
    if isinstance(value, float) or (isinstance(value, int) and -(2**63) <= value < 2**63):
        return value
    return clean(shown(value))
