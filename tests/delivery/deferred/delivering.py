"""Deliveries whose work goes on elsewhere, and the spans that tell of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from integrations.conftest import FRAMEWORKS, Telemetry
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from support.calls import PATH, Call, Framework, Witness
from support.deliveries import BODY, JSON

from outworx_otel import TrackContext, TrackOptions

MARKED = TrackOptions("stripe", require_processing_mark=True)
# Its body is read before the handler runs, so that the event's id is known to it.
KEYED = TrackOptions("stripe", require_processing_mark=True, idempotency_key="body.id")
Monitor = Callable[..., None]
FASTAPI, FLASK, DJANGO = (
    next(kind for kind in FRAMEWORKS if kind.name == name) for name in ("fastapi", "flask", "django-wsgi")
)


def deliver(framework: Framework, does: Callable[[TrackContext], Any]) -> TrackContext:
    """Sends a delivery to an application whose handler does something with its handle; gives the handle."""

    def handles(call: Call) -> None:
        assert call.track is not None
        does(call.track)

    handler = Witness(handles)
    assert framework.serve(handler, raises=True).post(BODY, JSON).status == 200
    track = handler.calls[0].track
    assert track is not None
    return track


def handed_on(
    monitor: Monitor, timeout: float = 60.0, framework: Framework = FLASK, options: TrackOptions = MARKED
) -> str:
    """The token of a delivery whose handler did nothing else."""
    monitor({PATH: options})
    tokens: list[str] = []
    deliver(framework, lambda track: tokens.append(track.token(timeout)))
    return tokens[0]


def processes(telemetry: Telemetry, count: int = 1, seconds: float = 60.0) -> list[ReadableSpan]:
    """Exactly so many `process` spans, as soon as they are there."""
    until = time.monotonic() + seconds
    while len(found := [span for span in telemetry.spans() if span.name == "process"]) < count:
        assert time.monotonic() < until, f"{len(found)} process spans instead of {count}"
        time.sleep(0.01)
    assert len(found) == count
    return found


def process(telemetry: Telemetry) -> ReadableSpan:
    """The only `process` span; it is linked to the only delivery, and to nothing else."""
    (span,) = processes(telemetry)
    delivery = telemetry.delivery().context
    assert [link.context.span_id for link in span.links] == [delivery.span_id]
    assert span.links[0].context.trace_id == delivery.trace_id
    return span


def said(span: ReadableSpan, name: str) -> Any:
    """What a span says under `outworx.webhook.{name}`."""
    return (span.attributes or {}).get(f"outworx.webhook.{name}")


def is_error(span: ReadableSpan) -> bool:
    return span.status.status_code is StatusCode.ERROR
