"""Captures deliveries in memory, beside whatever the application does with its spans.

The application's tracer provider is neither replaced nor added to: our own tracer is watched. A span that cannot be
read back (no SDK is configured, it was not sampled, another maker's SDK made it) has a twin that is recorded by a
provider that only the capture knows.
"""

from __future__ import annotations

import contextlib
import linecache
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, overload

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, SpanContext, Status, StatusCode, Tracer
from opentelemetry.util.types import Attributes, AttributeValue

from outworx_otel.telemetry import Telemetry, semconv


@dataclass(frozen=True)
class CapturedDelivery:
    """One delivery, or a request that never became one, as its span tells it.

    Args:
        outcome: what became of it: `accepted`, `rejected`, `unrouted`, ... (`outworx.webhook.outcome`).
        provider: who sent it.
        path: where to.
        status: the answer's HTTP status; None where there was none.
        processing: `completed`, `failed`, `ignored`, `silent_drop`, `deferred`, or None where nothing was asked.
        reason: what the handler said of `failed` or `ignored`.
        signature_valid: the verdict; None where there was nothing to verify.
        signature_reason: why it is not valid.
        signature_kind: `verified` or, where the sender alone is known, `authenticated`; None where it is not valid.
        idempotency: the outcome, where a key was found.
        event_type: where known.
        event_id: where known.
        cause: of a silent drop.
        file: where that is in the application.
        line: of that file.
        exception_type: what was swallowed.
        explanation: of an error, in words.
        span: all of it.
    """

    outcome: str
    provider: str
    path: str
    status: int | None
    processing: str | None
    reason: str | None
    signature_valid: bool | None
    signature_reason: str | None
    signature_kind: str | None
    idempotency: str | None
    event_type: str | None
    event_id: str | None
    cause: str | None
    file: str | None
    line: int | None
    exception_type: str | None
    explanation: str | None
    span: ReadableSpan

    @classmethod
    def of(cls, span: ReadableSpan) -> CapturedDelivery:
        """Reads a delivery's span."""
        found: dict[str, Any] = dict(span.attributes or {})
        failed = span.status.status_code is StatusCode.ERROR
        return cls(
            outcome=found.get(semconv.OUTCOME, ""),
            provider=found.get(semconv.PROVIDER, ""),
            path=found.get(semconv.URL_PATH, ""),
            status=found.get(semconv.HTTP_STATUS),
            processing=found.get(semconv.PROCESSING_STATUS),
            reason=found.get(semconv.PROCESSING_REASON),
            signature_valid=found.get(semconv.SIGNATURE_VALID),
            signature_reason=found.get(semconv.SIGNATURE_REASON),
            signature_kind=found.get(semconv.SIGNATURE_KIND),
            idempotency=found.get(semconv.IDEMPOTENCY_OUTCOME),
            event_type=found.get(semconv.EVENT_TYPE),
            event_id=found.get(semconv.EVENT_ID),
            cause=found.get(semconv.SILENT_DROP_CAUSE),
            file=found.get(semconv.CODE_FILE),
            line=found.get(semconv.CODE_LINE),
            exception_type=found.get(semconv.EXCEPTION_TYPE),
            explanation=span.status.description if failed else None,
            span=span,
        )

    @property
    def silently_dropped(self) -> bool:
        """Whether it was answered as if all were well, and nobody said that the work was done."""
        return self.processing == "silent_drop"

    def __str__(self) -> str:
        """What happened; of a silent drop the very line."""
        said = f"{self.provider} {self.path}: answered {self.status}, {self.processing or self._without_a_mark()}"
        if self.explanation:
            said += f"\n  {self.explanation}"
        if self.file is not None and self.line is not None:
            source = linecache.getline(self.file, self.line).strip()
            said += f"\n  {self.file}:{self.line}: {source}"
        return said

    def _without_a_mark(self) -> str:
        return "no mark asked for" if self.outcome == "accepted" else self.outcome


class Webhooks(Sequence[CapturedDelivery]):
    """What was reported of one test's webhooks, in the order in which it began: two spans of one request are two."""

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def _started(self, span: ReadableSpan) -> None:
        self._spans.append(span)

    def _finished(self, name: str) -> list[ReadableSpan]:
        return [
            span for span in list(self._spans) if span.end_time is not None and span.name.startswith(name)
        ]

    @property
    def deliveries(self) -> list[CapturedDelivery]:
        """Those that have been answered."""
        return [CapturedDelivery.of(span) for span in self._finished("webhook ")]

    @property
    def silent_drops(self) -> list[CapturedDelivery]:
        """Those that were answered without a mark that was required."""
        return [delivery for delivery in self.deliveries if delivery.silently_dropped]

    @property
    def last(self) -> CapturedDelivery:
        """The latest.

        Raises:
            AssertionError: there was none.
        """
        deliveries = self.deliveries
        assert deliveries, (
            "no delivery was captured: is the application instrumented, and the route an endpoint?"
        )
        return deliveries[-1]

    @property
    def processes(self) -> list[ReadableSpan]:
        """The `process` spans of work that was marked after its delivery was over."""
        return self._finished("process")

    def wait_for(self, count: int, timeout: float = 5.0) -> list[CapturedDelivery]:
        """Waits until so many deliveries were answered, by a server in another thread.

        Args:
            count: how many.
            timeout: seconds.

        Raises:
            AssertionError: there were fewer in that time.
        """
        end = time.monotonic() + timeout
        while len(self.deliveries) < count and time.monotonic() < end:
            time.sleep(0.01)
        deliveries = self.deliveries
        assert len(deliveries) >= count, f"{len(deliveries)} deliveries in {timeout} s, not {count}"
        return deliveries

    def clear(self) -> None:
        """Forgets what was captured so far."""
        self._spans.clear()

    def __len__(self) -> int:
        return len(self.deliveries)

    @overload
    def __getitem__(self, index: int) -> CapturedDelivery: ...
    @overload
    def __getitem__(self, index: slice) -> list[CapturedDelivery]: ...
    def __getitem__(self, index: int | slice) -> CapturedDelivery | list[CapturedDelivery]:
        return self.deliveries[index]


@contextlib.contextmanager
def capture() -> Iterator[Webhooks]:
    """Captures the deliveries of every instrumented application in this process; may be nested."""
    webhooks = Webhooks()
    with _lock:
        _captures.append(webhooks)
        if len(_captures) == 1:
            setattr(Telemetry, _TRACER, _WatchedTracer())
    try:
        yield webhooks
    finally:
        with _lock:
            _captures.remove(webhooks)
            if not _captures:
                delattr(Telemetry, _TRACER)


# Where a `Telemetry` keeps its tracer: a descriptor of that name stands in front of every instance's own.
_TRACER: Final = "_tracer"
_captures: Final[list[Webhooks]] = []
_lock: Final = threading.Lock()
_private: TracerProvider | None = None


class _WatchedTracer:
    """The tracer of every `Telemetry`, also of those made later on, for as long as something is captured."""

    def __get__(self, telemetry: Telemetry, owner: type[Telemetry]) -> Any:
        return _Tee(vars(telemetry)[_TRACER])

    def __set__(self, telemetry: Telemetry, tracer: Tracer) -> None:
        vars(telemetry)[_TRACER] = tracer


class _Tee:
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start_span(self, *args: Any, **kwargs: Any) -> Span:
        span = self._tracer.start_span(*args, **kwargs)
        readable: Any = span
        if not (isinstance(span, ReadableSpan) and span.is_recording()):
            readable = _private_tracer().start_span(*args, **kwargs)
            # Without an SDK, "the span" is none, or the very one that is current already.
            current = trace.get_current_span(kwargs.get("context")).get_span_context()
            is_none = span.get_span_context() in (trace.INVALID_SPAN_CONTEXT, current)
            span = readable if is_none else _Twins(span, readable)
        for webhooks in list(_captures):
            webhooks._started(readable)
        return span


class _Twins(Span):
    """The application's span, and what is written to it once more for the capture."""

    def __init__(self, span: Span, recorded: Span) -> None:
        self._span = span
        self._both = (span, recorded)

    def get_span_context(self) -> SpanContext:
        return self._span.get_span_context()

    def is_recording(self) -> bool:
        return True

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        for span in self._both:
            span.set_attribute(key, value)

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        for span in self._both:
            span.set_attributes(attributes)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        for span in self._both:
            span.add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        for span in self._both:
            span.add_link(context, attributes)

    def update_name(self, name: str) -> None:
        for span in self._both:
            span.update_name(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        for span in self._both:
            span.set_status(status, description)

    def record_exception(self, exception: BaseException, *args: Any, **kwargs: Any) -> None:
        for span in self._both:
            span.record_exception(exception, *args, **kwargs)

    def end(self, end_time: int | None = None) -> None:
        for span in self._both:
            span.end(end_time)


def _private_tracer() -> Tracer:
    global _private
    if _private is None:
        _private = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
    return _private.get_tracer(semconv.SCOPE)
