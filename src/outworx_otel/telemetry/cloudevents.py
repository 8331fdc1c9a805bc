"""Whether a request is a CloudEvent, and which one (CloudEvents 1.0, HTTP protocol binding, section 3)."""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from outworx_otel.http.body import Body, FieldPicker
from outworx_otel.http.headers import Headers

_STRUCTURED: Final = "application/cloudevents+json"
_ANY_OF_OURS: Final = "application/cloudevents"
_MAX_TEXT: Final = 256
_FIELDS: Final = FieldPicker(("specversion", "type", "id", "source"))


class CloudEvent(NamedTuple):
    """The attributes that every CloudEvent has."""

    type: str
    id: str
    source: str


def event_in_headers(headers: Headers) -> CloudEvent | None:
    """The event of binary content mode; None where one of the four headers that it must have is missing."""
    if not headers.get("ce-specversion"):
        return None
    # In the other two modes such headers may be copies, and the body counts.
    if headers.get("content-type", "").lower().startswith(_ANY_OF_OURS):
        return None
    # Values are percent-encoded (section 3.1.3.2).
    return _event(*(unquote(headers.get(name, "")) for name in ("ce-type", "ce-id", "ce-source")))


def event_in_body(body: Body) -> CloudEvent | None:
    """The event of structured content mode in JSON; None for a batch, another format, or one that lacks a field."""
    if not body.content_type.startswith(_STRUCTURED):
        return None
    version, *fields = body.pick(_FIELDS)
    return _event(*fields) if isinstance(version, str) and version else None


def _event(*fields: Any) -> CloudEvent | None:
    if not all(isinstance(field, str) and field for field in fields):
        return None
    return CloudEvent(*(field[:_MAX_TEXT] for field in fields))
