"""The attributes of a delivery's span, as far as each is known at its start and at its end."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.util.types import AttributeValue

from outworx_otel.drops import Finding
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry._mark import Mark
from outworx_otel.telemetry._record import Record
from outworx_otel.telemetry.redaction import scrub

MAX_METADATA: Final = 32
MAX_TEXT: Final = 1024
_MAX_TRACE: Final = 16_384


def start_attributes(record: Record) -> dict[str, AttributeValue]:
    options = record.options
    attributes: dict[str, AttributeValue] = {
        semconv.PROVIDER: options.provider,
        semconv.HTTP_METHOD: record.method,
        semconv.URL_PATH: record.path,
    }
    if record.detected:
        attributes[semconv.DETECTED] = True
    if record.route is not None:
        attributes[semconv.HTTP_ROUTE] = record.route
    if record.body_size is not None:
        attributes[semconv.HTTP_BODY_SIZE] = record.body_size
    _add_event(attributes, record)
    signature = record.signature
    if signature is not None:
        attributes[semconv.SIGNATURE_VALID] = signature.valid
        if signature.reason is not None:
            attributes[semconv.SIGNATURE_REASON] = signature.reason
        if signature.hint is not None:
            attributes[semconv.SIGNATURE_HINT] = signature.hint
        if signature.key_index is not None:
            attributes[semconv.SIGNATURE_KEY_INDEX] = signature.key_index
        age = record.signature_age
        if age is not None:
            attributes[semconv.SIGNATURE_AGE] = age
    if record.idempotency_outcome is not None:
        attributes[semconv.IDEMPOTENCY_OUTCOME] = record.idempotency_outcome
        if record.idempotency_key is not None:
            attributes[semconv.IDEMPOTENCY_KEY] = record.idempotency_key
        if record.fingerprint_mismatch:
            attributes[semconv.IDEMPOTENCY_FINGERPRINT_MISMATCH] = True
    if options.metadata:
        _add_metadata(attributes, options.metadata)
    if options.capture_headers and not record.detected:
        omitted = record.redactor.add_headers(attributes, record.headers)
        if omitted:
            attributes[semconv.HEADERS_OMITTED] = omitted
    return attributes


def _add_event(attributes: dict[str, AttributeValue], record: Record) -> None:
    if record.event_type is not None:
        attributes[semconv.EVENT_TYPE] = attributes[semconv.CLOUDEVENTS_TYPE] = record.event_type
    if record.event_id is not None:
        attributes[semconv.EVENT_ID] = attributes[semconv.CLOUDEVENTS_ID] = record.event_id
        attributes[semconv.CLOUDEVENTS_SOURCE] = record.headers.get("ce-source", record.options.provider)


def end_attributes(record: Record) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {}
    if record.event_read_late:
        _add_event(attributes, record)
        if record.body_size is not None:
            attributes[semconv.HTTP_BODY_SIZE] = record.body_size
    if record.status is not None:
        attributes[semconv.HTTP_STATUS] = record.status
    if record.processing is not None:
        attributes[semconv.PROCESSING_STATUS] = record.processing
    if record.mark is not None:
        add_mark(attributes, record.mark, len(record.options.metadata or ()) - MAX_METADATA)
    if record.committed is not None:
        attributes[semconv.IDEMPOTENCY_COMMITTED] = record.committed
        if record.answer_kept is False:
            attributes[semconv.IDEMPOTENCY_BODY_OMITTED] = True
    if record.findings:
        attributes.update(finding_attributes(record.findings[0]))
    error_type = _error_type(record)
    if error_type is not None:
        attributes[semconv.ERROR_TYPE] = error_type
    if record.request_body is not None:
        content_type = record.headers.get("content-type", "")
        attributes[semconv.REQUEST_BODY] = record.redactor.body(record.request_body, content_type)
    if record.response_body is not None:
        attributes[semconv.RESPONSE_BODY] = record.redactor.body(record.response_body)
    return attributes


def add_mark(attributes: dict[str, AttributeValue], mark: Mark, omitted: int = 0) -> None:
    attributes[semconv.PROCESSING_MARKED_AT] = mark.at_ns / 1e9
    if mark.reason is not None:
        attributes[semconv.PROCESSING_REASON] = scrub(mark.reason)[:MAX_TEXT]
    if mark.metadata is not None:
        _add_metadata(attributes, mark.metadata, max(omitted, 0))


def _add_metadata(
    attributes: dict[str, AttributeValue], metadata: Mapping[str, Any], omitted: int = 0
) -> None:
    if not isinstance(metadata, Mapping):
        metadata = {"value": metadata}
    for position, (key, value) in enumerate(metadata.items()):
        if position >= MAX_METADATA:
            omitted += 1
            continue
        attributes[f"{semconv.METADATA_PREFIX}{scrub(_shown(key)[:128])}"] = _plain(value)
    if omitted:
        attributes[semconv.METADATA_OMITTED] = omitted


def _plain(value: Any) -> AttributeValue:
    # OTLP has integers of 64 bits, and one that does not fit costs the whole batch.
    if isinstance(value, float) or (isinstance(value, int) and -(2**63) <= value < 2**63):
        return value
    return scrub(_shown(value)[: 4 * MAX_TEXT])[:MAX_TEXT]


def _shown(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # the application's class, or an integer of too many digits
        return f"<{type(value).__name__}>"


def _error_type(record: Record) -> str | None:
    if record.error is not None:
        return type_of_error(record.error)
    if record.rejected_for is not None:
        return record.rejected_for
    if record.processing in ("failed", "silent_drop"):
        return record.processing
    if record.status is not None and record.status >= 500:
        return str(record.status)
    return None


def type_of_error(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def problem(record: Record) -> str | None:
    """Why the span is an error, or None where it is none."""
    if record.error is not None:
        return scrub(f"{type(record.error).__name__}: {_shown(record.error)[: 4 * MAX_TEXT]}")[:MAX_TEXT]
    if record.rejected_for is not None:
        return f"rejected: {record.rejected_for}"
    if record.processing == "failed" and record.mark is not None:
        return problem_of_mark(record.mark)
    if record.processing == "silent_drop":
        if record.findings:
            return f"silent drop: {record.findings[0]}"[:MAX_TEXT]
        return "silent drop: answered without marking the delivery as processed"
    if record.status is not None and record.status >= 500:
        return f"answered {record.status}"
    return None


def problem_of_mark(mark: Mark) -> str:
    return scrub(f"failed: {mark.reason}")[:MAX_TEXT] if mark.reason else "failed"


def finding_attributes(finding: Finding) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        semconv.SILENT_DROP_CAUSE: finding.cause,
        semconv.PROCESSING_REASON: finding.detail,
        semconv.CODE_FILE: finding.file,
        semconv.CODE_LINE: finding.line,
        semconv.CODE_FUNCTION: finding.function,
    }
    if finding.exception_type is not None:
        attributes[semconv.EXCEPTION_TYPE] = finding.exception_type
    return attributes


def exception_attributes(error: BaseException) -> dict[str, AttributeValue]:
    trace_lines = traceback.format_exception(type(error), error, error.__traceback__)
    return {
        semconv.EXCEPTION_TYPE: f"{type(error).__module__}.{type(error).__qualname__}",
        "exception.message": scrub(_shown(error)[: 4 * MAX_TEXT])[:MAX_TEXT],
        "exception.stacktrace": scrub("".join(trace_lines)[-4 * _MAX_TRACE :])[-_MAX_TRACE:],
    }
