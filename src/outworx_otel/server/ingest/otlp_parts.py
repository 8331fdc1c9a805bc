"""Reads parts of an OTLP request so that what cannot be read costs itself alone.

Protobuf refuses a whole message for one text that is no UTF-8, and two bytes on the wire are an empty message of 70
in memory. So fields are counted before they are decoded, and a refused message is read a second time with bytes for
texts, which are the same on the wire.
"""

from __future__ import annotations

import functools
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

MAX_VALUES: Final = 10_000
"""Of one attribute, event or link."""

M = TypeVar("M", bound=Message)


def part_of(kind: type[M], encoded: bytes, limit: int = MAX_VALUES) -> M | None:
    """Returns a message; its texts that are no UTF-8 have U+FFFD in them.

    Args:
        kind: what it is.
        encoded: its bytes.
        limit: fields that it may have, with those of the messages in it.

    Returns:
        None where it has more of them, is nested too deep, or is no such message.
    """
    if has_more_fields(encoded, kind.DESCRIPTOR, limit):
        return None
    try:
        return kind.FromString(encoded)
    except DecodeError:
        pass
    try:
        loose = _loose_class(kind.DESCRIPTOR.full_name).FromString(encoded)
        _mend(loose, kind.DESCRIPTOR)
        return kind.FromString(loose.SerializeToString())
    except DecodeError:
        return None


def has_more_fields(encoded: bytes, descriptor: Any, limit: int) -> bool:
    """Whether a message has more than `limit` fields, with those of the messages in it; stops counting there."""
    # A field has two bytes at least.
    if len(encoded) <= 2 * limit:
        return False
    inner, at, end = _inner(descriptor), 0, len(encoded)
    above: list[tuple[dict[int, Any], int, int]] = []
    count = 0
    try:
        while True:
            if at >= end:
                if not above:
                    return False
                inner, at, end = above.pop()
                continue
            count += 1
            if count > limit:
                return True
            tag = encoded[at]
            at += 1
            if tag >= 0x80:
                tag, at = _varint(encoded, at - 1)
            wire = tag & 7
            if wire == 2:
                size = encoded[at]
                at += 1
                if size >= 0x80:
                    size, at = _varint(encoded, at - 1)
                below = inner.get(tag >> 3)
                if below is None:
                    at += size
                else:
                    above.append((inner, at + size, end))
                    inner, end = _inner(below), min(at + size, end)
            elif wire == 0:
                _, at = _varint(encoded, at)
            elif wire in (1, 5):
                at += 8 if wire == 1 else 4
    except IndexError:
        # Cut short: the decoder will come no further either, and say so.
        return False


def _varint(encoded: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = encoded[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80 or shift > 63:
            return value, at
        shift += 7


@functools.cache
def _inner(descriptor: Any) -> dict[int, Any]:
    """The fields that are messages, by number."""
    return {field.number: field.message_type for field in descriptor.fields if field.message_type is not None}


def _mend(loose: Any, strict: Any) -> None:
    """Makes UTF-8 of what are texts in the strict message."""
    for field, value in loose.ListFields():
        wanted = strict.fields_by_number[field.number]
        if wanted.type == FieldDescriptor.TYPE_STRING:
            if isinstance(value, bytes):
                setattr(loose, field.name, _utf8(value))
            else:
                value[:] = [_utf8(one) for one in value]
        elif wanted.message_type is not None:
            for one in (value,) if isinstance(value, Message) else value:
                _mend(one, wanted.message_type)


def _utf8(text: bytes) -> bytes:
    return text.decode("utf-8", "replace").encode()


@functools.cache
def _loose_class(name: str) -> Any:
    """OTLP's message of that name, with bytes for texts."""
    return GetMessageClass(_loose_pool().FindMessageTypeByName(name))


@functools.cache
def _loose_pool() -> DescriptorPool:
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
    from opentelemetry.proto.common.v1 import common_pb2
    from opentelemetry.proto.metrics.v1 import metrics_pb2
    from opentelemetry.proto.resource.v1 import resource_pb2
    from opentelemetry.proto.trace.v1 import trace_pb2

    pool = DescriptorPool()
    for module in (common_pb2, resource_pb2, trace_pb2, metrics_pb2, metrics_service_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            _loosen(message)
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def _loosen(message: Any) -> None:
    for field in message.field:
        if field.type == field.TYPE_STRING:
            field.type = field.TYPE_BYTES
    for nested in message.nested_type:
        _loosen(nested)
