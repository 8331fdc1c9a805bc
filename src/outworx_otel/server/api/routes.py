"""`GET /api/deliveries`, `GET /api/deliveries/{id}` and `GET /healthz`."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outworx_otel.server.api.documents import delivery_document, summary_document
from outworx_otel.server.model import Filter
from outworx_otel.server.store import Store


def routes(store: Store) -> list[BaseRoute]:
    """The calls that read."""

    async def deliveries(request: Request) -> Response:
        page = await run_in_threadpool(store.deliveries, Filter(), 50)
        return _json(
            {
                "deliveries": [summary_document(delivery) for delivery in page.deliveries],
                "next_cursor": page.next_cursor,
            }
        )

    async def delivery(request: Request) -> Response:
        found = await run_in_threadpool(store.delivery, request.path_params["id"])
        if found is None:
            return _json({"error": "there is no such delivery"}, 404)
        return _json(delivery_document(found))

    async def healthz(request: Request) -> Response:
        return _json({"status": "ok"})

    return [
        Route("/api/deliveries", deliveries),
        Route("/api/deliveries/{id}", delivery),
        Route("/healthz", healthz),
    ]


def _json(document: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")
