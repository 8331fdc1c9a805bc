"""When the deliveries of a batch came, by the server's clock, where their services' clocks are proved to be off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from outworx_otel.server.model import StoredDelivery
from outworx_otel.server.problems.clocks import (
    FURTHEST_AHEAD_NS,
    TOLERANCE_NS,
    ClockReading,
    KnownClock,
    clock_after,
    ended_after,
    signed_after,
)
from outworx_otel.server.problems.judging import service_of

# What one application sends at once is not older than that; what is has merely arrived late.
_ONE_CLOCK_NS: Final = 60 * 10**9
_YEAR_2000_NS: Final = 946_684_800 * 10**9
_RIGHT: Final = KnownClock()


def kept_time(time_ns: int, now_ns: int) -> int:
    """A time before 2000 or more than a day ahead cannot be right: the time of arrival stands for it."""
    return time_ns if _YEAR_2000_NS <= time_ns <= now_ns + FURTHEST_AHEAD_NS else now_ns


class Corrections:
    """What a batch says of clocks, and when its deliveries came.

    Deliveries of one clock keep their distances: of a fast one they are moved by the largest lead of their batch, of
    a slow one by what it is known to be behind, this batch included, but never beyond their arrival.

    Args:
        known: what was known before, by service and environment.
        now_ns: when the batch arrived.
    """

    def __init__(
        self, deliveries: Iterable[StoredDelivery], known: Mapping[tuple[str, str], KnownClock], now_ns: int
    ) -> None:
        self._now_ns = now_ns
        self.readings: dict[tuple[str, str], ClockReading] = {}
        for delivery in deliveries:
            key = service_of(delivery.service, delivery.environment)
            reading = self.readings.get(key)
            if reading is None:
                reading = self.readings[key] = ClockReading()
            reading.add(delivery, now_ns)
        self._behind = {
            key: -offset
            for key, reading in self.readings.items()
            if (offset := clock_after(known.get(key, _RIGHT), reading).offset_ns) < 0
        }

    def came_at(self, delivery: StoredDelivery) -> int:
        """When it came, by our clock."""
        key = service_of(delivery.service, delivery.environment)
        ahead, lead = ended_after(delivery, self._now_ns), self.readings[key].lead_ns
        if lead and 0 <= lead - ahead <= _ONE_CLOCK_NS:
            return delivery.time_ns - lead
        time_ns = delivery.time_ns
        if TOLERANCE_NS < ahead <= FURTHEST_AHEAD_NS:
            time_ns -= ahead
        elif (behind := self._behind.get(key)) is not None and _is_of_a_clock_behind(delivery, ahead, behind):
            time_ns += max(min(behind, -ahead), 0)
        return kept_time(time_ns, self._now_ns)


def _is_of_a_clock_behind(delivery: StoredDelivery, ahead_ns: int, behind_ns: int) -> bool:
    """Whether it has the time of the slow clock: it was itself signed later, or came as soon as such a one does."""
    signed = signed_after(delivery)
    return -ahead_ns - behind_ns <= _ONE_CLOCK_NS if signed is None else signed > TOLERANCE_NS
