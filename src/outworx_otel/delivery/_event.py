"""Which event a delivery carries: its type and its id, out of headers and body."""

from __future__ import annotations

from typing import Any, Final

from outworx_otel.http.body import Body
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.telemetry import Record
from outworx_otel.telemetry.cloudevents import event_in_body

_MAX_EVENT_TEXT: Final = 256


def read_event(endpoint: Endpoint, record: Record, body: Body | None) -> None:
    """Notes the event's type and id, as far as they can be known yet."""
    if endpoint.type_header is not None:
        record.event_type = _text(record.headers.get(endpoint.type_header))
    if endpoint.id_header is not None:
        record.event_id = _text(record.headers.get(endpoint.id_header))
    if endpoint.picker is not None and body is not None:
        values = body.pick(endpoint.picker)
        if endpoint.picks_id:
            record.event_id = _text(values.pop())
        if endpoint.picks_type:
            record.event_type = _text(values.pop())
    if body is not None:
        record.cloud_event = event_in_body(body)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, dict | list):
        return None
    return (value if isinstance(value, str) else str(value))[:_MAX_EVENT_TEXT] or None
