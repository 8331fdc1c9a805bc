"""OTLP's trace request with its parts left encoded.

The same wire format, declared with less detail: spans are bytes here, and so are their attributes, events, links and
statuses. Most attributes of a batch are the same from span to span, so that each is decoded once (`Decoder`), and
most spans have no events and no links: decoding a batch takes half the time. And what is tiny on the wire and large
in memory (two bytes are an empty span) is counted before it is decoded, and costs nobody but itself if it cannot be.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from outworx_otel.server.ingest.values import is_column, plain
from outworx_otel.server.model import Attributes

MAX_PART_BYTES: Final = 8 * 1024 * 1024
"""Of a span, and of a resource's attribute: an empty value in a list has two bytes on the wire and 70 in memory."""
_BYTES: Final = FieldDescriptorProto.TYPE_BYTES
_TEXT: Final = FieldDescriptorProto.TYPE_STRING
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
        "name": (5, _TEXT, False),
        "kind": (6, _NUMBER, False),
        "start_time_unix_nano": (7, _TIME, False),
        "end_time_unix_nano": (8, _TIME, False),
        "attributes": (9, _BYTES, True),
        "events": (11, _BYTES, True),
        "links": (13, _BYTES, True),
        "status": (15, _BYTES, False),
    },
    "Scope": {"name": (1, _TEXT, False)},
    "ScopeSpans": {"scope": (1, "Scope", False), "spans": (2, _BYTES, True)},
    "Resource": {"attributes": (1, _BYTES, True)},
    "ResourceSpans": {"resource": (1, "Resource", False), "scope_spans": (2, "ScopeSpans", True)},
    "TraceRequest": {"resource_spans": (1, "ResourceSpans", True)},
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


class Decoder(dict[bytes, tuple[str, Any]]):
    """The attributes of one request, by their encoding.

    Attributes:
        odd: whether any of them has another type or length than its column takes.
    """

    odd = False

    def __missing__(self, encoded: bytes) -> tuple[str, Any]:
        if len(encoded) > MAX_PART_BYTES:
            raise DecodeError
        pair = KeyValue.FromString(encoded)
        name, value = pair.key, plain(pair.value)
        if not is_column(name, value):
            self.odd = True
        found = self[encoded] = (name, value)
        return found

    def attributes(self, encoded: Iterable[bytes]) -> Attributes:
        """Attributes by name; of a name that occurs twice the last counts."""
        return dict(map(self.__getitem__, encoded))
