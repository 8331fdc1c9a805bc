"""Ten incidents at one application that has run for six days; each at an endpoint of its own."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from outworx_otel.server.ingest.arrival_notes import noted
from outworx_otel.server.model import Batch, SpanEvent, StoredDelivery
from outworx_otel.telemetry import semconv
from server.dashboard.kept import SECOND, delivery

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86_400.0


class Incident(NamedTuple):
    """What came of it.

    Args:
        route: of the endpoint.
        deliveries: of the incident, the oldest first.
        named: what the overview says.
        said: the title of one of its deliveries.
        counted: how many the overview names.
    """

    route: str
    deliveries: list[StoredDelivery]
    named: str
    said: str
    counted: int


def came(route: str, outcome: str, ago: float, **fields: Any) -> StoredDelivery:
    """A genuine one, `ago` seconds old, unless its fields say otherwise."""
    values: dict[str, Any] = {
        "signature_valid": outcome != "rejected",
        "route": route,
        "path": route,
        "service": "shop",
        "resource": {"service.name": "shop", "service.version": "7.1"},
        **fields,
    }
    made = delivery(outcome, ago=ago, **values)
    return noted(made, time.time_ns())


def spread(route: str, outcome: str, count: int, hours: float, **fields: Any) -> list[StoredDelivery]:
    """As many within the last hours, evenly, the oldest first."""
    first = hours * HOUR
    return [came(route, outcome, first - n * first / count, **fields) for n in range(count)]


def good(
    route: str, since: float, until: float, every: float = HOUR, **fields: Any
) -> Iterator[StoredDelivery]:
    """Good ones from so many seconds ago until so many."""
    for n in itertools.count():
        if (ago := since - n * every) <= until:
            return
        yield came(route, "accepted", ago, **fields)


def raised(message: str) -> tuple[SpanEvent, ...]:
    """The exception of an application's own function."""
    stack = "Traceback (most recent call last):\n"
    stack += '  File "/srv/shop/invoices.py", line 31, in book\n    total(event)\n'
    kind = {
        "exception.type": "KeyError",
        "exception.message": message,
        "exception.stacktrace": f"{stack}KeyError\n",
    }
    return (SpanEvent("exception", time.time_ns(), kind),)


def incidents() -> dict[str, Incident]:
    """All of them, as they are seen now."""
    unrouted = {"status": 404, "event_type": None}
    gone = spread("/hooks/gone", "unrouted", 18, 2, **unrouted) + spread(
        "/hooks/gone", "unrouted", 18, 1, status=405
    )
    gone = [_without_route(one) for one in sorted(gone, key=lambda one: one.time_ns)]
    old = [_without_route(one) for one in spread("/old/stripe", "unrouted", 12, 1, **unrouted)]
    fast = [
        came(
            "/hooks/clock",
            "rejected",
            -20 * MINUTE - 15 + n,
            service="clockwork",
            reason="timestamp_drift",
            status=401,
            resource={"service.name": "clockwork"},
            attributes={
                semconv.SIGNATURE_AGE: 1205.0,
                semconv.SIGNATURE_HINT: "The signed time is 20 min old.",
            },
        )
        for n in range(15)
    ]
    only_type = spread(
        "/hooks/types",
        "error",
        9,
        3,
        status=500,
        event_type="invoice.paid",
        events=raised("'total'"),
        attributes={semconv.ERROR_TYPE: "KeyError"},
    )
    with_key = [came("/hooks/keyed", "accepted", 1800, event_id="evt_storm", idempotency="executed")]
    with_key += [
        came("/hooks/keyed", "replayed", 1700 - n * 40, event_id="evt_storm", idempotency="replayed")
        for n in range(40)
    ]
    without = [came("/hooks/keyless", "accepted", 1500 - n * 60, event_id="evt_again") for n in range(20)]
    rewritten = "Proved: the sender signed this JSON written compactly."
    return {
        "a rotated secret": Incident(
            "/hooks/rotated",
            spread("/hooks/rotated", "rejected", 24, 2, reason="hmac_mismatch", status=401),
            "the signature does not fit the secret",
            "Rejected: the signature does not match",
            24,
        ),
        "a body that is serialised again": Incident(
            "/hooks/rewritten",
            spread(
                "/hooks/rewritten",
                "rejected",
                16,
                3,
                reason="parsed_body",
                status=401,
                attributes={semconv.SIGNATURE_HINT: rewritten},
            ),
            "the body is re-serialised on its way",
            "Rejected: the body was re-serialised",
            16,
        ),
        "a clock that is 20 minutes fast": Incident(
            "/hooks/clock", fast, "a clock is off", "Rejected: the signed time is too far off", 15
        ),
        "an early return after a change": Incident(
            "/hooks/returns",
            spread(
                "/hooks/returns",
                "silent_drop",
                11,
                4,
                cause="early_return",
                processing="silent_drop",
                attributes={semconv.CODE_FILE: "/srv/shop/orders.py", semconv.CODE_FUNCTION: "order"},
            ),
            "silent drop by an early return",
            "Dropped silently: it returned before the mark",
            11,
        ),
        "a route that is gone": Incident(
            "/hooks/gone", gone, "to a path or method that nothing serves", "Unrouted: answered with 40", 36
        ),
        "a store that is down": Incident(
            "/hooks/unprotected",
            spread("/hooks/unprotected", "unprotected", 30, 3, idempotency="fail_open"),
            "the idempotency store is away",
            "Ran without its idempotency key",
            30,
        ),
        "a provider that calls an old address": Incident(
            "/old/stripe", old, "to a path or method that nothing serves", "Unrouted: answered with 404", 12
        ),
        "errors of one event type": Incident(
            "/hooks/types",
            only_type,
            "KeyError, an exception or a 5xx in book",
            "Error: KeyError: 'total'",
            9,
        ),
        "a storm of retries with a key": Incident(
            "/hooks/keyed", with_key, "one event came 41 times and ran once", "Replayed", 41
        ),
        "a storm of retries without a key": Incident(
            "/hooks/keyless", without, "one event came 20 times and ran 20 times", "Accepted", 20
        ),
    }


def six_days(of: dict[str, Incident]) -> Batch:
    """Six days of good deliveries at every endpoint, and at some that go on well; then the incidents."""
    deliveries: list[StoredDelivery] = []
    for name, incident in of.items():
        if "old address" in name:
            continue
        service = "clockwork" if "clock" in name else "shop"
        began = (time.time_ns() - incident.deliveries[0].time_ns) / SECOND
        until = 5 * MINUTE if "one event type" in name else max(began, HOUR) + MINUTE
        deliveries += good(
            incident.route, 6 * DAY, until, 2 * HOUR, service=service, resource={"service.name": service}
        )
    deliveries += good("/hooks/rotated", 6 * DAY, MINUTE, service="other-shop")
    deliveries += good("/hooks/quiet", 6 * DAY, 2 * DAY, 600, service="other-shop", environment="staging")
    for incident in of.values():
        deliveries += incident.deliveries
    return Batch(deliveries=deliveries, size=1_000_000)


def _without_route(one: StoredDelivery) -> StoredDelivery:
    attributes = {name: value for name, value in one.attributes.items() if name != semconv.HTTP_ROUTE}
    return msgspec.structs.replace(one, route=None, attributes=attributes)
