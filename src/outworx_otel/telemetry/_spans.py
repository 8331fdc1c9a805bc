"""A settled delivery as one span. OpenTelemetry's tracing API is spoken here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from opentelemetry import context as otel_context
from opentelemetry import metrics, propagate, trace
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from outworx_otel.telemetry._allowance import SpanAllowance
from outworx_otel.telemetry._attributes import end_attributes, essential_attributes, start_attributes
from outworx_otel.telemetry._events import Events
from outworx_otel.telemetry._metrics import instruments_of
from outworx_otel.telemetry._process import Process
from outworx_otel.telemetry._record import Record
from outworx_otel.telemetry._result import error_type_of, problem
from outworx_otel.telemetry.foreign import tracer_of

if TYPE_CHECKING:
    from outworx_otel.http.headers import Headers
    from outworx_otel.idempotency import StoredAnswer
    from outworx_otel.telemetry._deferral import Deferral


UNPROVED_SPANS_PER_SECOND: Final = 10


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
        self._tracer = tracer_of(tracer_provider)
        self._instruments = instruments_of(meter_provider)
        self._events = Events()
        self._unproved = SpanAllowance(UNPROVED_SPANS_PER_SECOND)

    def start(self, record: Record) -> None:
        """Starts the span of a delivery that was let in or turned away, as of when it began."""
        parent, links = _parentage(record)
        record.span = self._tracer.start_span(
            f"webhook {record.provider}",
            context=parent,
            kind=SpanKind.CONSUMER,
            attributes=start_attributes(record),
            links=links,
            start_time=record.start_ns,
        )

    def start_if_affordable(self, record: Record) -> None:
        """Starts the span of what any stranger may send: where it was not proved genuine, ten a second at most."""
        if record.is_genuine or self._unproved.take(record.provider):
            self.start(record)

    def finish(self, record: Record) -> None:
        """Ends the span with what became of the delivery, and counts it."""
        span = record.span
        # A clock that was set back meanwhile makes no time negative.
        end_ns = max(record.end_ns or time.time_ns(), record.start_ns)
        error_type = error_type_of(record)
        try:
            if span is not None:
                if span.is_recording():
                    _describe(span, record, error_type)
                if (
                    record.error is not None
                    or record.causes
                    or record.rolled_back is not None
                    or record.processing == "silent_drop"
                ):
                    self._events.of_record(record, span, end_ns)
        finally:
            if span is not None:
                span.end(end_ns)
            self._instruments.measure(record, (end_ns - record.start_ns) / 1e9, error_type)

    def report(self, record: Record) -> None:
        """Reports a request that was addressed to a webhook and never became a delivery: a span, and a count.

        What was not proved genuine is counted always, and has at most ten spans a second for each provider.

        Args:
            record: with its `outcome` and `status`, with `signature` where one was checked, and with
                `nearest_route` where an unrouted request has one.
        """
        record.undelivered = True
        try:
            self.start_if_affordable(record)
        finally:
            self.finish(record)

    def process(self, deferral: Deferral, start_ns: int | None = None) -> Process:
        """Starts the span of work that goes on after its delivery's answer."""
        return Process(self._tracer, self._events, deferral, start_ns)


def _describe(span: Span, record: Record, error_type: str | None) -> None:
    why = problem(record)
    if why is not None:
        span.set_status(Status(StatusCode.ERROR, why))
    answer = record.replayed
    if answer is not None and answer.trace_id and record.idempotency_mode == "transaction":
        # The handler found out, with its span begun.
        span.add_link(_span_context(answer))
    attributes = end_attributes(record, error_type)
    if len(attributes) > 2:
        span.set_attributes(attributes)
    else:  # of most deliveries; one by one is cheaper
        for name, value in attributes.items():
            span.set_attribute(name, value)
    if getattr(span, "dropped_attributes", 0):
        # The SDK drops the oldest beyond its limit, which OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT may have made a small one.
        span.set_attributes(essential_attributes(record, error_type))


def _parentage(record: Record) -> tuple[otel_context.Context | None, list[Link]]:
    links = []
    answer = record.replayed
    if answer is not None and answer.trace_id:
        links.append(Link(_span_context(answer)))
    here = trace.get_current_span().get_span_context()
    if here.is_valid and not here.is_remote:
        return None, links
    mode = record.trace_context
    remote = here if here.is_valid else _remote(record.headers)
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


# The header names of the global propagator, which makes a new set of them at every look.
_fields: tuple[object, frozenset[str]] = (None, frozenset())


def _remote(headers: Headers) -> SpanContext:
    global _fields
    textmap = propagate.get_global_textmap()
    if _fields[0] is not textmap:
        _fields = textmap, frozenset(name.lower() for name in textmap.fields)
    if _fields[1].isdisjoint(headers):
        return trace.INVALID_SPAN_CONTEXT
    return trace.get_current_span(propagate.extract(headers)).get_span_context()
