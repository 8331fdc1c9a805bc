"""What is said while nobody answers: once for all signals, in words, with what to do."""

from __future__ import annotations

import logging

import grpc
import pytest

from outworx_otel.export import Destination
from outworx_otel.export.report import ExportReport
from outworx_otel.setup import absence

HERE = Destination(endpoint="http://127.0.0.1:4318", api_key="ohk_1")


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_spans_and_metrics_share_one_line_about_the_receiver_that_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    spans, metrics = ExportReport(HERE, "spans"), ExportReport(HERE, "metric requests")
    for report in (spans, metrics, spans):
        report.trouble("connection refused", 60.0)
    (line,) = said(caplog)
    assert "cannot deliver to http://127.0.0.1:4318 (connection refused)" in line
    assert "`outworx serve`" in line

    for report in (metrics, spans):
        report.delivered(1, "", 0)
    assert "answers again" in said(caplog)[1]
    spans.trouble("connection refused", 60.0)

    assert len(said(caplog)) == 3


def test_another_receiver_is_another_line_and_no_server_is_proposed_elsewhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ExportReport(HERE, "spans").trouble("connection refused", 60.0)
    ExportReport(Destination(api_key="ohk_1"), "spans").trouble("no route", 60.0)

    assert ["outworx serve" in line for line in said(caplog)] == [True, False]


def test_what_is_lost_at_the_end_is_one_line_with_every_count(caplog: pytest.LogCaptureFixture) -> None:
    report = ExportReport(HERE, "spans")
    report.closes()
    report.dropped(2, "connection refused")
    report.dropped(1, "connection refused")
    report.say_drops()

    assert said(caplog) == ["dropped spans for http://127.0.0.1:4318: 3 (connection refused)"]
    assert report.total_dropped == 3


@pytest.fixture
def exporter_log(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """That of an exporter of spans over HTTP; no exporter's has a filter yet."""
    http, grpc = "opentelemetry.exporter.otlp.proto.http", "opentelemetry.exporter.otlp.proto.grpc.exporter"
    for name in (f"{http}.trace_exporter", f"{http}.metric_exporter", grpc):
        monkeypatch.setattr(logging.getLogger(name), "filters", [])
    return logging.getLogger(f"{http}.trace_exporter")


def test_an_exporter_of_opentelemetry_complains_once_and_in_words(
    exporter_log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    absence.say_absence_once("http://localhost:4318", "traces")
    absence.say_absence_once("http://localhost:4318", "traces")
    for wait in (1.0, 2.0):
        exporter_log.warning("Transient error %s encountered, retrying in %.2fs.", "HTTPConnectionPool", wait)
    exporter_log.error("Failed to export spans batch", exc_info=ValueError("x"))
    exporter_log.warning("something else")

    line, other = said(caplog)
    assert "nothing can be delivered to http://localhost:4318" in line
    assert "`outworx serve`" in line
    assert "HTTPConnectionPool" not in caplog.text
    assert other == "something else"


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("Failed to export %s batch code: %s, reason: %s", ("span", 401, "unknown key")),
        ("Failed to export batch code: %s, reason: %s", (400, "unknown key")),
        (
            "Failed to export %s to %s, error code: %s, error details: %s",
            ("traces", "localhost:4317", grpc.StatusCode.UNAUTHENTICATED, "unknown key"),
        ),
    ],
)
def test_a_receiver_that_refuses_is_not_said_to_be_away(
    message: str,
    arguments: tuple[object, ...],
    exporter_log: logging.Logger,
    caplog: pytest.LogCaptureFixture,
) -> None:
    absence.say_absence_once("http://localhost:4318", "traces")
    for _ in range(3):
        exporter_log.error(message, *arguments)
    exporter_log.warning("Transient error %s encountered, retrying in %.2fs.", "HTTPConnectionPool", 1.0)
    refused, away = said(caplog)
    assert "http://localhost:4318 refuses what it is sent" in refused
    assert "unknown key" in refused
    assert "OTEL_EXPORTER_OTLP_HEADERS" in refused
    assert "outworx serve" not in refused
    assert "nothing can be delivered" in away


def test_the_place_is_that_of_the_signal_without_its_password(
    exporter_log: logging.Logger, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://me:secret@otlp.example/v1/traces?key=s")
    destination = Destination(endpoint="http://localhost:4318", standard=True)
    absence.say_absence_once(destination.named("traces"), "traces")
    exporter_log.error("Failed to export %s batch code: %s, reason: %s", "span", 401, "no")
    assert "https://otlp.example/v1/traces refuses" in caplog.text
    assert "secret" not in caplog.text
