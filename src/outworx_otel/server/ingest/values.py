"""Turns attributes, whatever their type, into values that can be kept: text, numbers, lists, mappings."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from outworx_otel.server.documents import finite
from outworx_otel.server.fields import ATTRIBUTES, ENVIRONMENT, Kind
from outworx_otel.server.model import Attributes
from outworx_otel.telemetry import semconv

MAX_COLUMN_BYTES: Final = 1024
"""Of what is indexed; the exact value stands in the attributes."""

_MAX_INT32: Final = 2**31 - 1


def attributes_of(pairs: Iterable[KeyValue]) -> Attributes:
    """OTLP's attributes by name; of a name that occurs twice the last counts."""
    return {pair.key: plain(pair.value) for pair in pairs}


def plain(value: AnyValue) -> Any:
    """One of OTLP's values. Bytes become base64, and what JSON has no number for its name."""
    kind = value.WhichOneof("value")
    if kind in _AS_THEY_ARE:
        return getattr(value, kind)
    return None if kind is None else _CONVERTED[kind](value)


_AS_THEY_ARE: Final = frozenset({"string_value", "int_value", "bool_value"})
_CONVERTED: Final[dict[str, Callable[[AnyValue], Any]]] = {
    "double_value": lambda value: finite(value.double_value),
    "array_value": lambda value: [plain(item) for item in value.array_value.values],
    "kvlist_value": lambda value: attributes_of(value.kvlist_value.values),
    "bytes_value": lambda value: base64.b64encode(value.bytes_value).decode(),
    # An index into a table that only profiles have.
    "string_value_strindex": lambda value: None,
}


def values_in(value: Any) -> int:
    """How many values a list or a mapping holds, with those in them."""
    inner = value.values() if isinstance(value, dict) else value
    return len(value) + sum(values_in(one) for one in inner if isinstance(one, list | dict))


def column(value: object) -> str | None:
    """Text for a column that is searched: of `MAX_COLUMN_BYTES` at most, and without NUL, which PostgreSQL lacks."""
    if not isinstance(value, str):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        value = str(value)
    if len(value) * 4 > MAX_COLUMN_BYTES:
        value = value.encode("utf-8", "replace")[:MAX_COLUMN_BYTES].decode("utf-8", "ignore")
    return value.replace("\0", "\ufffd") if "\0" in value else value


def size_column(value: object) -> int | None:
    """A size in bytes, or None; the largest that a column holds stands for all above."""
    return min(value, _MAX_INT32) if type(value) is int and value >= 0 else None


def _status(value: object) -> int | None:
    return value if type(value) is int and 100 <= value <= 999 else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


_OF_KIND: Final[dict[Kind, Callable[[object], Any]]] = {"text": column, "flag": _flag, "whole": size_column}
# The outcome is derived, see `outcome`.
_COLUMNS: Final[dict[str, Callable[[object], Any]]] = {
    attribute: _OF_KIND[field.kind] for attribute, field in ATTRIBUTES.items() if field.name != "outcome"
} | {semconv.HTTP_STATUS: _status, semconv.HTTP_METHOD_ORIGINAL: column}
_IN_FIELDS: Final = tuple(name for name in _COLUMNS if name in ATTRIBUTES)
_FIELDS: Final = tuple(ATTRIBUTES[name].name for name in _IN_FIELDS)


def is_column(name: str, value: object) -> bool:
    """Whether an attribute can go into its column as it is; one without a column can."""
    as_column = _COLUMNS.get(name)
    return as_column is None or as_column(value) is value


def columns(attributes: Attributes) -> Attributes:
    """Returns the attributes that have columns, as their columns take them; None where the type is wrong."""
    return {name: _COLUMNS[name](value) for name, value in attributes.items() if name in _COLUMNS}


def environment_of(resource: Attributes) -> str | None:
    """The deployment that a resource names, by the attribute's name of today or of before."""
    return column(resource.get(ENVIRONMENT) or resource.get("deployment.environment"))


def fields_of(attributes: Attributes) -> dict[str, Any]:
    """Returns the fields of a delivery that its attributes are, by the fields' names.

    Args:
        attributes: as their columns take them.
    """
    get = attributes.get
    fields = dict(zip(_FIELDS, map(get, _IN_FIELDS), strict=True))
    fields["provider"] = fields["provider"] or "unknown"
    # Of one that OpenTelemetry does not know, `http.request.method` is `_OTHER`.
    fields["method"] = get(semconv.HTTP_METHOD_ORIGINAL) or fields["method"] or "POST"
    return fields
