"""The calls that read: `/api/deliveries`, one of them, `/api/key`, `/metrics` and `/healthz`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outworx_otel.server.access import Access
from outworx_otel.server.api import removal
from outworx_otel.server.api.alerts import alert_routes
from outworx_otel.server.api.overview import overview_routes
from outworx_otel.server.api.parameters import cursor_of, flag_of, json_answer, limit_of, refused
from outworx_otel.server.api.problems import problem_routes
from outworx_otel.server.capabilities import BY_NAME
from outworx_otel.server.described import ListedDelivery, Time, says
from outworx_otel.server.documents import DeliveryTruth, delivery_document, iso_time_if_any, summary_document
from outworx_otel.server.filters import BadParameter, filter_of
from outworx_otel.server.genuine import is_genuine
from outworx_otel.server.metrics import Metrics
from outworx_otel.server.model import Filter, Page
from outworx_otel.server.purposes import Purpose
from outworx_otel.server.store import BadCursor, Erased, Store, StoreUnavailable
from outworx_otel.setup.options import unknown_name

_KNOWN: Final = BY_NAME["list_deliveries"].names("call")
_MAX_ID: Final = 200
_logger: Final = logging.getLogger("outworx_otel.server")


class DeliveriesDocument(msgspec.Struct, frozen=True):
    """A page of them."""

    deliveries: Annotated[list[ListedDelivery], says("The newest first.")]
    next_cursor: Annotated[str | None, says("Asks for the page after; null where there is none.")]
    looked_back_to: Annotated[
        Time | None,
        says(
            "How far a search came that goes on with `next_cursor`; null where it has looked at everything."
        ),
    ]


def routes(
    store: Store, access: Access, forget: Callable[[Erased], None], metrics: Metrics
) -> list[BaseRoute]:
    """Every call of this room.

    Args:
        store: what is read, and deleted from.
        access: says what a key may do.
        forget: see `removal.routes`.
        metrics: what `/metrics` tells.
    """

    async def deliveries(request: Request) -> Response:
        params = request.query_params
        try:
            for name in params:
                if name not in _KNOWN:
                    return refused(unknown_name("parameter", name[:100], _KNOWN), name[:100])
            wanted, limit, cursor = filter_of(params), limit_of(params), cursor_of(params)
            read = partial(_read_unhandled, store) if flag_of(params, "unhandled") else store.deliveries
            page = await run_in_threadpool(read, wanted, limit, cursor)
        except BadParameter as error:
            return refused(str(error), error.name)
        except BadCursor as error:
            return refused(str(error), "cursor")
        found = [summary_document(delivery) for delivery in page.deliveries]
        return json_answer(DeliveriesDocument(found, page.next_cursor, iso_time_if_any(page.looked_back_to)))

    async def delivery(request: Request) -> Response:
        id = request.path_params["id"]
        document = await run_in_threadpool(_document, store, id) if _may_be_id(id) else None
        if document is None:
            return json_answer(
                {"error": "there is no such delivery: it may have been removed by its age"}, 404
            )
        return json_answer(document)

    async def key(request: Request) -> Response:
        may = access.purposes(request)
        return json_answer({"purposes": [purpose.value for purpose in Purpose if purpose in may]})

    async def healthz(request: Request) -> Response:
        try:
            await run_in_threadpool(store.healthy)
        except StoreUnavailable as error:
            # Public: the answer must not say where the database is.
            _logger.error("the database cannot be used: %s", error)
            return json_answer(
                {"status": "unavailable", "error": "the database cannot be used: see the log"}, 503
            )
        return json_answer({"status": "ok"})

    async def prometheus(request: Request) -> Response:
        told, content_type = await run_in_threadpool(metrics.told, request.headers.get("accept", ""))
        return Response(told, headers={"content-type": content_type, "cache-control": "no-store"})

    return [
        Route("/api/deliveries", deliveries),
        Route("/api/deliveries/{id}", delivery),
        Route("/api/key", key),
        Route("/healthz", healthz),
        *problem_routes(store),
        *overview_routes(store),
        Route("/metrics", prometheus),
        *removal.routes(store, forget),
        *alert_routes(store),
    ]


def _read_unhandled(store: Store, wanted: Filter, limit: int, cursor: str | None) -> Page:
    """What of a page is still unhandled; it may be none of it."""
    page = store.deliveries(wanted, limit, cursor)
    ids = store.unhandled(page.deliveries)
    return Page([one for one in page.deliveries if one.id in ids], page.next_cursor, page.looked_back_to)


def _document(store: Store, id: str) -> dict[str, Any] | None:
    found = store.delivery(id)
    if found is None:
        return None
    return delivery_document(
        found,
        spans=store.spans(found.trace_id) if found.trace_id else [],
        deferred=store.deferred_of(found),
        same_event=store.same_event(found),
        truth=DeliveryTruth(unhandled=found.id in store.unhandled([found]), genuine=is_genuine(found)),
    )


def _may_be_id(text: str) -> bool:
    return len(text) <= _MAX_ID and text.isprintable()
