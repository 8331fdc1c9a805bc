"""`GET /api/overview`."""

from __future__ import annotations

import re
import time
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outworx_otel.server.api.parameters import check_names, json_answer, refused, single
from outworx_otel.server.documents import iso_time
from outworx_otel.server.filters import BadParameter
from outworx_otel.server.problems.state import EndpointsOverview, EndpointState
from outworx_otel.server.store import Store

_RANGE: Final = re.compile(r"([1-9]\d{0,4})([smhdw])", re.ASCII)
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST: Final = 366 * 86_400


def overview_routes(store: Store) -> list[BaseRoute]:
    """How every endpoint does, as the overview shows it."""

    async def overview(request: Request) -> Response:
        params = request.query_params
        try:
            check_names(params, ("range", "service"))
            seconds = _seconds(single(params, "range").strip() or "24h")
            service = single(params, "service").strip() or None
        except BadParameter as error:
            return refused(str(error), error.name)
        until = time.time_ns()
        found = await run_in_threadpool(store.endpoints, until - seconds * 10**9, until, service)
        return json_answer(overview_document(found))

    return [Route("/api/overview", overview)]


def overview_document(found: EndpointsOverview) -> dict[str, Any]:
    """The overview as JSON."""
    return {
        "since": iso_time(found.since_ns),
        "until": iso_time(found.until_ns),
        "endpoints": [_endpoint(one) for one in found.endpoints],
        "services": [
            {
                "service": clock.service,
                "environment": clock.environment or None,
                "clock_offset": round(clock.offset_ns / 1e9, 3),
            }
            for clock in found.clocks
        ],
        "events": {
            "handled": found.events.handled,
            "unhandled": found.events.unhandled,
            "ran_more_than_once": found.events.ran_more_than_once,
        },
    }


def _endpoint(one: EndpointState) -> dict[str, Any]:
    times = {
        "streak_since": one.streak_since_ns,
        "last_good": one.last_good_ns,
        "last_seen": one.last_seen_ns,
        "silent_since": one.silent_since_ns,
    }
    return {
        "service": one.service,
        "environment": one.environment or None,
        "provider": one.provider,
        "route": one.route or None,
        "verified": one.verified,
        "deliveries": one.deliveries,
        "success_rate": one.success_rate,
        "streak": one.streak,
        "usual": None if one.usual is None else round(one.usual, 1),
        **{name: None if at is None else iso_time(at) for name, at in times.items()},
    }


def _seconds(text: str) -> int:
    found = _RANGE.fullmatch(text)
    seconds = 0 if found is None else int(found[1]) * _UNIT_SECONDS[found[2]]
    if not 0 < seconds <= _LONGEST:
        raise BadParameter("range", "must be so long: 30m, 24h, 7d; a year at most")
    return seconds
