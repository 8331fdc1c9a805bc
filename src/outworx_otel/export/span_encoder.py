"""Writes spans as an OTLP request, at a tenth of what the SDK's encoder takes.

Follows opentelemetry-proto 1.x (`trace.proto`, `common.proto`) and what the SDK's own encoder makes of a span. Most
attributes of a process repeat from span to span: the bytes of names, and of (name, value) pairs, are remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import Any, Final, TypeAlias, cast

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceState

# What is remembered: a name that has taken more values than that is one of ids or times, which do not repeat.
_NAMES: Final = 512
_VALUES_OF_A_NAME: Final = 32
_LONGEST_REMEMBERED: Final = 128

_Repeating: TypeAlias = str | bool | int | tuple[str]
# Of a name whose values are not remembered; stays empty.
_VARIOUS: Final[dict[_Repeating, bytes]] = {}
_TABLE: Final = 1024

_INT64: Final = range(-(2**63), 2**63)
_UINT64: Final = 2**64

# The flags of a span and of a link say whether its context came from another process, and that this is known.
_LOCAL: Final = 0x100
_REMOTE: Final = 0x300

_KINDS: Final = {
    SpanKind.INTERNAL: b"\x30\x01",
    SpanKind.SERVER: b"\x30\x02",
    SpanKind.CLIENT: b"\x30\x03",
    SpanKind.PRODUCER: b"\x30\x04",
    SpanKind.CONSUMER: b"\x30\x05",
}
_DOUBLE: Final = Struct("<d").pack
_TIMES: Final = Struct("<cQcQ").pack
_TIME: Final = Struct("<cQ").pack
_FLAGS_OF_SPAN: Final = {flags: b"\x85\x01" + flags.to_bytes(4, "little") for flags in (_LOCAL, _REMOTE)}
_FLAGS_OF_LINK: Final = {flags: b"\x35" + flags.to_bytes(4, "little") for flags in (_LOCAL, _REMOTE)}


class SpanEncoder:
    """Encodes batches, one at a time: it belongs to one thread."""

    def __init__(self) -> None:
        # Imported now: at the end of the process, where the last batch is sent, imports may fail.
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        self._by_sdk: Callable[[Sequence[ReadableSpan]], Any] = encode_spans
        self._names: dict[str, tuple[bytes, dict[_Repeating, bytes]]] = {}

    def encode(self, spans: Sequence[ReadableSpan]) -> bytes:
        """Returns an `ExportTraceServiceRequest`; raises what the SDK's encoder raises where neither can write it."""
        try:
            return self._request(spans)
        except Exception:  # noqa: BLE001  # a value of no known type: the SDK names it, and leaves it out
            return cast("bytes", self._by_sdk(spans).SerializeToString())

    def _request(self, spans: Sequence[ReadableSpan]) -> bytes:
        # By identity: hashing a resource costs as much as writing a span. Two equal ones are written twice.
        resources: dict[int, dict[int, list[ReadableSpan]]] = {}
        for span in spans:
            scopes = resources.setdefault(id(span.resource), {})
            scopes.setdefault(id(span.instrumentation_scope), []).append(span)
        return b"".join(
            _field(b"\x0a", self._resource_spans([*scopes.values()])) for scopes in resources.values()
        )

    def _resource_spans(self, scopes: Sequence[Sequence[ReadableSpan]]) -> bytes:
        resource = scopes[0][0].resource
        parts = [_field(b"\x0a", self._attributes(b"\x0a", resource.attributes))]
        parts += [_field(b"\x12", self._scope_spans(spans)) for spans in scopes]
        parts.append(_text(b"\x1a", resource.schema_url))
        return b"".join(parts)

    def _scope_spans(self, spans: Sequence[ReadableSpan]) -> bytes:
        scope = spans[0].instrumentation_scope
        parts = [_field(b"\x0a", b"" if scope is None else self._scope(scope))]
        parts += [_field(b"\x12", self._span(span)) for span in spans]
        parts.append(_text(b"\x1a", scope.schema_url if scope else None))
        return b"".join(parts)

    def _scope(self, scope: InstrumentationScope) -> bytes:
        attributes = self._attributes(b"\x1a", scope.attributes)
        return _text(b"\x0a", scope.name) + _text(b"\x12", scope.version) + attributes

    def _span(self, span: ReadableSpan) -> bytes:
        context = cast("SpanContext", span.get_span_context())
        parts = [
            b"\x0a\x10",
            context.trace_id.to_bytes(16, "big"),
            b"\x12\x08",
            context.span_id.to_bytes(8, "big"),
        ]
        if context.trace_state:
            parts.append(_text(b"\x1a", _trace_state(context.trace_state)))
        if span.parent:
            parts += (b"\x22\x08", span.parent.span_id.to_bytes(8, "big"))
        parts += (
            _text(b"\x2a", span.name),
            _KINDS[span.kind],
            _TIMES(b"\x39", span.start_time, b"\x41", span.end_time),
            self._attributes(b"\x4a", span.attributes),
        )
        if span.dropped_attributes:
            parts.append(_count(b"\x50", span.dropped_attributes))
        if span.events:
            parts += [_field(b"\x5a", self._event(event)) for event in span.events]
        if span.dropped_events:
            parts.append(_count(b"\x60", span.dropped_events))
        if span.links:
            parts += [_field(b"\x6a", self._link(link)) for link in span.links]
        if span.dropped_links:
            parts.append(_count(b"\x70", span.dropped_links))
        parts.append(_status(span.status))
        parts.append(_FLAGS_OF_SPAN[_REMOTE if span.parent and span.parent.is_remote else _LOCAL])
        return b"".join(parts)

    def _event(self, event: Event) -> bytes:
        head = _TIME(b"\x09", event.timestamp) + _text(b"\x12", event.name)
        dropped = _count(b"\x20", event.dropped_attributes)
        return head + self._attributes(b"\x1a", event.attributes) + dropped

    def _link(self, link: Link) -> bytes:
        return b"\x0a\x10%b\x12\x08%b%b%b%b" % (
            link.context.trace_id.to_bytes(16, "big"),
            link.context.span_id.to_bytes(8, "big"),
            self._attributes(b"\x22", link.attributes),
            _count(b"\x28", link.dropped_attributes),
            _FLAGS_OF_LINK[_REMOTE if link.context.is_remote else _LOCAL],
        )

    def _attributes(self, tag: bytes, attributes: Mapping[str, Any] | None) -> bytes:
        """Each pair behind its tag."""
        if not attributes:
            return b""
        # `copy` of the SDK's attributes is a plain dict; walking the mapping itself costs ten times as much.
        copied: dict[str, Any] = cast("Any", attributes).copy()
        names = self._names
        encoded = [b""]
        for key, value in copied.items():
            name, values = names.get(key) or self._remember(key)
            kind = type(value)
            # No others are remembered: in a dictionary, 1 and 1.0 are True. A header's value is a tuple of one.
            if (
                kind is str
                or kind is bool
                or (kind is int and value > 1)
                or (kind is tuple and len(value) == 1 and type(value[0]) is str)
            ):
                encoded.append(values.get(value) or self._remember_value(key, value, name, values))
            else:
                encoded.append(_pair(name, value))
        return tag.join(encoded)

    def _remember(self, key: str) -> tuple[bytes, dict[_Repeating, bytes]]:
        name = _field(b"\x0a", key.encode())
        if len(self._names) >= _NAMES or len(name) > _LONGEST_REMEMBERED:
            return name, _VARIOUS
        return self._names.setdefault(key, (name, {}))

    def _remember_value(
        self, key: str, value: _Repeating, name: bytes, values: dict[_Repeating, bytes]
    ) -> bytes:
        pair = _pair(name, value)
        if values is _VARIOUS:
            pass
        elif len(values) >= _VALUES_OF_A_NAME:
            self._names[key] = name, _VARIOUS
        elif len(pair) <= _LONGEST_REMEMBERED:
            values[value] = pair
        return pair


def _pair(name: bytes, value: object) -> bytes:
    """A `KeyValue` behind its length; `name` is its first field."""
    if type(value) is str:
        text = value.encode()
        length = len(text)
        if length < len(_SHORT_TEXTS):
            rest = _SHORT_TEXTS[length] + text
            return _length(len(name) + len(rest)) + name + rest
    rest = _field(b"\x12", _value(value))
    return _length(len(name) + len(rest)) + name + rest


def _value(value: object) -> bytes:
    """An `AnyValue`; raises `TypeError` or `ValueError` for what it cannot hold."""
    if value is None:
        return b""
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        if value not in _INT64:
            raise ValueError("an integer of more than 64 bits")
        return b"\x18" + _varint(value % _UINT64)
    if isinstance(value, float):
        return b"\x21" + _DOUBLE(value)
    if isinstance(value, bytes):
        return _field(b"\x3a", value)
    if isinstance(value, Sequence):
        return _field(b"\x2a", b"".join(_field(b"\x0a", _value(item)) for item in value))
    if isinstance(value, Mapping):
        pairs = (
            _field(b"\x0a", str(key).encode()) + _field(b"\x12", _value(item)) for key, item in value.items()
        )
        return _field(b"\x32", b"".join(_field(b"\x0a", pair) for pair in pairs))
    raise TypeError(f"{type(value)} is no attribute's value")


def _string(value: str) -> bytes:
    return _field(b"\x0a", value.encode())


def _text(tag: bytes, text: str | None) -> bytes:
    """A field that is left out where it is empty, as protobuf does."""
    return _field(tag, text.encode()) if text else b""


def _count(tag: bytes, number: int) -> bytes:
    return tag + _varint(number) if number else b""


def _status(status: Status) -> bytes:
    if status.status_code is StatusCode.UNSET:
        return b"\x7a\x00"
    return _field(b"\x7a", _text(b"\x12", status.description) + _count(b"\x18", status.status_code.value))


def _trace_state(state: TraceState) -> str:
    return ",".join(f"{key}={value}" for key, value in state.items())


def _field(tag: bytes, content: bytes) -> bytes:
    length = len(content)
    return tag + (_LENGTHS[length] if length < _TABLE else _varint(length)) + content


def _length(length: int) -> bytes:
    return _LENGTHS[length] if length < _TABLE else _varint(length)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


_LENGTHS: Final = tuple(_varint(length) for length in range(_TABLE))
# What stands before a value of so many bytes: it is an AnyValue of that length and two, which holds a string.
_SHORT_TEXTS: Final = tuple(bytes((0x12, length + 2, 0x0A, length)) for length in range(126))
