"""`/deliveries`: the list, its filters, and the way to older ones."""

from __future__ import annotations

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from outworx_otel.server.dashboard.page_addresses import (
    LABELS,
    Asked,
    address,
    chips_of,
    paging_of,
    wanted_of,
)
from outworx_otel.server.dashboard.pages import Pages
from outworx_otel.server.filters import BadParameter, filter_of
from outworx_otel.server.model import Hits, Page
from outworx_otel.server.store import BadCursor, QueryTooWide, Store
from outworx_otel.server.store.body_search import PREFIX

PAGE_SIZE: Final = 50
_FOLDED: Final = ("unverified", "event_type", "reason", "cause", "idempotency", "service", "environment")
# What the time picker calls them: `since` is also chosen from a list.
_PICKED: Final = {"from": "since", "to": "until"}
_OF_THE_FORM: Final = (*LABELS, *_PICKED)


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
        if any(
            name in _OF_THE_FORM and (not value or name in _PICKED) for name, value in params.multi_items()
        ):
            picked = {_PICKED[name]: [params[name]] for name in _PICKED if params.get(name)}
            return RedirectResponse(address("/deliveries", {**wanted, **picked}), 303)
        cursor = params.get("cursor") or None
        page, hits, problem = Page([], None), Hits(0), None
        choices = await run_in_threadpool(self._store.choices)
        try:
            page, hits = await run_in_threadpool(self._store.listed, filter_of(params), PAGE_SIZE, cursor)
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
            looked_back_to=page.looked_back_to,
            in_bodies=_in_bodies(wanted) if page.deliveries else None,
            hits=hits,
            within=wanted,
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


def _in_bodies(wanted: Asked) -> str | None:
    """The address that looks for the same text in stored bodies alone; None where it already does."""
    term = wanted.get("q", [""])[0]
    if not term or term.startswith(PREFIX):
        return None
    return address("/deliveries", {**wanted, "q": [f"{PREFIX}{term}"]})
