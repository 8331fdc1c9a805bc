"""All that is said of one delivery: why it ended as it did, where, and what to do about it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from outworx_otel.server.described import says
from outworx_otel.server.explaining.headlines import headline
from outworx_otel.server.explaining.stages import Stage, stages_of
from outworx_otel.server.explaining.whys import why_of
from outworx_otel.server.failures import CodePlace, failure_of
from outworx_otel.server.formatting import clock, span
from outworx_otel.server.genuine import is_genuine
from outworx_otel.server.model import StoredDelivery, Summary
from outworx_otel.server.retries import schedule_of, told_of_retries

_BAD: Final = (
    "failed",
    "error",
    "silent_drop",
    "rejected",
    "refused",
    "turned_away",
    "unrouted",
    "redirected",
)
_RAN: Final = ("accepted", "unprotected")
# A replayed one tells that the event was finished before.
_HANDLED: Final = (*_RAN, "replayed")


class DeliveryVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a delivery's page says of it first, in the same words."""

    why: Annotated[str, says("Why it ended as it did, in a line of words: what its row in a list says.")]
    headline: Annotated[str, says("What happened.")]
    detail: Annotated[str, says("What that means.")]
    advice: Annotated[str, says("What to do; empty where there is nothing.")]
    place: Annotated[
        CodePlace | None, says("Where in the application it failed: its own code before that of libraries.")
    ]
    handled_by: Annotated[
        str | None, says("The later delivery that handled the event after this one had not.")
    ]
    retries: Annotated[
        str | None, says("Whether the provider sends the event again, as far as its documentation says.")
    ]
    clock: Annotated[
        str | None, says("How far its service's clock is off, where that is proved; its time is set right.")
    ]
    stages: Annotated[list[Stage], says("How far it got: its signature, its key, the handler, its mark.")]


def verdict_of(delivery: StoredDelivery, same_event: Sequence[Summary]) -> DeliveryVerdict:
    """Explains one.

    Args:
        delivery: which one.
        same_event: all deliveries of its event, the oldest first.
    """
    failure, handled = failure_of(delivery), handled_later(delivery, same_event)
    said = headline(
        delivery,
        failure.text,
        handled_later=handled is not None,
        runs=sum(one.outcome in _RAN for one in same_event),
    )
    return DeliveryVerdict(
        why=why_of(delivery).text,
        headline=said.title,
        detail=said.detail,
        advice=said.action,
        place=failure.place if delivery.outcome in _BAD and failure.place.file else None,
        handled_by=None if handled is None else handled.id,
        retries=None if handled is not None else retries_of(delivery, same_event),
        clock=clock_of(delivery),
        stages=stages_of(delivery),
    )


def retries_of(delivery: StoredDelivery, same_event: Sequence[Summary]) -> str | None:
    """Returns whether the provider sends an event again that went wrong; None where that is not known."""
    handled = any(one.outcome in _HANDLED for one in same_event)
    if delivery.outcome not in _BAD or handled or is_genuine(delivery) is False:
        return None
    schedule = schedule_of(delivery.provider)
    first_ns = min([delivery.time_ns, *(one.time_ns for one in same_event)])
    last = max([delivery, *same_event], key=lambda one: one.time_ns)
    until = "" if schedule is None else clock(schedule.until_ns(first_ns))
    return told_of_retries(delivery.provider, last.status, first_ns, time.time_ns(), until)


def clock_of(delivery: StoredDelivery) -> str | None:
    """Returns which way and how far the service's clock is off; None where the time is as it was told."""
    if delivery.reported_time_ns is None:
        return None
    ahead = delivery.reported_time_ns - delivery.time_ns
    way = "fast" if ahead > 0 else "slow"
    return f"The clock of {delivery.service or 'its service'} is {span(ahead / 1e9)} {way}: synchronise it (NTP)."


def handled_later(delivery: Summary, same_event: Sequence[Summary]) -> Summary | None:
    """Returns the delivery that handled the event after this one had not, None where none did."""
    if delivery.outcome not in _BAD:
        return None
    later = (one for one in same_event if one.id != delivery.id and one.time_ns >= delivery.time_ns)
    return next((one for one in later if one.outcome in _HANDLED), None)
