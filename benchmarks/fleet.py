"""Deliveries to 20 services with 100 endpoints: most are well, a few come twice, and 30 endpoints have defects."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any, Final, NamedTuple

from outworx_otel.server.ingest.arrival_notes import noted
from outworx_otel.server.model import Batch, SpanEvent, StoredDelivery
from outworx_otel.server.store import Store
from outworx_otel.telemetry import semconv

DAY: Final = 86_400 * 10**9
DAYS: Final = 30
FREQUENT: Final = "could not reach the ledger"
"""A part of the reasons of many failures."""

RARE: Final = "parcel 4711 has no address"
"""The reason of one failure in 20,000 deliveries."""

ABSENT: Final = "no reason has these words"

_AT_ONCE: Final = 500
_SERVICES: Final = 20
_EACH: Final = 5
_DEFECTIVE: Final = 30
_TYPES: Final = {
    "stripe": ("charge.succeeded", "charge.failed", "invoice.paid", "payout.paid", "customer.created"),
    "github": ("push", "pull_request", "issues", "check_run", "release"),
    "shopify": ("orders/create", "orders/updated", "products/update", "refunds/create"),
    "slack": ("message", "app_mention", "reaction_added"),
    "svix": ("user.created", "user.deleted", "session.ended"),
    "twilio": ("sms.received", "call.completed"),
    "paddle": ("subscription.created", "subscription.canceled", "transaction.paid"),
    "gitlab": ("push_hook", "merge_request", "pipeline"),
    "mailgun": ("delivered", "bounced", "opened", "clicked"),
    "custom": ("stock.changed", "price.changed", "parcel.sent"),
}
_STACK: Final = """\
Traceback (most recent call last):
  File "/app/.venv/lib/python3.11/site-packages/starlette/routing.py", line 76, in app
    response = await func(request)
  File "/app/{service}/hooks.py", line {line}, in {function}
    {function}(event)
{type}: {message}
"""


class Defect(NamedTuple):
    """One way in which an endpoint fails, which makes a problem."""

    outcome: str
    exception_type: str
    message: str
    function: str
    line: int


class Endpoint(NamedTuple):
    """Where deliveries go."""

    service: str
    environment: str
    provider: str
    route: str
    types: tuple[str, ...]
    defects: tuple[Defect, ...]


def endpoints() -> list[Endpoint]:
    """All 100 of them; there are 50 defects."""
    providers, found = itertools.cycle(_TYPES), []
    for number in range(_SERVICES * _EACH):
        provider = next(providers)
        service = f"service-{number // _EACH:02}"
        found.append(
            Endpoint(
                service,
                "staging" if number % 10 == 9 else "production",
                provider,
                f"/webhooks/{provider}/{number % _EACH}",
                _TYPES[provider],
                tuple(_defects(number)) if number * 3 % 100 < _DEFECTIVE else (),
            )
        )
    return found


def _defects(number: int) -> Iterator[Defect]:
    what = ("ledger.Unreachable", f"{FREQUENT} {number}")
    yield Defect("error", *what, f"book_{number}", 20 + number)
    if number % 3:
        yield Defect("failed", "", f"order {{order}} has no customer {number}", f"ship_{number}", 0)


def deliveries(count: int, since: int, until: int, seed: int = 1) -> Iterator[StoredDelivery]:
    """As many, evenly spread over a time (Unix nanoseconds), in the order of their times."""
    chance = random.Random(seed)  # noqa: S311  # to be the same each time
    there = endpoints()
    recent: deque[StoredDelivery] = deque(maxlen=1000)
    for number in range(count):
        time_ns = since + (until - since) * number // count
        if recent and chance.random() < 0.02:
            yield _again(chance, chance.choice(recent), time_ns)
            continue
        # Some are much busier than others.
        one = there[min(int(chance.expovariate(0.04)), len(there) - 1)]
        made = _delivery(chance, one, time_ns, is_rare=number % 20_000 == 9_999)
        recent.append(made)
        yield made


def fill(store: Store, count: int, until: int, clock: list[float]) -> None:
    """Writes as many of the 30 days before `until`, by the store's own writer.

    Args:
        store: an empty one.
        until: Unix nanoseconds.
        clock: what the store's clock says, in Unix seconds; it is set to when each batch came.
    """
    waiting: deque[Future[None]] = deque()
    made = deliveries(count, until - DAYS * DAY, until)
    while batch := list(itertools.islice(made, _AT_ONCE)):
        last = batch[-1]
        clock[0] = (last.time_ns + last.duration_ns) / 1e9
        came = [noted(one, one.time_ns + one.duration_ns) for one in batch]
        waiting.append(store.write(Batch(deliveries=came, size=_AT_ONCE * 1000)))
        if len(waiting) > 20:
            waiting.popleft().result()
    for future in waiting:
        future.result()


def _delivery(chance: random.Random, to: Endpoint, time_ns: int, *, is_rare: bool) -> StoredDelivery:
    outcome, status, more, events = "accepted", 200, {}, ()
    valid, idempotency = True, "executed"
    if is_rare or (to.defects and chance.random() < 0.15):
        outcome, status, more, events = _failed(chance, to, time_ns, is_rare=is_rare)
    elif chance.random() < 0.01:
        # Strangers' and old ones.
        outcome, status, valid, idempotency = "rejected", 401, False, None
        reason = chance.choice(("hmac_mismatch", "timestamp_drift"))
        more = {semconv.SIGNATURE_REASON: reason, semconv.ERROR_TYPE: reason}
    event_type = chance.choice(to.types)
    event_id = f"evt_{chance.randbytes(9).hex()}"
    attributes = {
        semconv.PROVIDER: to.provider,
        semconv.OUTCOME: outcome,
        semconv.EVENT_TYPE: event_type,
        semconv.CLOUDEVENTS_TYPE: event_type,
        semconv.EVENT_ID: event_id,
        semconv.CLOUDEVENTS_ID: event_id,
        semconv.CLOUDEVENTS_SOURCE: to.provider,
        semconv.SIGNATURE_VALID: valid,
        semconv.HTTP_METHOD: "POST",
        semconv.HTTP_ROUTE: to.route,
        semconv.URL_PATH: to.route,
        semconv.HTTP_STATUS: status,
        semconv.HTTP_BODY_SIZE: chance.randrange(200, 4000),
        "http.request.header.content-type": ["application/json; charset=utf-8"],
        "http.request.header.user-agent": [f"{to.provider}/1.0 (+https://{to.provider}.example/webhooks)"],
        **more,
    }
    if idempotency is not None:
        attributes[semconv.IDEMPOTENCY_OUTCOME] = idempotency
        attributes[semconv.IDEMPOTENCY_KEY] = hashlib.sha256(event_id.encode()).hexdigest()
    return _made(chance, to, time_ns, outcome, attributes, events)


def _failed(
    chance: random.Random, to: Endpoint, time_ns: int, *, is_rare: bool
) -> tuple[str, int, dict[str, Any], tuple[SpanEvent, ...]]:
    rare = Defect("failed", "", RARE, "send", 0)
    defect = rare if is_rare else chance.choice(to.defects)
    message = defect.message.format(order=chance.randrange(10**6))
    if defect.outcome == "failed":
        return "failed", 200, {semconv.PROCESSING_STATUS: "failed", semconv.PROCESSING_REASON: message}, ()
    stack = _STACK.format(
        service=to.service,
        line=defect.line,
        function=defect.function,
        type=defect.exception_type,
        message=message,
    )
    told = {
        semconv.EXCEPTION_TYPE: defect.exception_type,
        semconv.EXCEPTION_MESSAGE: message,
        semconv.EXCEPTION_STACKTRACE: stack,
    }
    raised = SpanEvent(semconv.EXCEPTION_EVENT, time_ns, told)
    return "error", 500, {semconv.ERROR_TYPE: defect.exception_type}, (raised,)


def _again(chance: random.Random, of: StoredDelivery, time_ns: int) -> StoredDelivery:
    """The same event, which was handled, or is handled now."""
    to = Endpoint(of.service, of.environment or "", of.provider, of.route or "", (), ())
    outcome, key = ("replayed", "replayed") if of.outcome == "accepted" else ("accepted", "executed")
    gone = (
        semconv.SIGNATURE_REASON,
        semconv.ERROR_TYPE,
        semconv.PROCESSING_STATUS,
        semconv.PROCESSING_REASON,
    )
    attributes = {name: value for name, value in of.attributes.items() if name not in gone}
    attributes |= {
        semconv.OUTCOME: outcome,
        semconv.SIGNATURE_VALID: True,
        semconv.HTTP_STATUS: 200,
        semconv.IDEMPOTENCY_OUTCOME: key,
    }
    return _made(chance, to, time_ns, outcome, attributes, ())


def _made(
    chance: random.Random,
    to: Endpoint,
    time_ns: int,
    outcome: Any,
    attributes: dict[str, Any],
    events: tuple[SpanEvent, ...],
) -> StoredDelivery:
    trace_id, span_id = chance.randbytes(16).hex(), chance.randbytes(8).hex()
    get = attributes.get
    return StoredDelivery(
        id=trace_id[16:] + span_id,
        time_ns=time_ns,
        duration_ns=int(chance.lognormvariate(16, 0.8)),
        provider=to.provider,
        outcome=outcome,
        trace_id=trace_id,
        span_id=span_id,
        service=to.service,
        environment=to.environment,
        path=to.route,
        route=to.route,
        status=get(semconv.HTTP_STATUS),
        event_type=get(semconv.EVENT_TYPE),
        event_id=get(semconv.EVENT_ID),
        signature_valid=get(semconv.SIGNATURE_VALID),
        reason=get(semconv.SIGNATURE_REASON),
        idempotency=get(semconv.IDEMPOTENCY_OUTCOME),
        idempotency_key=get(semconv.IDEMPOTENCY_KEY),
        processing=get(semconv.PROCESSING_STATUS),
        body_size=get(semconv.HTTP_BODY_SIZE),
        attributes=attributes,
        resource={"service.name": to.service, "telemetry.sdk.language": "python", "host.name": "host-1"},
        events=events,
    )
