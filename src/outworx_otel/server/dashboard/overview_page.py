"""`/`: what needs attention, and how all deliveries or those of one endpoint did in a time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, NamedTuple, cast

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from outworx_otel.server.access import Access
from outworx_otel.server.dashboard.charts import chart_of
from outworx_otel.server.dashboard.page_addresses import RANGES, address
from outworx_otel.server.dashboard.pages import Pages
from outworx_otel.server.formatting import iso
from outworx_otel.server.model import Choices, EndpointFigures, Filter, Overview
from outworx_otel.server.problems.problem import STATES, Problem, State
from outworx_otel.server.problems.sending import FailingChannel
from outworx_otel.server.purposes import Purpose
from outworx_otel.server.store import QueryTooWide, Store

SHOWN: Final = 10
"""Problems that are shown at once; the rest is folded."""

_MOST: Final = 200
_DEFAULT: Final = "-24h"
_SECONDS: Final = {"-1h": 3_600, "-24h": 86_400, "-7d": 7 * 86_400, "-30d": 30 * 86_400}
_NARROWS: Final = ("service", "environment", "provider", "route")
assert tuple(RANGES) == tuple(_SECONDS)


class _Found(NamedTuple):
    overview: Overview
    choices: Choices
    open: list[Problem]
    acknowledged: list[Problem]
    channels: list[FailingChannel]


class OverviewPage:
    """The view.

    Args:
        store: what is looked at.
        pages: renders.
        access: says who may change a problem's state.
    """

    def __init__(self, store: Store, pages: Pages, access: Access) -> None:
        self._store = store
        self._pages = pages
        self._access = access

    async def show(self, request: Request) -> Response:
        """`?range=-24h&chart=rate&service=&environment=&provider=&route=`; empty ones, as a form has them, go."""
        params = request.query_params
        chosen = params.get("range", _DEFAULT)
        chosen = chosen if chosen in _SECONDS else _DEFAULT
        by_rate = params.get("chart") == "rate"
        kept = {"range": chosen, **({"chart": "rate"} if by_rate else {})}
        narrowed = {name: params[name] for name in _NARROWS if params.get(name)}
        if any(name in _NARROWS and not value for name, value in params.multi_items()):
            return RedirectResponse(address("/", {**kept, **narrowed}), 303)
        until = time.time_ns()
        since = until - _SECONDS[chosen] * 1_000_000_000
        try:
            found = await run_in_threadpool(self._read, since, until, narrowed, by_rate)
        except QueryTooWide:
            # A collector's table is counted at each question: a shorter time can be.
            shorter = [name for name, seconds in _SECONDS.items() if seconds < _SECONDS[chosen]]
            if not shorter:
                raise
            return RedirectResponse(address("/", {**kept, **narrowed, "range": shorter[-1]}), 303)
        overview = found.overview
        # Slots are whole: the list begins where the first of them does, so that it has what is counted here.
        wanted = {**narrowed, "since": iso(overview.since)}

        def listed(**more: str | int) -> str:
            return address("/deliveries", {**wanted, **more})

        def here(**more: str) -> str:
            return address("/", {**kept, **narrowed, **more})

        def narrow(one: EndpointFigures) -> str:
            return here(**{name: getattr(one, name) or "" for name in _NARROWS})

        return self._pages.render(
            request,
            "overview.html",
            overview=overview,
            now_ns=until,
            open=found.open,
            acknowledged=found.acknowledged,
            channels=found.channels,
            shown=SHOWN,
            may_change=Purpose.ADMIN in self._access.purposes(request),
            chart=chart_of(overview, since, until),
            by_rate=by_rate,
            charts={
                "Deliveries": address("/", {"range": chosen, **narrowed}),
                "Success rate": address("/", {"range": chosen, "chart": "rate", **narrowed}),
            },
            chosen=chosen,
            narrowed=narrowed,
            choices=found.choices,
            cleared=address("/", kept),
            listed=listed,
            here=here,
            back=here(),
            narrow=narrow,
            live=address("/live", narrowed),
            nothing_yet=not overview.total and not found.choices.providers,
            own_address=self._pages.own_address(request),
        )

    async def change_problem(self, request: Request) -> Response:
        """POST the form's `state` of a problem; then back to the overview that it came from."""
        form = await self._access.form(request)
        state, back, number = form.get("state"), form.get("back"), request.path_params["id"]
        if state not in STATES or not (number.isascii() and number.isdecimal() and len(number) < 10):
            raise HTTPException(404, "There is no such problem, or no such state.")
        changed = await run_in_threadpool(self._store.set_problem_state, int(number), state)
        if changed is None:
            raise HTTPException(404, "There is no such problem.")
        is_ours = isinstance(back, str) and back.startswith("/?") and back.isascii() and back.isprintable()
        return RedirectResponse(cast(str, back) if is_ours else "/", 303)

    def _read(self, since: int, until: int, narrowed: Mapping[str, str], by_rate: bool) -> _Found:
        def problems(state: State) -> list[Problem]:
            if self._store.not_kept is not None:
                return []
            page = self._store.problems(
                state=state,
                service=narrowed.get("service"),
                provider=narrowed.get("provider"),
                limit=_MOST,
            )
            named = {name: narrowed[name] for name in ("environment", "route") if name in narrowed}
            return [one for one in page.problems if all(getattr(one, name) == named[name] for name in named)]

        return _Found(
            self._store.overview(since, until, msgspec.convert(narrowed, Filter), rates=by_rate),
            self._store.choices(),
            problems("open"),
            problems("acknowledged"),
            self._store.sendings.failing(),
        )
