"""Turns OTLP/JSON's trace requests into OTLP's wire format, where they are as exporters write them.

Protobuf's own reader of JSON takes 340 µs for a webhook span with 22 attributes, this one 27: msgspec reads the
document, and what most spans have in common is encoded once. Whatever is not as it should be, or unknown, is left to
protobuf's reader, which saves what it can (`otlp_format`): what both read is the same.

See opentelemetry/proto/trace/v1/trace.proto for the numbers, and the OTLP specification, "JSON Protobuf Encoding":
ids are hexadecimal, 64-bit integers may be texts.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from outworx_otel.server.ingest.span_sorting import check_number

# How a field is written: a varint, eight bytes, a length and so many bytes.
_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_MAX_DEPTH: Final = 20
_UINT64: Final = 2**64
_INT64: Final = 2**63
_INT32: Final = 2**31
_KINDS: Final = {
    f"SPAN_KIND_{name}": number
    for number, name in enumerate(("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"))
}
_CODES: Final = {f"STATUS_CODE_{name}": number for number, name in enumerate(("UNSET", "OK", "ERROR"))}
_packed_time: Final = struct.Struct("<Q").pack
_packed_double: Final = struct.Struct("<d").pack

_Whole = int | str
_UInt32 = Annotated[int, Meta(ge=0, lt=2**32)]


class _Message(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """A message of OTLP with all of its fields: what has others is not read here."""


class _Value(_Message):
    string_value: str | UnsetType = UNSET
    bool_value: bool | UnsetType = UNSET
    int_value: _Whole | UnsetType = UNSET
    double_value: float | UnsetType = UNSET
    array_value: _Values | UnsetType = UNSET
    kvlist_value: _Pairs | UnsetType = UNSET


class _Pair(_Message):
    key: str = ""
    value: _Value | UnsetType = UNSET


class _Values(_Message):
    values: tuple[_Value, ...] = ()


class _Pairs(_Message):
    values: tuple[_Pair, ...] = ()


class _Event(_Message):
    time_unix_nano: _Whole = 0
    name: str = ""
    attributes: tuple[Raw, ...] = ()
    dropped_attributes_count: _UInt32 = 0


class _Link(_Message):
    trace_id: str = ""
    span_id: str = ""
    trace_state: str = ""
    attributes: tuple[Raw, ...] = ()
    dropped_attributes_count: _UInt32 = 0
    flags: _UInt32 = 0


class _Status(_Message):
    message: str = ""
    code: _Whole = 0


class _Span(_Message):
    trace_id: str = ""
    span_id: str = ""
    trace_state: str = ""
    parent_span_id: str = ""
    flags: _UInt32 = 0
    name: str = ""
    kind: _Whole = 0
    start_time_unix_nano: _Whole = 0
    end_time_unix_nano: _Whole = 0
    attributes: tuple[Raw, ...] = ()
    dropped_attributes_count: _UInt32 = 0
    events: tuple[_Event, ...] = ()
    dropped_events_count: _UInt32 = 0
    links: tuple[_Link, ...] = ()
    dropped_links_count: _UInt32 = 0
    status: _Status | UnsetType = UNSET


class _Scope(_Message):
    name: str = ""
    version: str = ""
    attributes: tuple[_Pair, ...] = ()
    dropped_attributes_count: _UInt32 = 0


class _ScopeSpans(_Message):
    scope: _Scope | UnsetType = UNSET
    spans: tuple[_Span, ...] = ()
    schema_url: str = ""


class _Resource(_Message):
    attributes: tuple[Raw, ...] = ()
    dropped_attributes_count: _UInt32 = 0


class _ResourceSpans(_Message):
    resource: _Resource | UnsetType = UNSET
    scope_spans: tuple[_ScopeSpans, ...] = ()
    schema_url: str = ""


class _Request(_Message):
    resource_spans: tuple[_ResourceSpans, ...] = ()


_KINDS_OF_VALUES: Final = _Value.__struct_fields__
_read_request: Final = msgspec.json.Decoder(_Request).decode
_read_pair: Final = msgspec.json.Decoder(_Pair).decode


class _OddValue(ValueError):
    """For protobuf's reader."""


def encoded_traces(document: bytes) -> bytes | None:
    """Returns an ExportTraceServiceRequest's bytes; None where the document is to be read by protobuf.

    Args:
        document: JSON in UTF-8, of a size that is bounded.

    Raises:
        TooManySpans: it has more than may be.
    """
    try:
        request = _read_request(document)
        check_number(len(scope.spans) for one in request.resource_spans for scope in one.scope_spans)
        pairs = _EncodedPairs()
        return b"".join(_field(1, _resource_spans(one, pairs)) for one in request.resource_spans)
    except (msgspec.MsgspecError, UnicodeError, _OddValue, RecursionError):
        return None


class _EncodedPairs(dict[bytes, bytes]):
    """The attributes of one request, encoded and with their length, by their JSON."""

    def __missing__(self, document: bytes) -> bytes:
        encoded = _pair(_read_pair(document), 0)
        found = self[document] = _length(encoded) + encoded
        return found

    def fields(self, tag: bytes, attributes: Iterable[Raw]) -> bytes:
        """Repeated fields of a message."""
        return b"".join([tag + self[bytes(one)] for one in attributes])


def _resource_spans(one: _ResourceSpans, pairs: _EncodedPairs) -> bytes:
    resource = b"" if one.resource is UNSET else pairs.fields(_tag(1, _BYTES), one.resource.attributes)
    scopes = b"".join(_field(2, _scope_spans(scope, pairs)) for scope in one.scope_spans)
    return _field(1, resource) + scopes


def _scope_spans(one: _ScopeSpans, pairs: _EncodedPairs) -> bytes:
    scope = b"" if one.scope is UNSET else _text(1, one.scope.name)
    return _field(1, scope) + b"".join([_field(2, _span(span, pairs)) for span in one.spans])


def _span(span: _Span, pairs: _EncodedPairs) -> bytes:
    parts = [
        _text_id(1, span.trace_id),
        _text_id(2, span.span_id),
        _text_id(4, span.parent_span_id),
        _text(5, span.name),
        _number(6, _named(span.kind, _KINDS)),
        _time(7, span.start_time_unix_nano),
        _time(8, span.end_time_unix_nano),
        pairs.fields(_tag(9, _BYTES), span.attributes),
    ]
    parts += [_field(11, _event(event, pairs)) for event in span.events]
    parts += [_field(13, _link(link, pairs)) for link in span.links]
    if span.status is not UNSET:
        code = _number(3, _named(span.status.code, _CODES))
        parts.append(_field(15, _text(2, span.status.message) + code))
    return b"".join(parts)


def _event(event: _Event, pairs: _EncodedPairs) -> bytes:
    named = _time(1, event.time_unix_nano) + _text(2, event.name)
    return named + pairs.fields(_tag(3, _BYTES), event.attributes)


def _link(link: _Link, pairs: _EncodedPairs) -> bytes:
    ids = _text_id(1, link.trace_id) + _text_id(2, link.span_id)
    return ids + pairs.fields(_tag(4, _BYTES), link.attributes)


def _pair(pair: _Pair, depth: int) -> bytes:
    value = b"" if pair.value is UNSET else _field(2, _value(pair.value, depth))
    return _text(1, pair.key) + value


def _value(value: _Value, depth: int) -> bytes:
    told = [(name, one) for name in _KINDS_OF_VALUES if (one := getattr(value, name)) is not UNSET]
    if not told:
        return b""
    (kind, one), *others = told
    if others or depth > _MAX_DEPTH:
        raise _OddValue
    if kind == "string_value":
        return _text(1, one)
    if kind == "bool_value":
        return _number(2, int(one))
    if kind == "int_value":
        return _number(3, _integer(one, -_INT64, _INT64) % _UINT64)
    if kind == "double_value":
        return _tag(4, _FIXED64) + _packed_double(one)
    if kind == "array_value":
        return _field(5, b"".join([_field(1, _value(inner, depth + 1)) for inner in one.values]))
    return _field(6, b"".join([_field(1, _pair(inner, depth + 1)) for inner in one.values]))


def _integer(value: _Whole, least: int, beyond: int) -> int:
    if isinstance(value, str):
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= 20):
            raise _OddValue
        value = int(value)
    if not least <= value < beyond:
        raise _OddValue
    return value


def _named(value: _Whole, names: dict[str, int]) -> int:
    if isinstance(value, str):
        found = names.get(value)
        if found is None:
            raise _OddValue
        return found
    return _integer(value, 0, _INT32)


def _time(number: int, value: _Whole) -> bytes:
    return _tag(number, _FIXED64) + _packed_time(_integer(value, 0, _UINT64))


def _text_id(number: int, hexadecimal: str) -> bytes:
    """An id that is no hexadecimal becomes an empty one, which costs its span alone."""
    try:
        return _field(number, binascii.unhexlify(hexadecimal))
    except ValueError:
        return b""


def _number(number: int, value: int) -> bytes:
    return _tag(number, _VARINT) + _varint(value)


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, encoded: bytes) -> bytes:
    return _tag(number, _BYTES) + _length(encoded) + encoded


def _tag(number: int, kind: int) -> bytes:
    return _ONE_BYTE[number << 3 | kind]


def _length(encoded: bytes) -> bytes:
    return _varint(len(encoded))


def _varint(value: int) -> bytes:
    if value < 0x80:
        return _ONE_BYTE[value]
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


_ONE_BYTE: Final = tuple(bytes((number,)) for number in range(0x80))
