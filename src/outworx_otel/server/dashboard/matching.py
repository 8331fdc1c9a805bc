"""Applies the store's filter, in Python, to a delivery that has just come."""

from __future__ import annotations

from typing import Final

from outworx_otel.server.fields import FILTERED, SEARCHED
from outworx_otel.server.model import RAN, Filter, Summary

MIN_PREFIX: Final = 4


def matches(wanted: Filter, delivery: Summary) -> bool:
    """Returns whether `Store.deliveries` would return the delivery for this filter."""
    if wanted.problem is not None:
        # Which one a delivery belongs to is known to the store alone: the page shows it when it is asked for anew.
        return False
    for name in FILTERED:
        values = wanted.any_of(name)
        if values and getattr(delivery, name) not in values:
            return False
    if wanted.unverified and (delivery.outcome not in RAN or delivery.signature_valid is not None):
        return False
    if wanted.since is not None and delivery.time_ns < wanted.since:
        return False
    if wanted.until is not None and delivery.time_ns >= wanted.until:
        return False
    if wanted.search is None:
        return True
    return is_found(wanted.search, delivery)


def is_found(term: str, delivery: Summary) -> bool:
    """Returns whether a search for the term shows the delivery."""
    if term in (delivery.id, delivery.event_id, delivery.trace_id, delivery.idempotency_key):
        return True
    if len(term) >= MIN_PREFIX and delivery.id.startswith(term):
        return True
    folded = term.lower()
    return any(folded in text.lower() for name in SEARCHED if (text := getattr(delivery, name)) is not None)
