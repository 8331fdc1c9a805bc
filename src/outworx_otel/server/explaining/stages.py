"""The stages of a delivery (verify → claim → handler → mark), and how far it got."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from outworx_otel.server.attributes import flag, seconds
from outworx_otel.server.explaining.codes import CAUSES, IDEMPOTENCY, REASONS, advice_for
from outworx_otel.server.formatting import duration, plain
from outworx_otel.server.model import NOT_CALLED, StoredDelivery
from outworx_otel.telemetry import semconv

_UNHANDLED: Final = (
    "rejected",
    "replayed",
    "in_flight",
    "handshake",
    "unrouted",
    "redirected",
    "turned_away",
)

_NOT_KEPT: Final = ("fail_open", NOT_CALLED, "no_key", "rejected", "key_error")

State = Literal["good", "bad", "warn", "none"]


class Stage(msgspec.Struct, frozen=True):
    """One stage; `none` is one that was not reached or is not configured."""

    name: str
    state: State
    said: str


def stages_of(delivery: StoredDelivery) -> list[Stage]:
    """Returns the four stages in order."""
    return [_verify(delivery), _claim(delivery), _handler(delivery), _mark(delivery)]


def _verify(delivery: StoredDelivery) -> Stage:
    if delivery.signature_valid is None:
        return Stage("Verify", "none", "no signature was checked")
    if delivery.signature_valid:
        kind = delivery.attributes.get(semconv.SIGNATURE_KIND)
        said = "the sender is authenticated" if kind == "authenticated" else "the signature is valid"
        return Stage("Verify", "good", said)
    reason = advice_for(REASONS, delivery.reason)
    return Stage("Verify", "bad", "invalid" if reason is None else reason.title)


def _claim(delivery: StoredDelivery) -> Stage:
    outcome = delivery.idempotency
    if outcome is None:
        went_no_further = delivery.outcome in _UNHANDLED
        return Stage("Claim", "none", "not reached" if went_no_further else "no idempotency key")
    words = advice_for(IDEMPOTENCY, outcome)
    said = outcome if words is None else words.title
    if outcome == "executed":
        committed = flag(delivery.attributes, semconv.IDEMPOTENCY_COMMITTED)
        return Stage("Claim", "warn" if committed is False else "good", _claimed(delivery, committed))
    return Stage("Claim", "warn" if outcome in _NOT_KEPT else "good", said)


def _claimed(delivery: StoredDelivery, committed: bool | None) -> str:
    own = delivery.attributes.get(semconv.IDEMPOTENCY_MODE) == "transaction"
    if own and any(event.name == semconv.ROLLED_BACK_EVENT for event in delivery.events):
        return "claimed, rolled back with the effects"
    where = "claimed with the effects" if own else "claimed"
    return where if committed is None else f"{where}, {'then' if committed else 'not'} committed"


def _handler(delivery: StoredDelivery) -> Stage:
    if delivery.outcome in _UNHANDLED or delivery.idempotency == "rejected":
        answered = "" if delivery.status is None else f"; answered {delivery.status}"
        return Stage("Handler", "none", f"did not run{answered}")
    took = duration(delivery.duration_ns)
    if delivery.status is None:
        return Stage("Handler", "bad", f"raised after {took}")
    state: State = "bad" if delivery.status >= 500 else "warn" if delivery.status >= 400 else "good"
    return Stage("Handler", state, f"answered {delivery.status} in {took}")


def _mark(delivery: StoredDelivery) -> Stage:
    processing = delivery.processing
    at = seconds(delivery.attributes, semconv.PROCESSING_MARKED_AT)
    after = "" if at is None else f" after {duration(max(int(at * 1e9) - delivery.time_ns, 0))}"
    match processing:
        case None:
            ran = delivery.outcome not in _UNHANDLED
            return Stage("Mark", "none", "none was required" if ran else "not reached")
        case "silent_drop":
            cause = advice_for(CAUSES, delivery.cause)
            return Stage("Mark", "bad", "never made" if cause is None else cause.title)
        case "failed":
            return Stage("Mark", "bad", f"failed{after}")
        case "completed":
            return Stage("Mark", "good", f"processed{after}")
        case _:
            return Stage("Mark", "good", f"{plain(processing)}{after}")
