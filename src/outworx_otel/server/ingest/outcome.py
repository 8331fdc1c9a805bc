"""The outcome of a delivery, out of its span's attributes."""

from __future__ import annotations

from outworx_otel import semconv
from outworx_otel.server.model import Attributes, Outcome


def outcome_of(attributes: Attributes) -> Outcome:
    """As the metric `outworx.webhook.deliveries` counts it."""
    processing = attributes.get(semconv.PROCESSING_STATUS)
    if processing in ("failed", "silent_drop", "deferred"):
        return processing  # type: ignore[no-any-return]  # one of the three
    status = attributes.get(semconv.HTTP_STATUS)
    if attributes.get(semconv.IDEMPOTENCY_OUTCOME) == "replayed":
        return "replayed"
    if not isinstance(status, int) or status >= 500:
        return "error"
    return "refused" if status >= 400 else "accepted"
