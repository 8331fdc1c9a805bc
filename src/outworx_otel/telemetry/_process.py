"""The work of a delivery after its answer: a span of its own, linked to the delivery's."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer
from opentelemetry.util.types import AttributeValue

from outworx_otel.telemetry import semconv
from outworx_otel.telemetry._attributes import add_mark
from outworx_otel.telemetry._events import Events, finding_attributes
from outworx_otel.telemetry._exceptions import type_of_error
from outworx_otel.telemetry._result import problem_of_mark

if TYPE_CHECKING:
    from outworx_otel.drops import Finding
    from outworx_otel.telemetry._deferral import Deferral
    from outworx_otel.telemetry._mark import Mark

_NEVER_MARKED: Final = "silent drop: deferred work that was not marked as processed"


class Process:
    """Deferred work under way.

    Args:
        tracer: of this package's scope.
        events: writes what it raises.
        deferral: which delivery it belongs to.
        start_ns: when it began, in Unix nanoseconds; None is now.
    """

    def __init__(
        self, tracer: Tracer, events: Events, deferral: Deferral, start_ns: int | None = None
    ) -> None:
        self._events = events
        self._deferral = deferral
        self._start_ns = start_ns = start_ns or time.time_ns()
        attributes: dict[str, AttributeValue] = {
            semconv.PROVIDER: deferral.provider,
            semconv.QUEUE_DELAY: round(max(start_ns / 1e9 - deferral.deferred_at, 0.0), 3),
        }
        if deferral.route is not None:
            attributes[semconv.HTTP_ROUTE] = deferral.route
        if deferral.event_id is not None:
            attributes[semconv.EVENT_ID] = deferral.event_id
        self.span: Span = tracer.start_span(
            "process",
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            links=[Link(_delivery_span(deferral))] if deferral.trace_id else [],
            start_time=start_ns,
        )

    def enter(self) -> Callable[[], None]:
        """Makes the span current; the returned function undoes it."""
        token = otel_context.attach(trace.set_span_in_context(self.span))
        return lambda: otel_context.detach(token)

    def end(
        self, mark: Mark | None, error: BaseException | None = None, findings: tuple[Finding, ...] = ()
    ) -> None:
        """Ends the span with what became of the work; neither a mark nor an exception is a silent drop."""
        attributes: dict[str, AttributeValue] = {}
        why: str | None = None
        if mark is not None:
            attributes[semconv.PROCESSING_STATUS] = mark.status
            add_mark(attributes, mark)
            why = problem_of_mark(mark) if mark.status == "failed" else None
        elif error is None:
            attributes[semconv.PROCESSING_STATUS] = attributes[semconv.ERROR_TYPE] = "silent_drop"
            why = f"silent drop: {findings[0]}" if findings else _NEVER_MARKED
            if findings:
                attributes.update(finding_attributes(findings[0]))
        if error is not None:
            attributes[semconv.ERROR_TYPE] = why = type_of_error(error)
        was_dropped = mark is None and error is None
        self._events.of_work(self._deferral, self.span, error, findings if was_dropped else None)
        if why is not None:
            self.span.set_status(Status(StatusCode.ERROR, why[:1024]))
        self.span.set_attributes(attributes)
        # A clock that was set back meanwhile makes no time negative.
        self.span.end(max(time.time_ns(), self._start_ns))


def _delivery_span(deferral: Deferral) -> SpanContext:
    return SpanContext(
        int(deferral.trace_id, 16), int(deferral.span_id, 16), is_remote=True, trace_flags=TraceFlags(1)
    )
