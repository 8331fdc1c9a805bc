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
from google.protobuf.message import DecodeError, Message
from starlette.exceptions import HTTPException
from starlette.responses import Response

from outworx_otel.server.ingest.span_sorting import check_number

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
_MAX_DEPTH: Final = 100
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


def decode(body: bytes, format: str, message: M) -> M:
    """Fills an empty message.

    Raises:
        HTTPException: bytes that are no such message.
    """
    if format == JSON:
        return _decode_json(body, message)
    try:
        message.ParseFromString(body)
    except DecodeError:
        raise undecodable(type(message), format) from None
    return message


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
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
        check_number(len(scope.get("spans") or ()) for scope in _scopes(document))
        for holder in _with_ids(document):
            for name in _IDS:
                if name in holder:
                    holder[name] = _base64(holder[name])
        json_format.ParseDict(document, message, ignore_unknown_fields=True, max_recursion_depth=_MAX_DEPTH)
        return message
    except RecursionError:
        raise HTTPException(400, f"the JSON is nested more than {_MAX_DEPTH} deep") from None
    except (json_format.ParseError, msgspec.DecodeError) as error:
        raise HTTPException(
            400, f"the body is no {type(message).__name__} in JSON: {str(error)[:300]}"
        ) from None
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        # What json_format lets through of values that have another type than their field.
        raise undecodable(type(message), JSON) from None


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
