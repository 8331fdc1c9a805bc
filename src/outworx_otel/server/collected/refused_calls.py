"""The calls that a server answers by saying why not, where it only reads the collector's table."""

from __future__ import annotations

from typing import Final, NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from outworx_otel.server.collected.not_kept import NOT_KEPT

_INGEST: Final = (
    "This server takes no telemetry: it shows the table {table}, which the OpenTelemetry collector writes."
    " Send to the collector (OTEL_EXPORTER_OTLP_ENDPOINT); what arrives there is shown here."
)
_REMOVAL: Final = (
    "Nothing is removed here: this server only reads the table {table}. Remove it in ClickHouse (DELETE FROM), or let"
    " the `ttl` of the collector's exporter do it."
)
_TAKES_TELEMETRY: Final = (
    *("/v1/traces", "/v1/metrics", "/api/ingest/v1/traces", "/api/ingest/v1/metrics", "/api/ingest"),
)
_KEYS: Final = ("/api/sdk/idempotency/{name}",)
_NOT_KNOWN: Final = ("/api/problems", "/api/problems/{id}", "/api/alerts")


def refused_calls(table: str) -> list[BaseRoute]:
    """They stand before the routes that would do it.

    Args:
        table: what is read.
    """

    def changing(path: str, why: str, *methods: str) -> Route:
        async def answer(request: Request) -> NoReturn:
            # No method at all is allowed; RFC 9110 (10.2.1) says that by an empty Allow.
            raise HTTPException(405, why.format(table=table), {"Allow": ""})

        return Route(path, answer, methods=list(methods))

    async def unknown(request: Request) -> NoReturn:
        raise HTTPException(501, f"{NOT_KEPT}.")

    return [
        *(changing(path, _INGEST, "POST") for path in _TAKES_TELEMETRY),
        *(Route(path, unknown, methods=["POST"]) for path in _KEYS),
        changing("/api/deliveries", _REMOVAL, "DELETE"),
        changing("/api/deliveries/{id}", _REMOVAL, "DELETE"),
        *(Route(path, unknown, methods=["GET", "POST"]) for path in _NOT_KNOWN),
        Route("/problems/{id}", unknown, methods=["POST"]),
    ]
