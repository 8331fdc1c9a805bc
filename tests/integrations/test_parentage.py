"""Where a delivery's span hangs: below the server's, or beside a stranger's trace."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan
from support import deliveries
from support.calls import PATH, Framework, Witness
from support.deliveries import BODY, JSON

from outworx_otel import TrackOptions

from .conftest import Telemetry

Monitor = Callable[..., None]
STRANGER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C
SPAN_ID = 0xB7AD6B7169203331


def deliver(framework: Framework, monitor: Monitor, mode: str) -> None:
    monitor({PATH: TrackOptions("stripe", trace_context=mode)})  # type: ignore[arg-type]
    framework.serve(Witness()).post(BODY, {**JSON, "traceparent": STRANGER})


def test_a_strangers_trace_is_linked_to_by_default(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    deliver(framework, monitor, "link")
    span = telemetry.delivery()
    assert span.parent is None
    assert span.context.trace_id != TRACE_ID
    assert [(link.context.trace_id, link.context.span_id) for link in span.links] == [(TRACE_ID, SPAN_ID)]


def test_a_strangers_trace_may_be_the_parent(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    deliver(framework, monitor, "parent")
    span = telemetry.delivery()
    assert span.parent is not None
    assert (span.parent.trace_id, span.parent.span_id) == (TRACE_ID, SPAN_ID)
    assert not span.links


def test_a_strangers_trace_may_be_ignored(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    deliver(framework, monitor, "ignore")
    span = telemetry.delivery()
    assert span.parent is None
    assert not span.links
    assert span.context.trace_id != TRACE_ID


@pytest.mark.parametrize("header", ["", "00-0-0-0", "garbage", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_a_broken_traceparent_is_nothing(
    header: str, each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("stripe")})
    assert each.serve(Witness()).post(BODY, {**JSON, "traceparent": header}).status == 200
    assert not telemetry.delivery().links


# Trio and the test client's thread do not inherit this test's context; the official instrumentors' tests cover them.
@pytest.mark.parametrize("mode", ["link", "parent", "ignore"])
def test_a_local_span_is_the_parent_whatever_is_said(
    mode: str, each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    tracer = telemetry.tracer_provider.get_tracer("server")
    with tracer.start_as_current_span("POST", kind=trace.SpanKind.SERVER) as server:
        deliver(each, monitor, mode)
    assert isinstance(server, ReadableSpan)
    span = telemetry.delivery()
    assert span.parent is not None
    assert span.parent.span_id == server.context.span_id


def test_suppressed_instrumentation_spares_the_span_and_not_the_verification(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("stripe", signature_secret=deliveries.SECRET)})
    with suppress_instrumentation():
        assert each.serve(Witness()).post(BODY, JSON).status == 401
        assert each.serve(Witness()).post(BODY, deliveries.stripe()).status == 200
    assert telemetry.deliveries() == []
