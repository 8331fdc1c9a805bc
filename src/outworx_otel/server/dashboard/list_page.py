"""`/deliveries`: the list, its filters, and the way to older ones."""

from __future__ import annotations

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from outworx_otel.server.dashboard.page_addresses import LABELS, address, chips_of, paging_of, wanted_of
from outworx_otel.server.dashboard.pages import Pages
from outworx_otel.server.filters import BadParameter, filter_of
from outworx_otel.server.model import Page
from outworx_otel.server.store import BadCursor, QueryTooWide, Store

PAGE_SIZE: Final = 50
_FOLDED: Final = ("event_type", "reason", "cause", "idempotency", "service")


class ListPage:
    """The view.

    Args:
        store: what is looked through.
        pages: renders.
    """

    def __init__(self, store: Store, pages: Pages) -> None:
        self._store = store
        self._pages = pages

    async def show(self, request: Request) -> Response:
        """`?provider=&outcome=&...&cursor=`; a form's empty fields are taken out of the address."""
        params = request.query_params
        wanted = wanted_of(params)
        if any(name in LABELS and not value for name, value in params.multi_items()):
            return RedirectResponse(address("/deliveries", wanted), 303)
        cursor = params.get("cursor") or None
        page, problem = Page([], None), None
        choices = await run_in_threadpool(self._store.choices)
        try:
            page = await run_in_threadpool(
                self._store.deliveries, filter_of(QueryParams(wanted)), PAGE_SIZE, cursor
            )
        except BadParameter as bad:
            problem = f"{LABELS.get(bad.name, bad.name)}: {bad.message}"
        except QueryTooWide as wide:
            problem = str(wide)
        except BadCursor:
            problem = "This address of a page is damaged, or of another release. Begin again with the newest."
        is_live = problem is None and cursor is None and not {"until", "problem"} & wanted.keys()
        return self._pages.render(
            request,
            "deliveries.html",
            status=400 if problem else 200,
            deliveries=page.deliveries,
            problem=problem,
            choices=choices,
            wanted=wanted,
            opened=any(name in wanted for name in _FOLDED),
            chips=chips_of(wanted),
            paging=paging_of(wanted, params, page.next_cursor),
            live=address("/live", wanted) if is_live else None,
            exported={kind: address(f"/deliveries.{kind}", wanted) for kind in ("csv", "json")},
            nothing_yet=not (wanted or cursor or page.deliveries or choices.providers),
            own_address=self._pages.own_address(request),
        )
