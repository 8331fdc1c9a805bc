"""OTLP's trace request with its parts left encoded.

The same wire format, declared with less detail: spans are bytes here, and so are their names, attributes, events,
links and statuses. Most attributes of a batch are the same from span to span, so that each is decoded once
(`Decoder`), and most spans have no events and no links: decoding a batch takes half the time. And what is tiny on the
wire and large in memory (two bytes are an empty span) is counted before it is decoded, and costs nobody but itself if
it cannot be.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from outworx_otel.server.ingest import otlp_parts
from outworx_otel.server.ingest.otlp_parts import has_more_fields, part_of
from outworx_otel.server.ingest.short_attributes import short_attribute
from outworx_otel.server.ingest.values import is_column, plain, values_in
from outworx_otel.server.model import Attributes

MAX_PART_BYTES: Final = 8 * 1024 * 1024
"""Of a span, and of a resource's attribute."""
MAX_FIELDS: Final = 200_000
"""Of resources, scopes and spans of a request."""
MAX_VALUES: Final = 800_000
"""Of a request: attributes, events, links, and what is in them. The largest batches of real spans have as many."""
# It has no more fields than may be, whatever they are.
_SMALL: Final = 2 * otlp_parts.MAX_VALUES
_BYTES: Final = FieldDescriptorProto.TYPE_BYTES
_TIME: Final = FieldDescriptorProto.TYPE_FIXED64
_NUMBER: Final = FieldDescriptorProto.TYPE_INT32
_PACKAGE: Final = "outworx.wire"

# Message → field → its number, its type (or the message that it is), whether it is repeated. See
# opentelemetry/proto/trace/v1/trace.proto; what is not named here is passed over.
_MESSAGES: Final[dict[str, dict[str, tuple[int, Any, bool]]]] = {
    "Span": {
        "trace_id": (1, _BYTES, False),
        "span_id": (2, _BYTES, False),
        "parent_span_id": (4, _BYTES, False),
        "name": (5, _BYTES, False),
        "kind": (6, _NUMBER, False),
        "start_time_unix_nano": (7, _TIME, False),
        "end_time_unix_nano": (8, _TIME, False),
        "attributes": (9, _BYTES, True),
        "events": (11, _BYTES, True),
        "links": (13, _BYTES, True),
        "status": (15, _BYTES, False),
    },
    "Scope": {"name": (1, _BYTES, False)},
    "ScopeSpans": {"scope": (1, "Scope", False), "spans": (2, _BYTES, True)},
    "Resource": {"attributes": (1, _BYTES, True)},
    "ResourceSpans": {"resource": (1, "Resource", False), "scope_spans": (2, "ScopeSpans", True)},
    "TraceRequest": {"resource_spans": (1, "ResourceSpans", True)},
    # An attribute of which perhaps the name alone can be read.
    "Pair": {"key": (1, _BYTES, False)},
}


def _declared() -> DescriptorPool:
    file = FileDescriptorProto(name="outworx/wire.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, repeated) in fields.items():
            declared = message.field.add(name=field, number=number)
            declared.label = declared.LABEL_REPEATED if repeated else declared.LABEL_OPTIONAL
            if isinstance(kind, str):
                declared.type, declared.type_name = declared.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                declared.type = kind
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_pool: Final = _declared()
Span: Final[Any] = GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.Span"))
TraceRequest: Final[Any] = GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.TraceRequest"))


_Pair: Final[Any] = GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.Pair"))


class TooManyValues(Exception):
    """More than one request may hold."""


def trace_request(encoded: bytes) -> Any:
    """Returns a `TraceRequest`.

    Raises:
        DecodeError: it is none.
        TooManyValues: it has more than `MAX_FIELDS`.
    """
    if has_more_fields(encoded, TraceRequest.DESCRIPTOR, MAX_FIELDS):
        raise TooManyValues(
            f"a request may have {MAX_FIELDS} resources, scopes and spans: send smaller batches"
        )
    return TraceRequest.FromString(encoded)


def text(encoded: bytes) -> str:
    """A name, whatever its bytes are."""
    return encoded.decode("utf-8", "replace")


class Decoder(dict[bytes, tuple[str, Any]]):
    """The attributes of one request, by their encoding, and how many values it may still have.

    Attributes:
        odd: whether any of them has another type or length than its column takes.
    """

    odd = False
    _left = MAX_VALUES

    def __missing__(self, encoded: bytes) -> tuple[str, Any]:
        found = short_attribute(encoded) or self._any_attribute(encoded)
        if not is_column(*found):
            self.odd = True
        self[encoded] = found
        return found

    def _any_attribute(self, encoded: bytes) -> tuple[str, Any]:
        pair: KeyValue | None = None
        if len(encoded) <= _SMALL:
            # Nearly all are so small.
            with contextlib.suppress(DecodeError):
                pair = KeyValue.FromString(encoded)
        if pair is None and len(encoded) <= MAX_PART_BYTES:
            pair = part_of(KeyValue, encoded)
        if pair is None:
            return _name_of(encoded), None
        value = plain(pair.value)
        if type(value) is list or type(value) is dict:
            self.charge(values_in(value))
        return pair.key, value

    def attributes(self, encoded: Sequence[bytes]) -> Attributes:
        """Attributes by name; of a name that occurs twice the last counts. What cannot be read is None.

        Raises:
            TooManyValues: the request holds too many.
        """
        self.charge(len(encoded))
        return dict(map(self.__getitem__, encoded))

    def charge(self, values: int) -> None:
        """Counts what is decoded.

        Raises:
            TooManyValues: the request holds too many.
        """
        self._left -= values
        if self._left < 0:
            raise TooManyValues(f"a request may hold {MAX_VALUES} values: send smaller batches")


def _name_of(encoded: bytes) -> str:
    try:
        return text(_Pair.FromString(encoded).key)
    except DecodeError:
        return ""
