"""A settled delivery as one span and three metrics. OpenTelemetry is spoken here."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry import metrics, propagate, trace
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from outworx_otel import semconv
from outworx_otel.redaction import scrub
from outworx_otel.version import __version__

if TYPE_CHECKING:
    from outworx_otel.headers import Headers
    from outworx_otel.idempotency import StoredAnswer
    from outworx_otel.options import TrackOptions
    from outworx_otel.redaction import Redactor
    from outworx_otel.signatures import SignatureResult
    from outworx_otel.track import Mark, ProcessingStatus

MAX_METADATA: Final = 32
MAX_TEXT: Final = 1024
MAX_EVENT_TYPES: Final = 200


@dataclass
class Record:
    """What is known of one delivery; the lifecycle writes it, telemetry reads it."""

    options: TrackOptions
    redactor: Redactor
    method: str
    path: str
    route: str | None
    headers: Headers
    start_ns: int
    detected: bool = False
    body_size: int | None = None
    event_type: str | None = None
    event_id: str | None = None
    event_read_late: bool = False
    signature: SignatureResult | None = None
    idempotency_outcome: str | None = None
    idempotency_key: str | None = None
    committed: bool | None = None
    fingerprint_mismatch: bool = False
    replayed: StoredAnswer | None = None
    request_body: bytes | None = None
    response_body: bytes | None = None
    status: int | None = None
    error: BaseException | None = None
    mark: Mark | None = None
    processing: ProcessingStatus | None = None
    outcome: str = "accepted"
    rejected_for: str | None = None
    end_ns: int | None = None
    span: Span | None = None

    @property
    def trace_id(self) -> str:
        """In hex, or "" where nothing is traced."""
        return span_identity(self)[0]


def span_identity(record: Record) -> tuple[str, str]:
    """Trace id and span id in hex, or two empty strings."""
    context = record.span.get_span_context() if record.span is not None else None
    if context is None or not context.is_valid:
        return "", ""
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


class Telemetry:
    """The tracer and the instruments, made once.

    Args:
        tracer_provider: None is the global one, also if it is set later.
        meter_provider: likewise.
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(semconv.SCOPE, __version__, tracer_provider, semconv.SCHEMA_URL)
        meter = metrics.get_meter(semconv.SCOPE, __version__, meter_provider, semconv.SCHEMA_URL)
        self._deliveries = meter.create_counter(
            semconv.METRIC_DELIVERIES, "{delivery}", "Webhook deliveries received."
        )
        self._duration = meter.create_histogram(
            semconv.METRIC_DURATION, "s", "From the first byte of a delivery to the last of its answer."
        )
        self._signature_age = meter.create_histogram(
            semconv.METRIC_SIGNATURE_AGE, "s", "Age of signed timestamps when they were checked."
        )
        self._event_types: set[str] = set()

    def start(self, record: Record) -> None:
        """Starts the span of a delivery that was let in or turned away, as of when it began."""
        parent, links = _parentage(record)
        record.span = self._tracer.start_span(
            f"webhook {record.options.provider}",
            context=parent,
            kind=SpanKind.CONSUMER,
            attributes=_start_attributes(record),
            links=links,
            start_time=record.start_ns,
        )

    def finish(self, record: Record) -> None:
        """Ends the span with what became of the delivery, and counts it."""
        span = record.span
        end_ns = record.end_ns or time.time_ns()
        try:
            if span is not None and span.is_recording():
                problem = _problem(record)
                if problem is not None:
                    span.set_status(Status(StatusCode.ERROR, problem))
                span.set_attributes(_end_attributes(record))
                if record.error is not None:
                    span.add_event("exception", _exception_attributes(record.error), end_ns)
        finally:
            if span is not None:
                span.end(end_ns)
            self._measure(record, (end_ns - record.start_ns) / 1e9)

    def late_mark(self, record: Record, mark: Mark) -> None:
        """Reports a mark that came when its delivery was already over, as a span linked to the delivery's."""
        links = [Link(record.span.get_span_context())] if record.span is not None else []
        attributes: dict[str, AttributeValue] = {
            semconv.PROVIDER: record.options.provider,
            semconv.PROCESSING_STATUS: mark.status,
        }
        _add_mark(attributes, mark)
        late = self._tracer.start_span(
            "process", kind=SpanKind.CONSUMER, attributes=attributes, links=links, start_time=mark.at_ns
        )
        if mark.status == "failed":
            late.set_status(Status(StatusCode.ERROR, _problem_of_mark(mark)))
        late.end()

    def _measure(self, record: Record, seconds: float) -> None:
        few: dict[str, AttributeValue] = {
            semconv.PROVIDER: record.options.provider,
            semconv.OUTCOME: record.outcome,
        }
        if record.route is not None:
            few[semconv.HTTP_ROUTE] = record.route
        self._duration.record(seconds, few)
        # The SDK keeps the first dictionary that it sees of a kind: what is added to goes in a copy.
        attributes = few.copy()
        signature = record.signature
        if signature is not None:
            age = _signature_age(record)
            if age is not None:
                self._signature_age.record(age, few)
            if signature.reason is not None:
                attributes[semconv.SIGNATURE_REASON] = signature.reason
            if signature.valid and record.event_type is not None:
                attributes[semconv.EVENT_TYPE] = self._bounded_event_type(record.event_type)
        if record.idempotency_outcome is not None:
            attributes[semconv.IDEMPOTENCY_OUTCOME] = record.idempotency_outcome
        if record.processing is not None:
            attributes[semconv.PROCESSING_STATUS] = record.processing
        self._deliveries.add(1, attributes)

    def _bounded_event_type(self, event_type: str) -> str:
        if event_type not in self._event_types:
            if len(self._event_types) >= MAX_EVENT_TYPES:
                return "_OTHER"
            self._event_types.add(event_type)
        return event_type


def _parentage(record: Record) -> tuple[otel_context.Context | None, list[Link]]:
    links = []
    answer = record.replayed
    if answer is not None and answer.trace_id:
        links.append(Link(_span_context(answer)))
    here = trace.get_current_span().get_span_context()
    if here.is_valid and not here.is_remote:
        return None, links
    mode = record.options.trace_context
    remote = here
    if not remote.is_valid and any(name in record.headers for name in propagate.get_global_textmap().fields):
        remote = trace.get_current_span(propagate.extract(record.headers)).get_span_context()
    if not remote.is_valid:
        return None, links
    if mode == "parent":
        return trace.set_span_in_context(trace.NonRecordingSpan(remote)), links
    if mode == "link":
        links.append(Link(remote))
    return trace.set_span_in_context(trace.INVALID_SPAN), links


def _span_context(answer: StoredAnswer) -> SpanContext:
    return SpanContext(
        int(answer.trace_id, 16), int(answer.span_id, 16), is_remote=True, trace_flags=TraceFlags(1)
    )


def _start_attributes(record: Record) -> dict[str, AttributeValue]:
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
        age = _signature_age(record)
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
        kept, omitted = record.redactor.headers(record.headers)
        prefix = semconv.HTTP_REQUEST_HEADER_PREFIX
        for name, value in kept.items():
            attributes[prefix + name] = (value,)
        if omitted:
            attributes[semconv.HEADERS_OMITTED] = omitted
    return attributes


def _signature_age(record: Record) -> float | None:
    signed_at = None if record.signature is None else record.signature.signed_at
    return None if signed_at is None else round(record.start_ns / 1e9 - signed_at, 3)


def _add_event(attributes: dict[str, AttributeValue], record: Record) -> None:
    if record.event_type is not None:
        attributes[semconv.EVENT_TYPE] = attributes[semconv.CLOUDEVENTS_TYPE] = record.event_type
    if record.event_id is not None:
        attributes[semconv.EVENT_ID] = attributes[semconv.CLOUDEVENTS_ID] = record.event_id
        attributes[semconv.CLOUDEVENTS_SOURCE] = record.headers.get("ce-source", record.options.provider)


def _end_attributes(record: Record) -> dict[str, AttributeValue]:
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
        _add_mark(attributes, record.mark)
    if record.committed is not None:
        attributes[semconv.IDEMPOTENCY_COMMITTED] = record.committed
    error_type = _error_type(record)
    if error_type is not None:
        attributes[semconv.ERROR_TYPE] = error_type
    if record.request_body is not None:
        attributes[semconv.REQUEST_BODY] = record.redactor.body(record.request_body)
    if record.response_body is not None:
        attributes[semconv.RESPONSE_BODY] = record.redactor.body(record.response_body)
    return attributes


def _add_mark(attributes: dict[str, AttributeValue], mark: Mark) -> None:
    attributes[semconv.PROCESSING_MARKED_AT] = mark.at_ns / 1e9
    if mark.reason is not None:
        attributes[semconv.PROCESSING_REASON] = scrub(mark.reason)[:MAX_TEXT]
    if mark.metadata is not None:
        _add_metadata(attributes, mark.metadata)


def _add_metadata(attributes: dict[str, AttributeValue], metadata: Mapping[str, Any]) -> None:
    if not isinstance(metadata, Mapping):
        metadata = {"value": metadata}
    omitted = 0
    for position, (key, value) in enumerate(metadata.items()):
        if position >= MAX_METADATA:
            omitted += 1
            continue
        plain = value if isinstance(value, bool | int | float) else scrub(str(value))[:MAX_TEXT]
        attributes[f"{semconv.METADATA_PREFIX}{str(key)[:128]}"] = plain
    if omitted:
        attributes[semconv.METADATA_OMITTED] = omitted


def _error_type(record: Record) -> str | None:
    if record.error is not None:
        kind = type(record.error)
        return (
            kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        )
    if record.rejected_for is not None:
        return record.rejected_for
    if record.processing in ("failed", "silent_drop"):
        return record.processing
    if record.status is not None and record.status >= 500:
        return str(record.status)
    return None


def _problem(record: Record) -> str | None:
    """Why the span is an error, or None where it is none."""
    if record.error is not None:
        return scrub(f"{type(record.error).__name__}: {record.error}")[:MAX_TEXT]
    if record.rejected_for is not None:
        return f"rejected: {record.rejected_for}"
    if record.processing == "failed" and record.mark is not None:
        return _problem_of_mark(record.mark)
    if record.processing == "silent_drop":
        return "silent drop: answered without marking the delivery as processed"
    if record.status is not None and record.status >= 500:
        return f"answered {record.status}"
    return None


def _problem_of_mark(mark: Mark) -> str:
    return scrub(f"failed: {mark.reason}")[:MAX_TEXT] if mark.reason else "failed"


def _exception_attributes(error: BaseException) -> dict[str, AttributeValue]:
    trace_lines = traceback.format_exception(type(error), error, error.__traceback__)
    return {
        semconv.EXCEPTION_TYPE: f"{type(error).__module__}.{type(error).__qualname__}",
        "exception.message": scrub(str(error))[:MAX_TEXT],
        "exception.stacktrace": scrub("".join(trace_lines))[-16_384:],
    }
