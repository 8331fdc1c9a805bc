"""OTLP/HTTP's two formats: requests decoded, and answers encoded in the format of the request.

See the OTLP specification, "OTLP/HTTP". Failures are `google.rpc.Status`, from where all refusals are written.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec
from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.exceptions import HTTPException
from starlette.responses import Response

from outworx_otel.http.body import UNREADABLE
from outworx_otel.server.ingest import loose_json, otlp_json
from outworx_otel.server.ingest.otlp_parts import has_more_fields, part_of
from outworx_otel.server.ingest.span_sorting import check_number

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
MAX_FIELDS: Final = 400_000
"""Of a message in protobuf that is decoded whole."""
MAX_JSON_PARTS: Final = 600_000
"""The largest batches of real spans have as many; each takes about 5 µs."""
_MAX_DEPTH: Final = 100
# Below a part of a batch that cannot be read whole, so many levels are looked through for what can.
_SALVAGED_DEPTH: Final = 5
# What holds the parts: reading it whole would be reading all of them again.
_HOLDERS: Final = frozenset(
    {"ResourceSpans", "ScopeSpans", "ResourceMetrics", "ScopeMetrics", "Metric", "Sum", "Gauge", "Histogram"}
)
_REFUSED: Final = (
    *(json_format.ParseError, AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError),
)
_IDS: Final = ("traceId", "spanId", "parentSpanId")

M = TypeVar("M", bound=Message)


def format_of(content_type: str) -> str:
    """The format of a request.

    Raises:
        HTTPException: neither of the two.
    """
    format = content_type.partition(";")[0].strip().lower()
    if format not in (PROTOBUF, JSON):
        raise HTTPException(415, f"the Content-Type must be {PROTOBUF} or {JSON}, not {content_type[:60]!r}")
    return format


def encoded_traces(body: bytes, format: str) -> bytes:
    """Returns an ExportTraceServiceRequest in protobuf; of JSON all that can be read.

    Raises:
        HTTPException: JSON that is none, or holds too much.
    """
    if format != JSON:
        return body
    _check_parts(body)
    encoded = otlp_json.encoded_traces(body)
    return (
        decode(body, format, ExportTraceServiceRequest()).SerializeToString() if encoded is None else encoded
    )


def decode(body: bytes, format: str, message: M) -> M:
    """Fills an empty message; in JSON, with all that can be read.

    Raises:
        HTTPException: bytes that are no such message, or hold too much.
    """
    if format == JSON:
        return _decode_json(body, message)
    found = part_of(type(message), body, MAX_FIELDS)
    if found is None:
        if has_more_fields(body, message.DESCRIPTOR, MAX_FIELDS):
            raise HTTPException(413, f"a request may have {MAX_FIELDS} fields: send smaller batches")
        raise undecodable(type(message), format)
    return found


def undecodable(kind: type[Message], format: str, why: str = "") -> HTTPException:
    """The answer to a body that is no such message."""
    name = "JSON" if format == JSON else "protobuf"
    return HTTPException(400, f"the body is no {kind.__name__} in {name}{why and ': '}{why}")


def answer(message: Message, format: str) -> Response:
    """A success; what the message says of rejected items stands in it."""
    return Response(_encoded(message, format), media_type=format)


def _encoded(message: Message, format: str) -> bytes:
    if format == PROTOBUF:
        return bytes(message.SerializeToString())
    return str(json_format.MessageToJson(message, indent=None)).encode()


def _decode_json(body: bytes, message: M) -> M:
    _check_parts(body)
    try:
        document = _document(body)
    except ValueError as error:
        raise undecodable(type(message), JSON, str(error)[:300]) from None
    check_number(sum(1 for _ in _items(scope, "spans")) for scope in _scopes(document))
    for holder in _with_ids(document):
        for name in _IDS:
            if name in holder:
                holder[name] = _base64(holder[name])
    found = _fill(message, document, _SALVAGED_DEPTH)
    if not (found or message.ListFields()):
        raise undecodable(type(message), JSON)
    return message


def _check_parts(body: bytes) -> None:
    try:
        loose_json.check_parts(body, MAX_JSON_PARTS)
    except loose_json.TooManyParts as error:
        raise HTTPException(413, str(error)) from None


def _document(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except UNREADABLE:
        document = loose_json.cleaned(loose_json.read(body))
    if not isinstance(document, dict):
        raise ValueError("it is no object")
    return document


def _fill(message: Any, document: Any, depth: int) -> bool:
    """Fills a message with what can be read of its document; whether that was all."""
    try:
        json_format.ParseDict(document, message, ignore_unknown_fields=True, max_recursion_depth=_MAX_DEPTH)
    except _REFUSED:
        message.Clear()
        if depth:
            _salvage(message, document, depth)
        return False
    return True


def _salvage(message: Any, document: Any, depth: int) -> None:
    for name, value in document.items() if isinstance(document, dict) else ():
        field = message.DESCRIPTOR.fields_by_camelcase_name.get(name)
        if field is None:
            continue
        place = getattr(message, field.name)
        if field.message_type is None:
            alone = type(message)()
            _fill(alone, {name: value}, 0)
            message.MergeFrom(alone)
        elif isinstance(place, Message):
            _fill_part(place, value, depth)
        else:
            for item in value if isinstance(value, list) else ():
                if isinstance(item, dict):
                    _fill_part(place.add(), item, depth)


def _fill_part(part: Any, document: Any, depth: int) -> None:
    if part.DESCRIPTOR.name in _HOLDERS:
        _salvage(part, document, depth)
    else:
        _fill(part, document, depth - 1)


def _with_ids(document: Any) -> Iterator[dict[str, Any]]:
    """The spans and links: their ids are hexadecimal, where protobuf's JSON has base64."""
    for scope_spans in _scopes(document):
        for span in _items(scope_spans, "spans"):
            yield span
            yield from _items(span, "links")


def _scopes(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource_spans in _items(document, "resourceSpans"):
        yield from _items(resource_spans, "scopeSpans")


def _items(holder: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    items = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(items, list):
        yield from (item for item in items if isinstance(item, dict))


def _base64(hexadecimal: Any) -> Any:
    """An id that is no hexadecimal becomes an empty one, which costs its span alone."""
    if not isinstance(hexadecimal, str):
        return hexadecimal
    try:
        return base64.b64encode(binascii.unhexlify(hexadecimal)).decode()
    except (binascii.Error, ValueError):
        return ""
