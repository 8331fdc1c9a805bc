"""The sampler `outworx_webhook`: configured endpoints always, the rest by ratio."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState
from support.receiver import Receiver

from outworx_otel.export import OutworxSpanProcessor, outworx_webhook_sampler
from outworx_otel.telemetry.semconv import DETECTED, PROVIDER, SCOPE

Receive = Callable[..., Receiver]
CONFIGURED = {PROVIDER: "stripe"}
GUESSED = {PROVIDER: "stripe", DETECTED: True}


@pytest.fixture
def tracer() -> trace.Tracer:
    return TracerProvider(sampler=outworx_webhook_sampler("0"), shutdown_on_exit=False).get_tracer(SCOPE)


def sampled(span: trace.Span) -> bool:
    return span.get_span_context().trace_flags.sampled


def test_a_configured_endpoint_is_sampled_and_the_rest_follows_the_ratio(tracer: trace.Tracer) -> None:
    assert sampled(tracer.start_span("webhook", attributes=CONFIGURED))
    assert not sampled(tracer.start_span("webhook", attributes=GUESSED))
    assert not sampled(tracer.start_span("other", attributes={"a": 1}))
    assert not sampled(tracer.start_span("other"))


def test_a_webhook_span_is_sampled_under_an_unsampled_parent_and_so_are_its_children(
    tracer: trace.Tracer,
) -> None:
    with tracer.start_as_current_span("server") as server:
        assert not sampled(server)
        with tracer.start_as_current_span("webhook", attributes=CONFIGURED) as webhook:
            assert sampled(webhook)
            assert sampled(tracer.start_span("db"))
        assert not sampled(tracer.start_span("sibling"))


def test_a_remote_parents_decision_and_state_hold_for_others(tracer: trace.Tracer) -> None:
    state = TraceState([("vendor", "1")])
    for flag in (TraceFlags.DEFAULT, TraceFlags.SAMPLED):
        remote = SpanContext(1, 2, True, TraceFlags(flag), state)
        context = trace.set_span_in_context(NonRecordingSpan(remote))
        assert sampled(tracer.start_span("other", context)) is bool(flag)
        webhook = tracer.start_span("webhook", context, attributes=CONFIGURED)
        assert sampled(webhook)
        assert webhook.get_span_context().trace_state == state


@pytest.mark.parametrize("arg", ["abc", "-0.1", "1.1", "nan", "50%"])
def test_a_bad_ratio_is_said_and_counts_as_one(arg: str, caplog: pytest.LogCaptureFixture) -> None:
    tracer = TracerProvider(sampler=outworx_webhook_sampler(arg), shutdown_on_exit=False).get_tracer("app")
    assert sampled(tracer.start_span("other"))
    assert caplog.text.count("OTEL_TRACES_SAMPLER_ARG") == 1


@pytest.mark.parametrize("arg", [None, "", " 1 ", "1.0"])
def test_without_a_ratio_everything_is_sampled(arg: str | None, caplog: pytest.LogCaptureFixture) -> None:
    tracer = TracerProvider(sampler=outworx_webhook_sampler(arg), shutdown_on_exit=False).get_tracer("app")
    assert sampled(tracer.start_span("other"))
    assert caplog.text == ""


def test_an_unsampled_detected_webhook_is_not_exported(receive: Receive, tracer: trace.Tracer) -> None:
    receiver = receive()
    processor = OutworxSpanProcessor("ohk_1", receiver.endpoint)
    provider = TracerProvider(sampler=outworx_webhook_sampler("0"), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    ours = provider.get_tracer(SCOPE)
    ours.start_span("guessed", attributes=GUESSED).end()
    ours.start_span("configured", attributes=CONFIGURED).end()
    provider.shutdown()
    assert receiver.span_names() == ["configured"]


def test_the_entry_points_name_what_exists() -> None:
    groups = (
        "opentelemetry_traces_exporter",
        "opentelemetry_metrics_exporter",
        "opentelemetry_traces_sampler",
    )
    ours = [
        entry
        for group in groups
        for entry in entry_points(group=group)
        if entry.value.startswith("outworx_otel")
    ]
    assert [entry.name for entry in ours] == ["outworx", "outworx", "outworx_webhook"]
    for entry in ours:
        assert callable(entry.load())
