"""The OpenAPI description of every JSON call; what is said of a delivery's fields comes from their table."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any, Final

import msgspec

from outworx_otel.server.fields import FIELDS, FILTERED, Field, Kind
from outworx_otel.server.filters import MAX_VALUES
from outworx_otel.telemetry.outcomes import OUTCOMES
from outworx_otel.version import __version__

_SCHEMAS: Final[dict[Kind, dict[str, Any]]] = {
    "text": {"type": "string"},
    "whole": {"type": "integer"},
    "flag": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
    "seconds": {"type": "number", "minimum": 0},
}
_LONGEST: Final = 1024


@functools.cache
def description() -> bytes:
    """`openapi.json`, with the fields and this version's number."""
    text = resources.files(__package__ or "outworx_otel.server.api").joinpath("openapi.json").read_bytes()
    document = msgspec.json.decode(text)
    document["info"]["version"] = __version__
    components = document["components"]
    components["schemas"]["Summary"] = {
        "type": "object",
        "description": "Names are those of the span's attributes without `outworx.webhook.`;"
        " what is not known is left out.",
        "required": [field.json for field in FIELDS if field.always],
        "properties": {field.json: _schema(field) for field in FIELDS},
    }
    filters = {field.name: _parameter(field) for field in FIELDS if field.filtered}
    components["parameters"] = filters | components["parameters"]
    listing = document["paths"]["/api/deliveries"]["get"]
    listing["parameters"][:0] = [{"$ref": f"#/components/parameters/{name}"} for name in FILTERED]
    return msgspec.json.encode(document)


def _schema(field: Field) -> dict[str, Any]:
    if field.name == "outcome":
        return {"enum": list(OUTCOMES), "description": field.says}
    return _SCHEMAS[field.kind] | {"description": field.says}


def _parameter(field: Field) -> dict[str, Any]:
    one: dict[str, Any] = {"type": "string", "maxLength": _LONGEST}
    if field.name == "outcome":
        one["enum"] = list(OUTCOMES)
    return {
        "name": field.name,
        "in": "query",
        "description": f"{field.says} Repeated, any of its values will do.",
        "schema": {"type": "array", "items": one, "maxItems": MAX_VALUES},
        "style": "form",
        "explode": True,
    }
