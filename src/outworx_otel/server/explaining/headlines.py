"""Says in a headline what happened to a delivery, and what to do about it."""

from __future__ import annotations

from typing import Final, NamedTuple

from outworx_otel.server.explaining.codes import CAUSES, IDEMPOTENCY, KINDS, REASONS, Advice, advice_for
from outworx_otel.server.formatting import number
from outworx_otel.server.model import StoredDelivery
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry.outcomes import Outcome

_WHY_AGAIN: Final = (
    "Nothing, where it comes once or twice. Where it goes on, the provider had no good answer, or had it too"
    " late."
)


class Headline(NamedTuple):
    """What happened to a delivery, and what to do about it; "" where there is nothing to do."""

    title: str
    detail: str
    action: str


def headline(
    delivery: StoredDelivery, failure: str | None, *, handled_later: bool = False, runs: int = 1
) -> Headline:
    """In plain words.

    Args:
        delivery: which one.
        failure: the reason given with `track.failed`, or an exception's type and text.
        handled_later: whether a later delivery of the same event succeeded.
        runs: how often the handler ran for the same event.
    """
    said = _headline(delivery, failure)
    if handled_later and said.action and delivery.outcome in ("failed", "error"):
        said = said._replace(action="Nothing for this event: a later delivery of it succeeded.")
    if runs > 1:
        again = f"The handler ran {number(runs)} times for this event: give the endpoint an idempotency key."
        said = said._replace(action=f"{said.action} {again}".strip())
    return said


def _headline(delivery: StoredDelivery, failure: str | None) -> Headline:
    status = "" if delivery.status is None else f" with {delivery.status}"
    reason = advice_for(REASONS, delivery.reason)
    match delivery.outcome:
        case "rejected":
            if reason is None:
                return Headline("Rejected", KINDS["rejected"].meaning, "")
            return Headline(f"Rejected: {reason.title}", reason.meaning, reason.action)
        case "silent_drop":
            cause = advice_for(CAUSES, delivery.cause)
            if cause is None:
                return Headline(
                    "Dropped silently",
                    f"Answered{status} without track.processed(), track.failed() or track.ignored(). Where and why "
                    "is known on Python 3.12 and newer.",
                    "Run it on Python 3.12 or newer to be shown the line; until then, look for a return before the "
                    "mark, a swallowed exception, or a missing await.",
                )
            return Headline(f"Dropped silently: {cause.title}", cause.meaning, cause.action)
        case "failed":
            detail = f"Answered{status}, so the provider will not necessarily try again."
            return Headline(f"Failed: {failure}" if failure else "Failed", detail, _after_a_failure(delivery))
        case "error" if delivery.idempotency == "rejected":
            words = IDEMPOTENCY["rejected"]
            return Headline("Turned away: no idempotency store", words.meaning, words.action)
        case "error":
            return Headline(
                f"Error: {failure}" if failure else f"Error: answered{status}" if status else "Error",
                "The handler raised, or answered with a 5xx; most providers try again.",
                _after_a_failure(delivery),
            )
        case "refused":
            return Headline(f"Refused{status}", "Many providers do not try again after a 4xx.", "")
        case "unrouted" | "redirected" | "turned_away":
            return _lost(delivery, status)
        case "unprotected":
            words = advice_for(IDEMPOTENCY, delivery.idempotency) or IDEMPOTENCY["fail_open"]
            return Headline("Ran without its idempotency key", words.meaning, words.action)
        case "replayed" | "in_flight" | "deferred" | "handshake":
            kind = KINDS[delivery.outcome]
            action = _WHY_AGAIN if delivery.outcome in ("replayed", "in_flight") else ""
            return Headline(kind.label, f"{kind.meaning[0].upper()}{kind.meaning[1:]}.", action)
        case _:
            return _accepted(delivery, status, reason)


_LOST: Final[dict[Outcome, Advice]] = {
    "unrouted": Advice(
        "Unrouted",
        "Nothing serves this path, or not with this method.",
        "Change the address in the provider's dashboard, or the route; then let the provider send it again.",
    ),
    "redirected": Advice(
        "Redirected",
        "The request was answered with another address, and few providers follow that.",
        "Give the provider the address that answers: mind https, the host, and a slash at the end.",
    ),
    "turned_away": Advice(
        "Turned away",
        "Something in front of the handler answered: CSRF protection, authentication, the allowed hosts, or a limit.",
        "Let this path through it: the signature says who sent the request.",
    ),
}


def _lost(delivery: StoredDelivery, status: str) -> Headline:
    words = _LOST[delivery.outcome]
    title = f"{words.title}: answered{status}" if status else words.title
    nearest = delivery.attributes.get(semconv.NEAREST_ROUTE)
    near = f" The nearest route is {nearest}." if isinstance(nearest, str) else ""
    if delivery.signature_valid:
        return Headline(
            title, f"It came from the provider, and no handler had it. {words.meaning}{near}", words.action
        )
    return Headline(title, f"{words.meaning}{near} It was not proved to come from the provider.", "")


def _after_a_failure(delivery: StoredDelivery) -> str:
    if delivery.idempotency == "executed":
        return (
            "Its idempotency key was not committed: once the cause is mended, the provider's retry or a replay runs"
            " it again."
        )
    return "Once the cause is mended, replay it, or let the provider send it again."


def _accepted(delivery: StoredDelivery, status: str, reason: Advice | None) -> Headline:
    if delivery.signature_valid is False and reason is not None:
        return Headline(
            f"Let in although {reason.title}",
            f"The endpoint reports invalid signatures and goes on. {reason.meaning}",
            reason.action,
        )
    if delivery.processing == "ignored":
        return Headline("Ignored", "The handler said that this event is none of its business.", "")
    if delivery.processing == "completed":
        return Headline("Processed", f"Answered{status}, and the handler said that the work was done.", "")
    return Headline("Accepted", f"Answered{status}.", "")
