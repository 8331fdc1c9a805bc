"""`/`: how all deliveries, or those of one endpoint, did in the last hour, day, week or month."""

from __future__ import annotations

import time
from typing import Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from outworx_otel.server.dashboard.charts import chart_of
from outworx_otel.server.dashboard.page_addresses import RANGES, address
from outworx_otel.server.dashboard.pages import Pages
from outworx_otel.server.model import Choices, Filter, Overview
from outworx_otel.server.store import Store

_DEFAULT: Final = "-24h"
_SECONDS: Final = {"-1h": 3_600, "-24h": 86_400, "-7d": 7 * 86_400, "-30d": 30 * 86_400}
_NARROWS: Final = ("provider", "route", "service")
assert tuple(RANGES) == tuple(_SECONDS)


class OverviewPage:
    """The view.

    Args:
        store: what is looked at.
        pages: renders.
    """

    def __init__(self, store: Store, pages: Pages) -> None:
        self._store = store
        self._pages = pages

    async def show(self, request: Request) -> Response:
        """`?range=-24h&provider=&route=&service=`."""
        params = request.query_params
        chosen = params.get("range", _DEFAULT)
        chosen = chosen if chosen in _SECONDS else _DEFAULT
        narrowed = {name: params[name] for name in _NARROWS if params.get(name)}
        until = time.time_ns()
        since = until - _SECONDS[chosen] * 1_000_000_000
        overview, choices = await run_in_threadpool(
            self._read, since, until, msgspec.convert(narrowed, Filter)
        )
        wanted = {**narrowed, "since": chosen}

        def listed(**more: str | int) -> str:
            return address("/deliveries", {**wanted, **more})

        def ranged(name: str) -> str:
            return address("/", {**narrowed, "range": name})

        return self._pages.render(
            request,
            "overview.html",
            overview=overview,
            chart=chart_of(overview, since, until),
            chosen=chosen,
            narrowed=narrowed,
            cleared=address("/", {"range": chosen}),
            listed=listed,
            ranged=ranged,
            nothing_yet=not overview.total and not choices.providers,
            own_address=self._pages.own_address(request),
        )

    def _read(self, since: int, until: int, wanted: Filter) -> tuple[Overview, Choices]:
        return self._store.overview(since, until, wanted), self._store.choices()
