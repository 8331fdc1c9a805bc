"""Captures deliveries in memory, beside whatever the application does with its spans.

The application's tracer provider is neither replaced nor added to: our own tracer is watched, and where it
records nothing (no SDK is configured) the delivery's span is made by a provider that only the capture knows.
"""

from __future__ import annotations

import contextlib
import linecache
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, overload

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, StatusCode, Tracer

from outworx_otel.telemetry import Telemetry, semconv


@dataclass(frozen=True)
class CapturedDelivery:
    """One delivery, as its span tells it.

    Args:
        provider: who sent it.
        path: where to.
        status: the answer's HTTP status; None where there was none.
        processing: `completed`, `failed`, `ignored`, `silent_drop`, `deferred`, or None where nothing was asked.
        reason: what the handler said of `failed` or `ignored`.
        signature_valid, signature_reason: the verdict; None where there was nothing to verify.
        idempotency: the outcome, where a key was found.
        event_type, event_id: where known.
        cause, file, line, exception_type: of a silent drop.
        explanation: of an error, in words.
        span: all of it.
    """

    provider: str
    path: str
    status: int | None
    processing: str | None
    reason: str | None
    signature_valid: bool | None
    signature_reason: str | None
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
            provider=found.get(semconv.PROVIDER, ""),
            path=found.get(semconv.URL_PATH, ""),
            status=found.get(semconv.HTTP_STATUS),
            processing=found.get(semconv.PROCESSING_STATUS),
            reason=found.get(semconv.PROCESSING_REASON),
            signature_valid=found.get(semconv.SIGNATURE_VALID),
            signature_reason=found.get(semconv.SIGNATURE_REASON),
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
        said = (
            f"{self.provider} {self.path}: answered {self.status}, {self.processing or 'no mark asked for'}"
        )
        if self.explanation:
            said += f"\n  {self.explanation}"
        if self.file is not None and self.line is not None:
            source = linecache.getline(self.file, self.line).strip()
            said += f"\n  {self.file}:{self.line}: {source}"
        return said


class Webhooks(Sequence[CapturedDelivery]):
    """The deliveries of one test, in the order in which they came."""

    def __init__(self) -> None:
        self._spans: list[Span] = []

    def _started(self, span: Span) -> None:
        self._spans.append(span)

    def _finished(self, name: str) -> list[ReadableSpan]:
        return [
            span
            for span in list(self._spans)
            if isinstance(span, ReadableSpan) and span.end_time is not None and span.name.startswith(name)
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
        if not span.get_span_context().is_valid:
            span = _private_tracer().start_span(*args, **kwargs)
        for webhooks in list(_captures):
            webhooks._started(span)
        return span


def _private_tracer() -> Tracer:
    global _private
    if _private is None:
        _private = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
    return _private.get_tracer(semconv.SCOPE)
