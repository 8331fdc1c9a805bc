"""What deferred work must know of its delivery."""

from __future__ import annotations

import msgspec


class Deferral(msgspec.Struct, frozen=True, array_like=True):
    """What the process that goes on with a delivery's work must know of it.

    Args:
        trace_id: of the delivery's span, 32 hex digits; empty where nothing was traced.
        span_id: likewise, 16 hex digits.
        provider: who sent the delivery.
        route: its route's template.
        event_id: the provider's id of the event.
        deferred_at: Unix seconds, from which the delay in a queue is counted.
        deadline: Unix seconds, until which the work must be marked.
    """

    trace_id: str
    span_id: str
    provider: str
    route: str | None
    event_id: str | None
    deferred_at: float
    deadline: float

    def since(self, deferred_at: float, deadline: float | None = None) -> Deferral:
        """The same, put into the queue at another time."""
        until = self.deadline if deadline is None else deadline
        return msgspec.structs.replace(self, deferred_at=deferred_at, deadline=until)
