"""Reads attributes in the one form that nearly all of them have on the wire, in half the time that protobuf takes."""

from __future__ import annotations

import struct
from typing import Any, Final

from outworx_otel.server.documents import finite

# A field's number times 8, and how it is written: 0 a varint, 1 eight bytes, 2 a length and so many bytes.
_NAME: Final = 1 << 3 | 2
_VALUE: Final = 2 << 3 | 2
_TEXT: Final = 1 << 3 | 2
_FLAG: Final = 2 << 3 | 0
_WHOLE: Final = 3 << 3 | 0
_DOUBLE: Final = 4 << 3 | 1
# What is less than that is a varint of one byte.
_LONG: Final = 0x80
_double: Final = struct.Struct("<d").unpack_from


def short_attribute(encoded: bytes) -> tuple[str, Any] | None:
    """Returns the name and the value of a KeyValue: a name and a text, a flag or a number, each below 128 bytes.

    See opentelemetry/proto/common/v1/common.proto. None is returned for any other, also for one that is none.
    """
    try:
        at = encoded[1] + 2
        size = len(encoded) - at - 2
        if (
            encoded[0] != _NAME
            or at >= _LONG
            or encoded[at] != _VALUE
            or encoded[at + 1] != size
            or size >= _LONG
        ):
            return None
        kind, first = encoded[at + 2], encoded[at + 3]
        value: Any
        if kind == _TEXT and first == size - 2:
            value = encoded[at + 4 :].decode()
        elif kind == _DOUBLE and size == 9:
            value = finite(_double(encoded, at + 3)[0])
        elif kind == _WHOLE and size == 2 and first < _LONG:
            value = first
        elif kind == _WHOLE and size == 3 and first >= _LONG > encoded[at + 4]:
            value = first - _LONG | encoded[at + 4] << 7
        elif kind == _FLAG and size == 2 and first < _LONG:
            value = first != 0
        else:
            return None
        return encoded[2:at].decode(), value
    except (IndexError, UnicodeDecodeError):
        return None
