"""`/api/openapi.json`: what every JSON call takes and gives.

`openapi.json` beside this file has the paths and the formats of others (OTLP, the older SDK's batch). What is ours is
made here: of the structs that are encoded and decoded, and of the tables of capabilities and of a delivery's fields.
It cannot disagree.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outworx_otel.server.api.overview import OverviewDocument
from outworx_otel.server.api.problems import ProblemChange
from outworx_otel.server.api.removal import CountedDocument, RemovedDocument
from outworx_otel.server.api.routes import DeliveriesDocument
from outworx_otel.server.capabilities import CAPABILITIES
from outworx_otel.server.capability import Capability, Parameter, value_schema
from outworx_otel.server.described import REFERENCE
from outworx_otel.server.documents import DeliveryTruth, WholeDelivery
from outworx_otel.server.explaining.verdict import DeliveryVerdict
from outworx_otel.server.fields import FIELDS, Field, Kind
from outworx_otel.server.ingest.idempotency_calls import (
    CheckCall,
    CheckReply,
    CompleteCall,
    HeldReply,
    ReleaseCall,
    RenewCall,
)
from outworx_otel.server.problems.alert_document import AlertsDocument
from outworx_otel.server.problems.problem_document import ProblemsDocument
from outworx_otel.server.relay.call_shapes import ExactPoll, OpenCall, Opened, ResponseCall, TextPoll
from outworx_otel.telemetry.outcomes import OUTCOMES
from outworx_otel.version import __version__

DESCRIBED: Final = (
    *(DeliveriesDocument, WholeDelivery, DeliveryTruth, DeliveryVerdict, RemovedDocument, CountedDocument),
    *(ProblemsDocument, ProblemChange, OverviewDocument, AlertsDocument),
    *(CheckCall, CheckReply, CompleteCall, ReleaseCall, RenewCall, HeldReply),
    *(OpenCall, Opened, TextPoll, ExactPoll, ResponseCall),
)
"""The structs of calls and answers; those within them come by themselves."""

_SCHEMAS: Final[dict[Kind, dict[str, Any]]] = {
    "text": {"type": "string"},
    "whole": {"type": "integer"},
    "flag": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
    "seconds": {"type": "number", "minimum": 0},
}
_OTLP: Final = ("/v1/traces", "/v1/metrics")
_OF_EVERY_CALL: Final = {
    status: {"$ref": f"#/components/responses/{name}"}
    for status, name in (("401", "NoKey"), ("403", "Foreign"), ("429", "BadKeys"), ("503", "Unavailable"))
}


def routes() -> list[BaseRoute]:
    """The call that gives it."""

    async def openapi(request: Request) -> Response:
        return Response(description(), media_type="application/json")

    return [Route("/api/openapi.json", openapi)]


@functools.cache
def description() -> bytes:
    """The document, with this version's number."""
    text = resources.files(__package__ or "outworx_otel.server.description").joinpath("openapi.json")
    document = msgspec.json.decode(text.read_bytes())
    document["info"]["version"] = __version__
    components, paths = document["components"], document["paths"]
    for path in [path for path in paths if path.startswith("/v1/")]:
        paths[f"/api/ingest{path}"] = _elsewhere(paths[path])
    for path, item in paths.items():
        for operation in item.values():
            # What is open to all, or speaks OTLP, names its own.
            if "security" not in operation and not path.endswith(_OTLP):
                operation["responses"] |= _OF_EVERY_CALL
    _, made = msgspec.json.schema_components(DESCRIBED, ref_template=REFERENCE)
    components["schemas"] |= _plainer(made) | {"Summary": _summary()}
    for capability in CAPABILITIES:
        if capability.call:
            method, path = capability.call.split()
            paths[path][method.lower()] |= _from_table(capability, path)
    return msgspec.json.encode(document)


def _from_table(capability: Capability, path: str) -> dict[str, Any]:
    """What the table of capabilities says of a call."""
    parameters = [_parameter(one, in_path=f"{{{one.name}}}" in path) for one in capability.of("call")]
    return {"summary": capability.says, **({"parameters": parameters} if parameters else {})}


def _elsewhere(item: dict[str, Any]) -> dict[str, Any]:
    """The same calls at another address."""
    return {method: call | {"operationId": f"{call['operationId']}Too"} for method, call in item.items()}


def _plainer(schema: Any) -> Any:
    """The same schema for readers that know neither Python's patterns nor elements by their place."""
    if isinstance(schema, list):
        return [_plainer(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _plainer(value) for name, value in schema.items()}
    if "prefixItems" in made:
        made["items"] = made.pop("prefixItems")[0]
    if "pattern" in made:
        made["pattern"] = made["pattern"].replace(r"\A", "^").replace(r"\Z", "$")
    return made


def _summary() -> dict[str, Any]:
    """A delivery as lists show it: its fields, and why it ended so."""
    why = msgspec.json.schema(DeliveryVerdict)["$defs"]["DeliveryVerdict"]["properties"]["why"]
    return {
        "type": "object",
        "description": "Names are those of the span's attributes without `outworx.webhook.`;"
        " what is not known is left out.",
        "required": [*(field.json for field in FIELDS if field.always), "why"],
        "properties": {field.json: _schema(field) for field in FIELDS} | {"why": why},
    }


def _schema(field: Field) -> dict[str, Any]:
    if field.name == "outcome":
        return {"enum": list(OUTCOMES), "description": field.says}
    return _SCHEMAS[field.kind] | {"description": field.says}


def _parameter(parameter: Parameter, in_path: bool) -> dict[str, Any]:
    schema = value_schema(parameter)
    described: dict[str, Any] = {
        "name": parameter.name,
        "in": "path" if in_path else "query",
        "description": parameter.says,
        "schema": schema,
    }
    if parameter.required:
        described["required"] = True
    if schema["type"] == "array":
        described |= {"style": "form", "explode": True}
    return described
