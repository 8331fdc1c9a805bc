"""Applies the store's filter, in Python, to a delivery that has just come."""

from __future__ import annotations

from typing import Final

from outworx_otel.server.fields import FILTERED
from outworx_otel.server.model import Filter, Summary

MIN_PREFIX: Final = 4


def matches(wanted: Filter, delivery: Summary) -> bool:
    """Returns whether `Store.deliveries` would return the delivery for this filter."""
    if wanted.problem is not None:
        # Which one a delivery belongs to is known to the store alone: the page shows it when it is asked for anew.
        return False
    for name in FILTERED:
        value = getattr(wanted, name)
        if value is not None and getattr(delivery, name) != value:
            return False
    if wanted.problem is not None:
        # Which problem it belongs to is known only where it is kept.
        return False
    if wanted.since is not None and delivery.time_ns < wanted.since:
        return False
    if wanted.until is not None and delivery.time_ns >= wanted.until:
        return False
    if wanted.search is None:
        return True
    exact = (delivery.event_id, delivery.trace_id, delivery.idempotency_key)
    if wanted.search in exact or wanted.search == delivery.id:
        return True
    return len(wanted.search) >= MIN_PREFIX and delivery.id.startswith(wanted.search)
