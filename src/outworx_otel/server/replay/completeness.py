"""Decides whether a stored delivery is complete, so that it can be sent again."""

from __future__ import annotations

import dataclasses
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Iterator, Mapping
from typing import Any, Final

from outworx_otel.server.replay.stored import StoredRequest
from outworx_otel.signatures import detect, scheme_for
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry.redaction import MAX_HEADER_BYTES, REDACTED

_OURS: Final = "outworx.webhook."


def _field(attribute: str) -> str:
    """The name that an attribute has in the server's JSON."""
    return attribute.removeprefix(_OURS)


_PROVIDER: Final = _field(semconv.PROVIDER)
_EVENT_ID: Final = _field(semconv.EVENT_ID)
_EVENT_TYPE: Final = _field(semconv.EVENT_TYPE)
_BODY: Final = _field(semconv.REQUEST_BODY)
_SIZE: Final = semconv.HTTP_BODY_SIZE
_HEADER_PREFIX: Final = semconv.HTTP_REQUEST_HEADER_PREFIX

_HOW_TO_KEEP: Final = (
    "set capture_body on the endpoint to have the next ones kept, or receive them through `outworx forward`, "
    "which keeps every byte"
)


@dataclasses.dataclass(frozen=True)
class Completeness:
    """Either the whole request, or the reason in plain words why it cannot be sent again."""

    request: StoredRequest | None
    reason: str | None = None


def completeness(delivery: Mapping[str, Any]) -> Completeness:
    """Judges a delivery as `GET /api/deliveries/{id}` gives it.

    A body that was captured by an application counts only if it has as many bytes as arrived and nothing in it was
    redacted; one that came through the tunnel (`body_base64`) is exact. Of the headers, what was redacted or cut is
    left out; the event's id and type are put back into the headers that carry them.

    Args:
        delivery: field names are the attributes' names without `outworx.webhook.`.
    """
    exact = delivery.get("body_base64")
    if isinstance(exact, str):
        body = _from_base64(exact)
        if body is None:
            return Completeness(None, "the stored body is no base64: the record is damaged")
    else:
        found = _captured_body(delivery)
        if isinstance(found, str):
            return Completeness(None, found)
        body = found
    original = delivery.get(semconv.HTTP_METHOD_ORIGINAL)
    method = original or delivery.get(semconv.HTTP_METHOD) or delivery.get("method")
    path = delivery.get(semconv.URL_PATH) or delivery.get("path")
    if not isinstance(method, str) or not isinstance(path, str) or not path.startswith("/"):
        return Completeness(None, "the request's method or path was not stored")
    query = delivery.get("url.query") or delivery.get("query_string") or ""
    provider = delivery.get(_PROVIDER)
    provider = provider if isinstance(provider, str) else ""
    headers = [*_listed(delivery.get("headers")), *_attributed(delivery)]
    given = {name.lower(): value for name, value in headers}
    # The tunnel does not know who sends.
    provider = provider or detect(given) or ""
    headers += _put_back(delivery, provider, set(given))
    return Completeness(StoredRequest(provider, method, path, str(query), tuple(headers), body))


def _captured_body(delivery: Mapping[str, Any]) -> bytes | str:
    """Returns the body's bytes, or why they are not available."""
    text, size = delivery.get(_BODY), delivery.get(_SIZE)
    if isinstance(size, bool) or not isinstance(size, int):
        return (
            f"the size of the body was not recorded, so nobody can tell whether it is whole; {_HOW_TO_KEEP}"
        )
    if size == 0:
        return b""
    if not isinstance(text, str):
        return f"the body was not stored; {_HOW_TO_KEEP}"
    if REDACTED in text:
        return "sensitive fields of the body were redacted before it was stored; it is not what was received"
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) == size:
        return raw
    # Base64 is longer than what it stands for, so that no body is both.
    decoded = _from_base64(text)
    if decoded is not None and len(decoded) == size:
        return decoded
    kept = len(raw if decoded is None else decoded)
    if kept < size:
        return f"the body was cut when it was stored: not all of its {size} bytes are there"
    return f"the stored body is not what was received: that had {size} bytes"


def _from_base64(text: str) -> bytes | None:
    try:
        raw = a2b_base64(text)
    except (Error, ValueError):
        return None
    # `a2b_base64` passes over what it does not know.
    return raw if b2a_base64(raw, newline=False).decode() == text else None


def _listed(headers: Any) -> Iterator[tuple[str, str]]:
    """Headers as the tunnel keeps them: pairs, whole and in order."""
    for pair in headers if isinstance(headers, list | tuple) else ():
        if isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(part, str) for part in pair):
            yield pair[0], pair[1]


def _attributed(delivery: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Headers as spans keep them: a list of values below each name."""
    for name, values in delivery.items():
        if name.startswith(_HEADER_PREFIX):
            for value in values if isinstance(values, list | tuple) else (values,):
                if isinstance(value, str) and REDACTED not in value and not _was_cut(value):
                    yield name.removeprefix(_HEADER_PREFIX), value


def _was_cut(value: str) -> bool:
    """Whether it may be a part of a longer one, which is worse than none: it was cut where a character began."""
    return len(value.encode("utf-8", "replace")) > MAX_HEADER_BYTES - 4


def _put_back(delivery: Mapping[str, Any], provider: str, there: set[str]) -> Iterator[tuple[str, str]]:
    """Event id and type, where a header carries them that was not captured or looks like a credential."""
    scheme = scheme_for(provider)
    if scheme is None:
        return
    for place, field in ((scheme.event_id, _EVENT_ID), (scheme.event_type, _EVENT_TYPE)):
        name, value = place.removeprefix("header."), delivery.get(field)
        if place.startswith("header.") and name not in there and isinstance(value, str):
            yield name, value
