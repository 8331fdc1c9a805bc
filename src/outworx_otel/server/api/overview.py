"""`GET /api/overview`."""

from __future__ import annotations

import re
import time
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outworx_otel.server.api.parameters import check_names, json_answer, refused, single
from outworx_otel.server.capabilities import BY_NAME
from outworx_otel.server.described import Time, Whole, says
from outworx_otel.server.documents import iso_time, iso_time_if_any
from outworx_otel.server.filters import BadParameter
from outworx_otel.server.model import EventCounts
from outworx_otel.server.problems.state import EndpointsOverview, EndpointState
from outworx_otel.server.proof import SecretUses, SignatureKind
from outworx_otel.server.store import Store

_KNOWN: Final = BY_NAME["overview"].names("call")
_RANGE: Final = re.compile(r"([1-9]\d{0,4})([smhdw])", re.ASCII)
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST: Final = 366 * 86_400


def overview_routes(store: Store) -> list[BaseRoute]:
    """How every endpoint does, as the overview shows it."""

    async def overview(request: Request) -> Response:
        params = request.query_params
        try:
            check_names(params, _KNOWN)
            seconds = _seconds(single(params, "range").strip() or "24h")
            service = single(params, "service").strip() or None
        except BadParameter as error:
            return refused(str(error), error.name)
        until = time.time_ns()
        found = await run_in_threadpool(store.endpoints, until - seconds * 10**9, until, service)
        return json_answer(overview_document(found))

    return [Route("/api/overview", overview)]


class SecretsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint's secrets are used."""

    since: Annotated[Time, says("Since when there are so many.")]
    last_used: Annotated[
        list[Time | None], says("When each matched last, in their order; null where it never did.")
    ]


class EndpointDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How one endpoint does."""

    service: str
    environment: str | None
    provider: str
    route: str | None
    verified: Annotated[
        bool | None, says("Whether its deliveries are verified; null where none has run yet.")
    ]
    signature_kind: Annotated[
        SignatureKind | None, says("What a valid signature proves: the body, or the sender alone.")
    ]
    secrets: Annotated[SecretsDocument | None, says("Where there are several, such as while one is rotated.")]
    deliveries: Whole
    success_rate: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        says("Of those that were proved genuine, or whose endpoint does not verify, without duplicates."),
    ]
    streak: Annotated[Whole, says("Failures at the end.")]
    streak_since: Time | None
    last_good: Time | None
    last_seen: Time
    usual: Annotated[float | None, says("Deliveries in such a range; null where it can't be learnt yet.")]
    silent_since: Time | None


class ClockDocument(msgspec.Struct, frozen=True):
    """A service whose clock is off."""

    service: str
    environment: str | None
    clock_offset: Annotated[float, says("Seconds that its clock is ahead; behind: less than 0.")]


class OverviewDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How endpoints, services' clocks and events do, over a range of time."""

    since: Time
    until: Time
    endpoints: list[EndpointDocument]
    services: list[ClockDocument]
    events: EventCounts


def overview_document(found: EndpointsOverview) -> OverviewDocument:
    """The overview as JSON."""
    return OverviewDocument(
        since=iso_time(found.since_ns),
        until=iso_time(found.until_ns),
        endpoints=[_endpoint(one) for one in found.endpoints],
        services=[
            ClockDocument(clock.service, clock.environment or None, round(clock.offset_ns / 1e9, 3))
            for clock in found.clocks
        ],
        events=found.events,
    )


def _endpoint(one: EndpointState) -> EndpointDocument:
    return EndpointDocument(
        service=one.service,
        environment=one.environment or None,
        provider=one.provider,
        route=one.route or None,
        verified=one.verified,
        signature_kind=one.proof.kind,
        secrets=_secrets(one.proof.secrets),
        deliveries=one.deliveries,
        success_rate=one.success_rate,
        streak=one.streak,
        streak_since=iso_time_if_any(one.streak_since_ns),
        last_good=iso_time_if_any(one.last_good_ns),
        last_seen=iso_time(one.last_seen_ns),
        usual=None if one.usual is None else round(one.usual, 1),
        silent_since=iso_time_if_any(one.silent_since_ns),
    )


def _secrets(uses: SecretUses | None) -> SecretsDocument | None:
    if uses is None:
        return None
    return SecretsDocument(
        since=iso_time(uses.since_ns), last_used=[iso_time_if_any(at_ns or None) for at_ns in uses.last_ns]
    )


def _seconds(text: str) -> int:
    found = _RANGE.fullmatch(text)
    seconds = 0 if found is None else int(found[1]) * _UNIT_SECONDS[found[2]]
    if not 0 < seconds <= _LONGEST:
        raise BadParameter("range", "must be so long: 30m, 24h, 7d; a year at most")
    return seconds
