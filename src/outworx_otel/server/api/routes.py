"""`/api/deliveries`, `/api/deliveries/{id}`, `/api/key`, `/api/openapi.json` and `/healthz`."""

from __future__ import annotations

import logging
from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outworx_otel.server.access import Access
from outworx_otel.server.api.description import description
from outworx_otel.server.documents import delivery_document, summary_document
from outworx_otel.server.filters import PARAMETERS, BadParameter, filter_of
from outworx_otel.server.purposes import Purpose
from outworx_otel.server.store import BadCursor, Store, StoreUnavailable
from outworx_otel.setup.options import unknown_name

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 500
_KNOWN: Final = (*PARAMETERS, "limit", "cursor")
_MAX_ID: Final = 200
_MAX_CURSOR: Final = 200
_logger: Final = logging.getLogger("outworx_otel.server")


def routes(store: Store, access: Access) -> list[BaseRoute]:
    """The calls that read."""

    async def deliveries(request: Request) -> Response:
        params = request.query_params
        try:
            for name in params:
                if name not in _KNOWN:
                    return _refused(unknown_name("parameter", name[:100], _KNOWN), name[:100])
            wanted, limit, cursor = filter_of(params), _limit(params), _cursor(params)
            page = await run_in_threadpool(store.deliveries, wanted, limit, cursor)
        except BadParameter as error:
            return _refused(str(error), error.name)
        except BadCursor as error:
            return _refused(str(error), "cursor")
        found = [summary_document(delivery) for delivery in page.deliveries]
        return _json({"deliveries": found, "next_cursor": page.next_cursor})

    async def delivery(request: Request) -> Response:
        id = request.path_params["id"]
        document = await run_in_threadpool(_document, store, id) if _may_be_id(id) else None
        if document is None:
            return _json({"error": "there is no such delivery: it may have been removed by its age"}, 404)
        return _json(document)

    async def key(request: Request) -> Response:
        may = access.purposes(request)
        return _json({"purposes": [purpose.value for purpose in Purpose if purpose in may]})

    async def healthz(request: Request) -> Response:
        try:
            await run_in_threadpool(store.healthy)
        except StoreUnavailable as error:
            # Public: the answer must not say where the database is.
            _logger.error("the database cannot be used: %s", error)
            return _json({"status": "unavailable", "error": "the database cannot be used: see the log"}, 503)
        return _json({"status": "ok"})

    async def openapi(request: Request) -> Response:
        return Response(description(), media_type="application/json")

    return [
        Route("/api/deliveries", deliveries),
        Route("/api/deliveries/{id}", delivery),
        Route("/api/key", key),
        Route("/api/openapi.json", openapi),
        Route("/healthz", healthz),
    ]


def _document(store: Store, id: str) -> dict[str, Any] | None:
    found = store.delivery(id)
    if found is None:
        return None
    return delivery_document(
        found,
        spans=store.spans(found.trace_id) if found.trace_id else [],
        deferred=store.deferred_of(found),
        same_event=store.same_event(found),
    )


def _may_be_id(text: str) -> bool:
    return len(text) <= _MAX_ID and text.isprintable()


def _limit(params: QueryParams) -> int:
    text = _single(params, "limit")
    if not text:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= MAX_LIMIT):
        raise BadParameter("limit", f"must be a number from 1 to {MAX_LIMIT}")
    return int(text)


def _cursor(params: QueryParams) -> str | None:
    cursor = _single(params, "cursor")
    if len(cursor) > _MAX_CURSOR or "\0" in cursor:
        raise BadCursor
    return cursor or None


def _single(params: QueryParams, name: str) -> str:
    given = params.getlist(name)
    if len(given) > 1:
        raise BadParameter(name, "is given more than once")
    return given[0] if given else ""


def _refused(message: str, parameter: str) -> Response:
    return _json({"error": message, "parameter": parameter}, 400)


def _json(document: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")
