"""Exceptions and silent drops, as span events, as log records, or as both.

`OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN` decides, as in OpenTelemetry's own instrumentations: `logs` is log records
alone, `logs/dup` both, and without it they are span events.
"""

from __future__ import annotations

import inspect
import logging
import os
import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace import Span
from opentelemetry.util.types import AttributeValue

from outworx_otel.telemetry import semconv
from outworx_otel.telemetry._exceptions import cause_attributes, exception_attributes
from outworx_otel.telemetry.foreign import is_placeholder
from outworx_otel.version import __version__

if TYPE_CHECKING:
    from outworx_otel.drops import Finding
    from outworx_otel.telemetry._deferral import Deferral
    from outworx_otel.telemetry._record import Record

OPT_IN: Final = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN"
# Of OpenTelemetry's log data model: WARN for what was handled, ERROR for what was not.
_WARN: Final = 13
_ERROR: Final = 17

_logger = logging.getLogger("outworx_otel")


class Events:
    """Writes what happened during a span. Reads the environment when it is made."""

    def __init__(self) -> None:
        asked = {word.strip() for word in os.environ.get(OPT_IN, "").lower().split(",")}
        self._as_logs = not asked.isdisjoint({"logs", "logs/dup"})
        self._on_spans = not self._as_logs or "logs/dup" in asked
        self._log: tuple[object, Any] = (None, None)

    def of_record(self, record: Record, span: Span, at_ns: int) -> None:
        """Writes a delivery's exceptions and silent drops."""
        about = _about(record.provider, record.route, record.event_id)
        if record.error is not None:
            self._write(
                span, semconv.EXCEPTION_EVENT, exception_attributes(record.error), about, at_ns, _ERROR
            )
        for cause in record.causes:
            self._write(span, semconv.EXCEPTION_EVENT, cause_attributes(cause), about, at_ns, _WARN)
        if record.rolled_back is not None:
            why = cause_attributes(record.rolled_back)
            self._write(span, semconv.ROLLED_BACK_EVENT, why, about, at_ns, _WARN)
        if record.processing == "silent_drop":
            self._drops(span, record.findings, about, at_ns)

    def of_work(
        self,
        deferral: Deferral,
        span: Span,
        error: BaseException | None,
        findings: tuple[Finding, ...] | None,
    ) -> None:
        """Writes what deferred work raised or dropped; `findings` is None where it dropped nothing."""
        at_ns = time.time_ns()
        about = _about(deferral.provider, deferral.route, deferral.event_id)
        if error is not None:
            self._write(span, semconv.EXCEPTION_EVENT, exception_attributes(error), about, at_ns, _ERROR)
        if findings is not None:
            self._drops(span, findings, about, at_ns)

    def _drops(
        self, span: Span, findings: tuple[Finding, ...], about: dict[str, AttributeValue], at_ns: int
    ) -> None:
        # The span's own attributes have the first finding; the log record of a drop has no such place.
        for position, finding in enumerate(findings or (None,)):
            self._write(
                span,
                semconv.SILENT_DROP_EVENT,
                {} if finding is None else finding_attributes(finding),
                about,
                at_ns,
                _WARN,
                on_span=position > 0,
            )

    def _write(
        self,
        span: Span,
        name: str,
        attributes: dict[str, AttributeValue],
        about: dict[str, AttributeValue],
        at_ns: int,
        severity: int,
        *,
        on_span: bool = True,
    ) -> None:
        logged = self._as_logs and self._emit(span, name, {**about, **attributes}, at_ns, severity)
        if on_span and (self._on_spans or not logged) and span.is_recording():
            span.add_event(name, attributes, at_ns)

    def _emit(
        self, span: Span, name: str, attributes: dict[str, AttributeValue], at_ns: int, severity: int
    ) -> bool:
        """Whether it became a log record; where nothing takes log records it does not."""
        try:
            emit = self._emitter()
            if emit is None:
                return False
            from opentelemetry._logs import SeverityNumber

            emit(
                timestamp=at_ns,
                context=trace.set_span_in_context(span),
                severity_number=SeverityNumber(severity),
                severity_text="ERROR" if severity == _ERROR else "WARN",
                event_name=name,
                attributes=attributes,
            )
        except Exception:
            _logger.exception("a log record could not be made")
            return False
        return True

    def _emitter(self) -> Any:
        """How the global logger provider makes a record, also if it is set later; None where there is none."""
        from opentelemetry._logs import NoOpLoggerProvider, get_logger_provider

        provider = get_logger_provider()
        if provider is not self._log[0]:
            nobody = isinstance(provider, NoOpLoggerProvider) or is_placeholder(provider)
            emit = None if nobody else _keyword_emit(provider)
            self._log = provider, emit
        return self._log[1]


def _keyword_emit(provider: Any) -> Any:
    emit = provider.get_logger(semconv.SCOPE, __version__, semconv.SCHEMA_URL).emit
    taken = inspect.signature(emit).parameters
    # Logfire's takes whatever a record is made of.
    if "event_name" in taken or any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken.values()):
        return emit
    _logger.warning("%s is set, and this opentelemetry-sdk is too old for it: update it", OPT_IN)
    return None


def _about(provider: str, route: str | None, event_id: str | None) -> dict[str, AttributeValue]:
    """Which delivery a log record belongs to, for who reads it without the span."""
    named = {semconv.PROVIDER: provider, semconv.HTTP_ROUTE: route, semconv.EVENT_ID: event_id}
    return {name: value for name, value in named.items() if value is not None}


def finding_attributes(finding: Finding) -> dict[str, AttributeValue]:
    """Where and why a delivery was dropped."""
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
