"""Derives the outcome of a delivery from its span's attributes."""

from __future__ import annotations

from typing import Final

from outworx_otel.server.model import Attributes
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry.outcomes import SPAN_STATUS, Outcome

_BY_KEY: Final[dict[str, Outcome]] = {
    "replayed": "replayed",
    "in_flight": "in_flight",
    # The store was down, and the endpoint wants no delivery without it.
    "rejected": "rejected",
}
_BY_PROCESSING: Final[dict[str, Outcome]] = {
    "failed": "failed",
    "silent_drop": "silent_drop",
    "deferred": "deferred",
}


def outcome_of(attributes: Attributes) -> Outcome:
    """Returns the span's own outcome, or, for spans of older releases, derives it from other attributes.

    Attributes of any type are taken.
    """
    told = attributes.get(semconv.OUTCOME)
    if isinstance(told, str) and told in SPAN_STATUS:
        return told
    by_key = _looked_up(_BY_KEY, attributes.get(semconv.IDEMPOTENCY_OUTCOME))
    if by_key is not None:
        return by_key
    error_type = attributes.get(semconv.ERROR_TYPE)
    # An application that lets invalid signatures in reports them too, but never as the error.
    reason = attributes.get(semconv.SIGNATURE_REASON)
    if attributes.get(semconv.SIGNATURE_VALID) is False and reason is not None and reason == error_type:
        return "rejected"
    status = attributes.get(semconv.HTTP_STATUS)
    processing = attributes.get(semconv.PROCESSING_STATUS)
    by_processing = _looked_up(_BY_PROCESSING, processing)
    # No status is an exception that nobody turned into one, whatever was marked before it was raised.
    if by_processing is not None and (status is not None or error_type == processing):
        return by_processing
    if not isinstance(status, int) or status >= 500:
        return "error"
    return "refused" if status >= 400 else "accepted"


def _looked_up(table: dict[str, Outcome], value: object) -> Outcome | None:
    return table.get(value) if isinstance(value, str) else None
