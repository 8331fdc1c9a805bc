"""Which event a delivery carries: its type and its id, out of headers and body."""

from __future__ import annotations

from typing import Any, Final

from outworx_otel.http.body import Body
from outworx_otel.http.headers import Headers
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.telemetry import Record
from outworx_otel.telemetry.cloudevents import event_in_body

_MAX_EVENT_TEXT: Final = 256


def read_event(endpoint: Endpoint, record: Record, body: Body | None) -> None:
    """Notes the event's type and id, as far as they can be known yet; telemetry gets 256 characters of each."""
    if endpoint.type_header is not None:
        record.event_type = _text(record.headers.get(endpoint.type_header))
    if endpoint.id_header is not None:
        record.event_id = _text(record.headers.get(endpoint.id_header))
    if endpoint.picker is not None and body is not None:
        # A rejected delivery is a stranger's: it costs us no more than a glance.
        values = body.pick(endpoint.picker, thorough=record.rejected_for is None)
        if endpoint.picks_id:
            record.event_id = _text(values[-1])
        if endpoint.picks_type:
            record.event_type = _text(values[0])
    if body is not None:
        record.cloud_event = event_in_body(body)


def event_id(endpoint: Endpoint, headers: Headers, body: Body | None) -> Any:
    """The provider's own id of the event, whole and of whatever type; None where there is none."""
    if endpoint.id_header is not None:
        return headers.get(endpoint.id_header)
    if endpoint.picks_id and endpoint.picker is not None and body is not None:
        return body.pick(endpoint.picker)[-1]
    return None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, dict | list):
        return None
    text = (value if isinstance(value, str) else str(value))[:_MAX_EVENT_TEXT]
    # Half a surrogate pair, which JSON can hold, cannot be exported.
    return (text if text.isascii() else text.encode("utf-8", "replace").decode()) or None
