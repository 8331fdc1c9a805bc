"""The three metrics of deliveries. OpenTelemetry's metrics API is spoken here."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace import SpanContext
from opentelemetry.util.types import AttributeValue

from outworx_otel.process.forks import PerProcess
from outworx_otel.process.identity import ByIdentity
from outworx_otel.process.timer import call_in
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry._record import Record
from outworx_otel.telemetry.foreign import meter_of

MAX_EVENT_TYPES: Final = 200
MAX_ERROR_TYPES: Final = 200
MAX_SERIES: Final = 2000
MAX_NOTED: Final = 4096
DRAIN_AT: Final = 512
# Not empty: the SDK takes an empty context for none, and would use the current one.
_NO_SPAN: Final = trace.set_span_in_context(trace.INVALID_SPAN, Context())
_OVERFLOW: Final = "otel.metric.overflow"
_COUNTED: Final = (
    semconv.PROVIDER,
    semconv.HTTP_ROUTE,
    semconv.OUTCOME,
    semconv.SIGNATURE_REASON,
    semconv.IDEMPOTENCY_OUTCOME,
    semconv.PROCESSING_STATUS,
    semconv.EVENT_TYPE,
    semconv.SIGNATURE_KIND,
)
_Series = tuple[str | None, ...]


class _Noted(NamedTuple):
    seconds: float
    age: float | None
    error_type: str | None
    series: _Series
    span_context: SpanContext | None


class Instruments:
    """The instruments of one meter provider.

    What is measured of a delivery is only noted on its way. It is counted, and the SDK gets the times, when that
    collects, or by the deadlines' thread when the list has grown: a delivery pays ten times less so.
    """

    def __init__(self, meter_provider: metrics.MeterProvider | None) -> None:
        meter = meter_of(meter_provider)
        self._counts: dict[_Series, int] = {}
        self._noted: deque[_Noted] = deque()
        self._draining = False
        self._lock = PerProcess(threading.Lock)
        self._event_types: set[str] = set()
        self._error_types: set[str] = set()
        meter.create_observable_counter(
            semconv.METRIC_DELIVERIES, [self._observe], "{delivery}", "Webhook deliveries received."
        )
        self._duration = meter.create_histogram(
            semconv.METRIC_DURATION, "s", "From the first byte of a delivery to the last of its answer."
        )
        self._signature_age = meter.create_histogram(
            semconv.METRIC_SIGNATURE_AGE, "s", "Age of signed timestamps when they were checked."
        )

    def measure(self, record: Record, seconds: float, error_type: str | None = None) -> None:
        """Counts a delivery, and notes how long it took and how old its signature was."""
        reason = event_type = kind = None
        signature = record.signature
        if signature is not None:
            reason, kind = signature.reason, getattr(signature, "kind", None)
            if signature.valid and record.event_type is not None:
                event_type = _bounded(self._event_types, record.event_type, MAX_EVENT_TYPES)
        series: _Series = (
            record.provider,
            record.route,
            record.outcome,
            reason,
            record.idempotency_outcome,
            record.processing,
            event_type,
            kind,
        )
        if error_type is not None:
            error_type = _bounded(self._error_types, error_type, MAX_ERROR_TYPES)
        # Its context alone: the span itself, with all its attributes, has been handed on.
        span_context = None if record.span is None else record.span.get_span_context()
        self._noted.append(_Noted(seconds, record.signature_age, error_type, series, span_context))
        if len(self._noted) >= MAX_NOTED:
            self._drain()  # the deadlines' thread gets no time: better late than lost
        elif len(self._noted) >= DRAIN_AT and not self._draining:
            self._draining = True
            call_in(0, self._drain)

    def _drain(self) -> None:
        # Not for ever: a signal handler may have interrupted the thread that holds the lock, which then goes on.
        lock = self._lock()
        if not lock.acquire(timeout=1.0):
            return
        try:
            while self._noted:
                noted = self._noted.popleft()
                self._count(noted.series)
                self._record(noted)
        finally:
            self._draining = False
            lock.release()

    def _count(self, series: _Series) -> None:
        if series not in self._counts and len(self._counts) >= MAX_SERIES:
            series = ()
        self._counts[series] = self._counts.get(series, 0) + 1

    def _record(self, noted: _Noted) -> None:
        # An exemplar belongs to the delivery's span, not to what happens to be current at this time.
        context = _NO_SPAN
        if noted.span_context is not None:
            context = trace.set_span_in_context(trace.NonRecordingSpan(noted.span_context), _NO_SPAN)
        # Of the duration, the provider, the route and the outcome are told apart.
        attributes = _named(noted.series[:3])
        timed = (
            attributes if noted.error_type is None else {**attributes, semconv.ERROR_TYPE: noted.error_type}
        )
        self._duration.record(max(noted.seconds, 0.0), timed, context)
        if noted.age is not None and noted.age >= 0:
            self._signature_age.record(noted.age, attributes, context)

    def _observe(self, options: CallbackOptions) -> Iterable[Observation]:
        self._drain()
        counts = list(self._counts.items())
        for series, count in counts:
            yield Observation(count, _named(series))


def _bounded(known: set[str], text: str, limit: int) -> str:
    """The text, or `_OTHER` where it is a new one and there are too many."""
    if text not in known:
        if len(known) >= limit:
            return "_OTHER"
        known.add(text)
    return text


def _named(series: _Series) -> dict[str, AttributeValue]:
    named: dict[str, AttributeValue] = {
        name: value for name, value in zip(_COUNTED, series, strict=False) if value is not None
    }
    return named or {_OVERFLOW: True}


_global: Instruments | None = None
_by_provider: ByIdentity[Instruments] = ByIdentity()


def instruments_of(meter_provider: metrics.MeterProvider | None) -> Instruments:
    """The instruments of a meter provider, made once: the SDK keeps only the first of a name.

    Args:
        meter_provider: None is the global one, also if it is set later.
    """
    global _global
    if meter_provider is None:
        if _global is None:
            _global = Instruments(None)
        return _global
    made = _by_provider.get(meter_provider)
    if made is None:
        made = Instruments(meter_provider)
        _by_provider.set(meter_provider, made)
    return made
