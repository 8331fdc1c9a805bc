"""`/deliveries/{id}`: everything of one delivery, its bodies as files, and the replay button."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from outworx_otel.server.access import Access
from outworx_otel.server.attributes import text
from outworx_otel.server.dashboard.bulk_replay import ReplayRuns
from outworx_otel.server.dashboard.page_addresses import address, wanted_of
from outworx_otel.server.dashboard.pages import Pages
from outworx_otel.server.dashboard.replay_button import (
    DEFAULT_TARGET,
    Offer,
    Replayed,
    host_of,
    offer_of,
    replay,
)
from outworx_otel.server.dashboard.sections import Sections, findings_of, sections_of
from outworx_otel.server.dashboard.waterfall import waterfall_of
from outworx_otel.server.explaining.verdict import handled_later, verdict_of
from outworx_otel.server.filters import BadParameter, filter_of
from outworx_otel.server.model import Filter, SpanRecord, StoredDelivery, Summary
from outworx_otel.server.purposes import Purpose
from outworx_otel.server.store import QueryTooWide, Store
from outworx_otel.server.stored_bodies import bytes_of
from outworx_otel.telemetry import semconv

_NOT_WITH_THIS_KEY = Offer("you are logged in with a key that may read and change nothing", "", "")
# Exporters send every 5 s, and try again for a minute.
_LATE_NS: Final = 120 * 10**9
_REPLAYED: Final = "replayed"
_BODIES = {"request": semconv.REQUEST_BODY, "response": semconv.RESPONSE_BODY}


class DeliveryInContext(NamedTuple):
    """A delivery and what belongs to it."""

    delivery: StoredDelivery
    spans: list[SpanRecord]
    deferred: list[SpanRecord]
    same_event: list[Summary]
    offer: Offer
    more: Sections
    newer: str | None
    older: str | None


class DeliveryPage:
    """The views.

    Args:
        store: where it is kept.
        pages: renders.
        access: checks the replay form.
        runs: remembers what became of a replay.
    """

    def __init__(self, store: Store, pages: Pages, access: Access, runs: ReplayRuns) -> None:
        self._store = store
        self._pages = pages
        self._access = access
        self._runs = runs

    async def show(self, request: Request) -> Response:
        """GET; `?replayed=` shows the answer to a replay."""
        name = request.query_params.get(_REPLAYED, "")
        return await self._page(request, self._runs.kept(name, request.path_params["id"]))

    async def replay(self, request: Request) -> Response:
        """POST `to`: then the page again, with the answer on it."""
        form = await self._access.form(request)
        delivery = await run_in_threadpool(self._store.delivery, request.path_params["id"])
        if delivery is None:
            return self._missing(request)
        target = form.get("to")
        replayed = await run_in_threadpool(replay, delivery, target if isinstance(target, str) else "")
        name = self._runs.keep(delivery.id, replayed)
        within = wanted_of(request.query_params)
        page = address(f"/deliveries/{quote(delivery.id, safe='')}", {**within, _REPLAYED: name})
        return RedirectResponse(f"{page}#replay", 303)

    async def body(self, request: Request) -> Response:
        """GET a stored body as a file, which no browser runs."""
        delivery = await run_in_threadpool(self._store.delivery, request.path_params["id"])
        which = request.path_params["which"]
        stored = None if delivery is None else text(delivery.attributes, _BODIES.get(which, ""))
        if delivery is None or stored is None:
            return self._missing(request)
        raw = bytes_of(stored, delivery.body_size if which == "request" else None)
        headers = {
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="{which}-body.bin"',
        }
        return Response(raw, 200, headers, "application/octet-stream")

    async def _page(self, request: Request, replayed: Replayed | None = None) -> Response:
        found = await run_in_threadpool(self._find, request.path_params["id"], _within(request))
        if found is None:
            return self._missing(request)
        delivery = found.delivery
        return self._pages.render(
            request,
            "delivery.html",
            delivery=delivery,
            said=verdict_of(delivery, found.same_event),
            handled=handled_later(delivery, found.same_event),
            late_ns=late_ns(delivery),
            within=wanted_of(request.query_params),
            newer=found.newer,
            older=found.older,
            more=found.more,
            waterfall=waterfall_of(delivery, found.spans, found.deferred),
            deferred=[(span, findings_of(span)) for span in found.deferred],
            same_event=found.same_event,
            detected=delivery.attributes.get(semconv.DETECTED) is True,
            worked=_that_worked(delivery, found.same_event),
            offer=found.offer if self._may_replay(request) else _NOT_WITH_THIS_KEY,
            replayed=replayed,
            default_target=DEFAULT_TARGET,
            host=host_of(delivery),
        )

    def _may_replay(self, request: Request) -> bool:
        return Purpose.ADMIN in self._access.purposes(request)

    def _find(self, id: str, within: Filter) -> DeliveryInContext | None:
        delivery = self._store.delivery(id)
        if delivery is None:
            return None
        return DeliveryInContext(
            delivery,
            self._store.spans(delivery.trace_id) if delivery.trace_id else [],
            self._store.deferred_of(delivery) if delivery.trace_id else [],
            self._store.same_event(delivery),
            offer_of(delivery),
            sections_of(delivery),
            *self._beside(id, within),
        )

    def _beside(self, id: str, within: Filter) -> tuple[str | None, str | None]:
        try:
            return self._store.neighbours(within, id)
        except QueryTooWide:
            # The delivery itself can be shown all the same.
            return None, None

    def _missing(self, request: Request) -> Response:
        return self._pages.render(
            request,
            "message.html",
            404,
            title="There is no such delivery",
            text="It may have been removed by age or size (see --retention-days), or the address is incomplete.",
        )


def late_ns(delivery: Summary) -> int | None:
    """Returns by how much the report of a delivery came later than it should; None where it did not."""
    if delivery.arrived_ns is None:
        return None
    late = delivery.arrived_ns - delivery.time_ns - delivery.duration_ns
    return late if late > _LATE_NS else None


def _within(request: Request) -> Filter:
    """The list that the page was opened from; an address that was written wrongly is no reason not to show it."""
    try:
        return filter_of(request.query_params)
    except BadParameter:
        return Filter()


def _that_worked(delivery: StoredDelivery, same_event: list[Summary]) -> Summary | None:
    """Returns the delivery whose run this duplicate repeats: the linked one, else the one that ran."""
    if delivery.idempotency not in ("replayed", "in_flight"):
        return None
    linked = {link.span_id for link in delivery.links}
    others = [one for one in same_event if one.id != delivery.id]
    by_link = next((one for one in others if one.span_id in linked), None)
    return by_link or next((one for one in others if one.idempotency == "executed"), None)
