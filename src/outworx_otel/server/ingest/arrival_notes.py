"""Notes on a delivery that has come in: when, why it failed and where."""

from __future__ import annotations

from typing import Final

import msgspec

from outworx_otel.server.failures import failure_of
from outworx_otel.server.ingest.values import column
from outworx_otel.server.model import NOT_CALLED, StoredDelivery
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry.outcomes import Outcome

# Of these no application's code failed; what an exception decided about them is on their own page.
_WELL: Final[frozenset[Outcome]] = frozenset({"accepted", "handshake", "replayed", "deferred", "in_flight"})


def noted(delivery: StoredDelivery, now_ns: int) -> StoredDelivery:
    """Returns the delivery with what is known at its arrival (Unix nanoseconds)."""
    if delivery.outcome in _WELL:
        return msgspec.structs.replace(delivery, arrived_ns=now_ns)
    if (
        delivery.idempotency == "fail_open"
        and delivery.attributes.get(semconv.IDEMPOTENCY_MODE) == "transaction"
    ):
        delivery = msgspec.structs.replace(delivery, idempotency=NOT_CALLED)
    failure = failure_of(delivery)
    return msgspec.structs.replace(
        delivery,
        arrived_ns=now_ns,
        failure=column(failure.text) or None,
        exception_type=column(failure.exception_type) or None,
        code_function=column(failure.place.function) or None,
        code_file=column(failure.place.file) or None,
    )
