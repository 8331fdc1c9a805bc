"""Whether a delivery was proved to be the provider's."""

from __future__ import annotations

from typing import Final

from outworx_otel.server.model import StoredDelivery
from outworx_otel.telemetry import semconv

_PROVED: Final = "Proved:"


def is_genuine(delivery: StoredDelivery) -> bool | None:
    """Whether the provider was proved to be the sender; None where its endpoint does not verify."""
    if delivery.signature_valid is True or _is_proved(delivery):
        return True
    return False if delivery.signature_valid is False or delivery.outcome == "rejected" else None


def _is_proved(delivery: StoredDelivery) -> bool:
    """Whether the diagnosis of a rejection found the provider's signature: on another form of the body, with
    another secret, or of another time (an age is known only where the signature itself fits)."""
    hint = delivery.attributes.get(semconv.SIGNATURE_HINT)
    return (
        (isinstance(hint, str) and hint.startswith(_PROVED))
        or (delivery.reason == "parsed_body")
        or (delivery.reason == "timestamp_drift" and semconv.SIGNATURE_AGE in delivery.attributes)
    )
