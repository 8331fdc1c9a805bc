"""What is known of one delivery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
from opentelemetry.trace import Span

if TYPE_CHECKING:
    from outworx_otel.drops import Finding
    from outworx_otel.http.headers import Headers
    from outworx_otel.idempotency import StoredAnswer
    from outworx_otel.signatures import SignatureResult
    from outworx_otel.telemetry._mark import Mark, ProcessingStatus
    from outworx_otel.telemetry.cloudevents import CloudEvent
    from outworx_otel.telemetry.outcomes import IdempotencyMode, IdempotencyOutcome, Outcome
    from outworx_otel.telemetry.redaction import Redactor

MAX_CAUSES: Final = 3


class Record(msgspec.Struct):
    """What is known of one delivery; the lifecycle writes it, telemetry reads it.

    Args:
        provider: who sends to the endpoint.
        redactor: the endpoint's.
        method, path, headers: of the request; the path is the concrete one.
        route: the template, where the framework knows one. Never the path: it labels metrics.
        start_ns: when the request came, in Unix nanoseconds.
        metadata: of the endpoint's options.
        capture_headers: whether the span shows the headers.
        trace_context: what a stranger's `traceparent` is worth: `link`, `parent` or `ignore`.
        key_count: how many secrets the endpoint has; which one matched says the signature.
        undelivered: it never became a delivery (`Telemetry.report`).
        nearest_route: the endpoint that an unrouted request may have been meant for.
    """

    provider: str
    redactor: Redactor
    method: str
    path: str
    route: str | None
    headers: Headers
    start_ns: int
    metadata: Mapping[str, Any] | None = None
    capture_headers: bool = False
    trace_context: str = "link"
    detected: bool = False
    body_size: int | None = None
    event_type: str | None = None
    event_id: str | None = None
    cloud_event: CloudEvent | None = None
    event_read_late: bool = False
    signature: SignatureResult | None = None
    key_count: int = 1
    idempotency_outcome: IdempotencyOutcome | None = None
    idempotency_mode: IdempotencyMode = "store"
    idempotency_key: str | None = None
    committed: bool | None = None
    rolled_back: BaseException | None = None
    fingerprint_mismatch: bool = False
    answer_kept: bool | None = None
    replayed: StoredAnswer | None = None
    request_body: bytes | None = None
    response_body: bytes | None = None
    status: int | None = None
    error: BaseException | None = None
    mark: Mark | None = None
    processing: ProcessingStatus | None = None
    findings: tuple[Finding, ...] = ()
    outcome: Outcome = "accepted"
    rejected_for: str | None = None
    end_ns: int | None = None
    span: Span | None = None
    undelivered: bool = False
    nearest_route: str | None = None
    causes: tuple[BaseException, ...] = ()

    def note(self, cause: BaseException) -> None:
        """Keeps an exception that decided something (a verifier's, a key function's, a store's): the first three."""
        if len(self.causes) < MAX_CAUSES:
            self.causes = (*self.causes, cause)

    @property
    def is_genuine(self) -> bool:
        """Whether it was proved to come from the provider."""
        return self.signature is not None and self.signature.valid

    @property
    def signature_age(self) -> float | None:
        """Seconds between the signed time and the arrival, where a time was signed."""
        signed_at = None if self.signature is None else self.signature.signed_at
        return None if signed_at is None else self.start_ns / 1e9 - signed_at

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
