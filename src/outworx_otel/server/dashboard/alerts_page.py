"""`/alerts`: what the rules have found, and whether each channel was told."""

from __future__ import annotations

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from outworx_otel.server.dashboard.page_addresses import address
from outworx_otel.server.dashboard.pages import Pages
from outworx_otel.server.problems.sending import AlertPage, alert_address
from outworx_otel.server.store import BadCursor, Store

PAGE_SIZE: Final = 50


class AlertsPage:
    """The view.

    Args:
        store: what is looked at.
        pages: renders.
    """

    def __init__(self, store: Store, pages: Pages) -> None:
        self._store = store
        self._pages = pages

    async def show(self, request: Request) -> Response:
        """`?cursor=`."""
        cursor = request.query_params.get("cursor") or None
        found, problem = AlertPage([]), None
        try:
            found = await run_in_threadpool(self._store.sendings.page, limit=PAGE_SIZE, cursor=cursor)
        except BadCursor:
            problem = "This address of a page is damaged, or of another release. Begin again with the newest."
        older = found.next_cursor
        return self._pages.render(
            request,
            "alerts.html",
            status=400 if problem else 200,
            alerts=found.alerts,
            problem=problem,
            leads_to=alert_address,
            older=address("/alerts", {"cursor": older}) if older else None,
            is_first=cursor is None,
        )
