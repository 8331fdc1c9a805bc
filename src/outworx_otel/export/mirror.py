"""Beside a provider that takes neither processor nor reader, such as Datadog's: what it gets, we export as well.

A webhook span is made in both, under the same ids. So it stands once in each of the two places, and what runs inside
it is below it in both.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any, Final, cast

import wrapt
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Sampler

from outworx_otel.telemetry.foreign import meter_of, tracer_of


class MirroringTracerProvider(trace.TracerProvider):
    """Gives tracers whose spans are made by `theirs`, and by a provider of the SDK that is ours alone.

    Args:
        theirs: the application's provider.
        sampler: of the provider that is ours; None leaves it to the SDK.
    """

    def __init__(self, theirs: trace.TracerProvider, sampler: Sampler | None) -> None:
        self._theirs: Final = theirs
        self._ids: Final = _SameIds()
        self.ours: Final = TracerProvider(sampler=sampler, id_generator=self._ids)

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        """Arguments as for any provider."""
        return _Tracer(tracer_of(self._theirs), self.ours.get_tracer(*args, **kwargs), self._ids)


class _SameIds(RandomIdGenerator):
    """The ids of the span that the other provider has just made in this thread."""

    def __init__(self) -> None:
        self._made = threading.local()

    def take(self, made: trace.SpanContext | None) -> None:
        self._made.context = made

    def generate_span_id(self) -> int:
        made: trace.SpanContext | None = getattr(self._made, "context", None)
        return super().generate_span_id() if made is None else made.span_id

    def generate_trace_id(self) -> int:
        made: trace.SpanContext | None = getattr(self._made, "context", None)
        return super().generate_trace_id() if made is None else made.trace_id


class _Tracer(trace.Tracer):
    def __init__(self, theirs: trace.Tracer, ours: trace.Tracer, ids: _SameIds) -> None:
        self._theirs, self._ours, self._ids = theirs, ours, ids

    def start_span(self, name: str, context: Context | None = None, *args: Any, **kwargs: Any) -> trace.Span:
        their_span: trace.Span = trace.INVALID_SPAN
        with contextlib.suppress(Exception):
            their_span = self._theirs.start_span(name, context, *args, **kwargs)
        made = their_span.get_span_context()
        self._ids.take(made if made.is_valid else None)
        try:
            our_span = self._ours.start_span(name, context, *args, **kwargs)
        finally:
            self._ids.take(None)
        both: Any = _Span(their_span, our_span) if made.is_valid else our_span
        return cast("trace.Span", both)

    start_as_current_span = None  # type: ignore[assignment]  # nothing of ours calls it


def _in_both(name: str) -> Callable[..., None]:
    def call(self: _Span, *args: Any, **kwargs: Any) -> None:
        getattr(self._self_ours, name)(*args, **kwargs)
        with contextlib.suppress(Exception):  # theirs must not keep ours from its end
            getattr(self.__wrapped__, name)(*args, **kwargs)

    return call


class _Span(wrapt.ObjectProxy):  # type: ignore[type-arg,misc,unused-ignore]  # its stubs came with wrapt 2
    """Their span, to whoever asks (Datadog does by `isinstance`); what is said of it is said of ours as well."""

    def __init__(self, theirs: trace.Span, ours: trace.Span) -> None:
        super().__init__(theirs)
        self._self_ours = ours

    def is_recording(self) -> bool:
        return bool(self._self_ours.is_recording() or self.__wrapped__.is_recording())

    end = _in_both("end")
    set_attributes = _in_both("set_attributes")
    set_attribute = _in_both("set_attribute")
    add_event = _in_both("add_event")
    add_link = _in_both("add_link")
    update_name = _in_both("update_name")
    set_status = _in_both("set_status")
    record_exception = _in_both("record_exception")


class MirroringMeterProvider(metrics.MeterProvider):
    """Gives meters that measure in both; it has what the instruments of this package need, and no more.

    Args:
        theirs: the application's provider.
        ours: with the reader that exports.
    """

    def __init__(self, theirs: metrics.MeterProvider, ours: MeterProvider) -> None:
        self._theirs, self.ours = theirs, ours

    def get_meter(self, *args: Any, **kwargs: Any) -> Any:
        """Arguments as for any provider."""
        return _Meter(meter_of(self._theirs), self.ours.get_meter(*args, **kwargs))


class _Meter:
    def __init__(self, *meters: metrics.Meter) -> None:
        self._meters = meters

    def create_observable_counter(self, *args: Any) -> None:
        for meter in self._meters:
            meter.create_observable_counter(*args)

    def create_histogram(self, *args: Any) -> _Histogram:
        return _Histogram([meter.create_histogram(*args) for meter in self._meters])


class _Histogram:
    def __init__(self, histograms: list[metrics.Histogram]) -> None:
        self._histograms = histograms

    def record(self, *args: Any) -> None:
        for histogram in self._histograms:
            histogram.record(*args)
