"""Exceptions and silent drops in the log signal: `OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from conventions.watch import look_at_event
from opentelemetry import _logs
from opentelemetry._logs import NoOpLoggerProvider, SeverityNumber

from outworx_otel.drops import Finding
from outworx_otel.errors import StoreError
from outworx_otel.telemetry import Deferral, Record, semconv
from outworx_otel.telemetry._events import OPT_IN

from .conftest import Scene

Make = Callable[..., Record]
DROP = Finding("early_return", "/app/a.py", 7, "receive", None, "returned before the mark")
sdk_logs = pytest.importorskip("opentelemetry.sdk._logs")
# Before 1.38 a record's name cannot be given to it.
needs_named_records = pytest.mark.needs("opentelemetry-sdk >=1.38")


class Written:
    """A log record processor that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.schemas: set[str] = set()

    def on_emit(self, log: Any) -> None:
        self.records.append(log.log_record)
        self.schemas.add(log.instrumentation_scope.schema_url)
        look_at_event(log.log_record.event_name, log.log_record.attributes)

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = 0) -> bool:
        return True


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """What an SDK logger provider was given."""
    written = Written()
    provider = sdk_logs.LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(written)
    monkeypatch.setattr(_logs, "get_logger_provider", lambda: provider)
    return written


def opted_in(monkeypatch: pytest.MonkeyPatch, value: str) -> Scene:
    monkeypatch.setenv(OPT_IN, value)
    return Scene()


def dropped(record: Make) -> Record:
    return record(status=200, processing="silent_drop", outcome="silent_drop", findings=(DROP, DROP))


@needs_named_records
@pytest.mark.parametrize(
    ("value", "on_span", "in_log"),
    [
        ("", 1, 0),
        ("logs", 0, 1),
        ("logs/dup", 1, 1),
        (" LOGS ", 0, 1),
        ("logs,logs/dup", 1, 1),
        ("spans", 1, 0),
    ],
)
def test_an_exception_goes_where_it_is_asked_to(
    value: str, on_span: int, in_log: int, record: Make, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    span = opted_in(monkeypatch, value).deliver(record(error=ValueError("boom"), outcome="error"))
    assert len([event for event in span.events if event.name == "exception"]) == on_span
    assert len(written.records) == in_log
    assert written.schemas <= {semconv.SCHEMA_URL}
    assert span.status.description == "ValueError: boom"
    for log in written.records:
        assert (log.event_name, log.severity_number) == ("exception", SeverityNumber.ERROR)
        assert log.attributes["exception.message"] == "boom"
        assert log.attributes["outworx.webhook.provider"] == "stripe"
        assert "ValueError" in log.attributes["exception.stacktrace"]
        assert span.context is not None
        assert (log.trace_id, log.span_id) == (span.context.trace_id, span.context.span_id)


@needs_named_records
def test_a_silent_drop_is_a_record_for_each_cause_and_one_where_none_is_known(
    record: Make, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = opted_in(monkeypatch, "logs")
    span = scene.deliver(dropped(record))
    assert span.events == ()
    assert (span.attributes or {})["outworx.webhook.silent_drop.cause"] == "early_return"
    assert [log.event_name for log in written.records] == ["outworx.webhook.silent_drop"] * 2
    assert written.records[0].attributes["code.line.number"] == 7
    scene.deliver(record(status=200, processing="silent_drop", outcome="silent_drop"))
    assert len(written.records) == 3


@needs_named_records
def test_what_was_handled_is_a_warning(
    record: Make, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = record(status=200, idempotency_outcome="fail_open")
    given.note(StoreError("away"))
    opted_in(monkeypatch, "logs").deliver(given)
    (log,) = written.records
    assert log.severity_number is SeverityNumber.WARN


@needs_named_records
def test_deferred_work_is_told_the_same_way(
    record: Make, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = opted_in(monkeypatch, "logs/dup")
    deferral = Deferral("", "", "stripe", "/hook", "evt_1", 0.0, 0.0)
    scene.telemetry.process(deferral).end(None, ValueError("late"))
    scene.telemetry.process(deferral).end(None)
    assert [log.event_name for log in written.records] == ["exception", "outworx.webhook.silent_drop"]
    assert written.records[0].attributes["outworx.webhook.event.id"] == "evt_1"
    assert [event.name for event in scene.spans[0].events] == ["exception"]


@pytest.mark.parametrize("provider", [None, NoOpLoggerProvider()])
def test_nothing_is_lost_where_nobody_takes_log_records(
    provider: Any, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    if provider is not None:
        monkeypatch.setattr(_logs, "get_logger_provider", lambda: provider)
    span = opted_in(monkeypatch, "logs").deliver(record(error=ValueError("boom"), outcome="error"))
    assert [event.name for event in span.events] == ["exception"]


@pytest.mark.parametrize("fault", [ImportError("no such provider"), RuntimeError("broken"), OSError("disk")])
def test_a_provider_that_fails_costs_nothing(
    fault: Exception, record: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Any:
        raise fault

    monkeypatch.setattr(_logs, "get_logger_provider", broken)
    span = opted_in(monkeypatch, "logs").deliver(record(error=ValueError("boom"), outcome="error"))
    assert [event.name for event in span.events] == ["exception"]
    assert "a log record could not be made" in caplog.text


def test_an_sdk_without_named_events_is_said_once(
    record: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Old:
        def get_logger(self, *names: Any) -> Any:
            return self

        def emit(self, record: Any) -> None:
            raise AssertionError

    old = Old()
    monkeypatch.setattr(_logs, "get_logger_provider", lambda: old)
    scene = opted_in(monkeypatch, "logs")
    for _ in range(3):
        span = scene.deliver(record(error=ValueError("boom"), outcome="error"))
        assert len(span.events) == 1
    assert caplog.text.count("too old") == 1


def test_the_log_signal_is_not_imported_before_it_is_needed() -> None:
    script = "import sys, outworx_otel; assert 'opentelemetry.sdk._logs' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)  # noqa: S603  # our own
