"""A Flask application beside somebody else's telemetry: `beside.py WHO FIRST`, where FIRST is `they` or `we`.

It prints how many webhook spans the others got, and how its one delivery was answered.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

if sys.argv[1:3] == ["datadog", "they"]:
    import ddtrace.auto  # noqa: F401  # which has to be the first import of a program

import flask

import outworx_otel

PATH = "/webhooks/shop"
who, first = sys.argv[1:3]


def in_memory() -> tuple[Any, Callable[[], list[str]]]:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    return SimpleSpanProcessor(exporter), lambda: [span.name for span in exporter.get_finished_spans()]


def logfire() -> Callable[[], list[str]]:
    import logfire

    processor, names = in_memory()
    logfire.configure(send_to_logfire=False, console=False, additional_span_processors=[processor])
    return names


def logfire_twice() -> Callable[[], list[str]]:
    logfire()
    return logfire()


def sentry() -> Callable[[], list[str]]:
    start_sentry(traces_sample_rate=1.0)
    return list


def sentry_otlp() -> Callable[[], list[str]]:
    from sentry_sdk.integrations.otlp import OTLPIntegration

    # Its exporter sends what it is given to a server of the test.
    start_sentry(OTLPIntegration(collector_url=os.environ["SENTRY_COLLECTOR"]))
    return list


def start_sentry(*more: Any, **options: Any) -> None:
    import sentry_sdk
    from sentry_sdk.integrations.flask import FlaskIntegration

    # Without looking for everything that is installed: the tests' environment has most of it.
    options |= {"auto_enabling_integrations": False, "integrations": [FlaskIntegration(), *more]}
    sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", shutdown_timeout=0, **options)


def datadog() -> Callable[[], list[str]]:
    from ddtrace.trace import TraceFilter, tracer

    names: list[str] = []

    class Keep(TraceFilter):
        def process_trace(self, trace: list[Any]) -> None:
            names.extend(span.name for span in trace)

    tracer.configure(trace_processors=[Keep()])
    return lambda: [name.replace("consumer", "webhook shop") for name in names]


def wrapper_of(**abilities: Any) -> Callable[[], list[str]]:
    """Sets a provider that gives tracers of an SDK's provider, and has these other methods alone."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    processor, names = in_memory()
    inner = TracerProvider(shutdown_on_exit=False)
    inner.add_span_processor(processor)
    methods = {
        "get_tracer": lambda self, *args, **kwargs: inner.get_tracer(*args, **kwargs),
        "__hash__": None,
    }
    trace.set_tracer_provider(type("Wrapper", (trace.TracerProvider,), {**methods, **abilities})())
    return names


def wrapped() -> Callable[[], list[str]]:
    return wrapper_of(__slots__=())


def wrapped_and_raising() -> Callable[[], list[str]]:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("not with this provider")

    return wrapper_of(add_span_processor=refuse, shutdown=refuse, force_flush=refuse)


def old_signature() -> Callable[[], list[str]]:
    """A provider of before OpenTelemetry 1.26, whose `get_tracer` takes no attributes."""

    def get_tracer(self: Any, name: str, version: str | None = None) -> Any:
        raise AssertionError("called with fewer arguments than OpenTelemetry passes")

    return wrapper_of(get_tracer=get_tracer)


def records_nothing() -> Callable[[], list[str]]:
    from opentelemetry import metrics, trace

    trace.set_tracer_provider(trace.NoOpTracerProvider())
    metrics.set_meter_provider(metrics.NoOpMeterProvider())
    return list


def ours() -> None:
    outworx_otel.init(endpoints={PATH: outworx_otel.TrackOptions("shop")})
    outworx_otel.instrument()


if first == "they":
    theirs = globals()[who]()
    ours()
else:
    ours()
    theirs = globals()[who]()
if who == "logfire_twice":
    ours()

app = flask.Flask("shop")
app.add_url_rule(PATH, view_func=lambda: "served", methods=["POST"])
# Closed at once: Datadog's trace ends with the answer.
print("answer", app.test_client().post(PATH, json={"id": 1}, buffered=True).status_code)
if who == "datadog":
    from ddtrace.trace import tracer

    tracer.flush()
print("theirs", theirs().count("webhook shop"), flush=True)
if os.environ.get("ENDS") == "by SIGTERM":
    signal.raise_signal(signal.SIGTERM)
