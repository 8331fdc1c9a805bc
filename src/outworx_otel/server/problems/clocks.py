"""Whether a service's clock is right, from what its deliveries prove.

What ended after it arrived proves a clock that is fast, by at least as much. What was signed after it came proves one
that is slow, where that is so delivery after delivery: the provider's own clock may be off once.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import msgspec

from outworx_otel.server.model import StoredDelivery
from outworx_otel.telemetry import semconv

TOLERANCE_NS: Final = 2 * 10**9
"""Smaller differences are of no account."""

LONGEST_NS: Final = 86_400 * 10**9
"""What is said to have lasted longer tells nothing of a clock."""

FURTHEST_AHEAD_NS: Final = 86_400 * 10**9
"""A time further ahead than that is no clock's."""

SIGNED_LATER: Final = 5
"""So many in a row prove a clock that is slow."""

_FURTHEST_NS: Final = 366 * 86_400 * 10**9


class KnownClock(NamedTuple):
    """What is known of a service's clock before a batch: how far it is ahead (behind: less than 0), and how many
    deliveries at the end were signed later than they came."""

    offset_ns: int = 0
    signed_later: int = 0


class ClockReading(msgspec.Struct):
    """What the deliveries of a batch say of a service's clock.

    Args:
        ahead_ns: how much later than their arrival the latest of them ended.
        lead_ns: the same of those that may be moved by it; 0 where there are none.
        signed_later: how many at the end were signed later than they came.
        behind_ns: how much later at least.
    """

    ahead_ns: int = -_FURTHEST_NS
    lead_ns: int = 0
    signed_later: int = 0
    behind_ns: int = _FURTHEST_NS
    is_signed: bool = False

    def add(self, delivery: StoredDelivery, arrived_ns: int) -> None:
        """Looks at one more delivery."""
        ahead = ended_after(delivery, arrived_ns)
        if ahead > self.ahead_ns:
            self.ahead_ns = min(ahead, _FURTHEST_NS)
        if self.lead_ns < ahead <= FURTHEST_AHEAD_NS and ahead > TOLERANCE_NS:
            self.lead_ns = ahead
        behind = signed_after(delivery)
        if behind is None:
            return
        self.is_signed = True
        if behind > TOLERANCE_NS:
            self.signed_later += 1
            self.behind_ns = min(self.behind_ns, behind)
        else:
            self.signed_later, self.behind_ns = 0, _FURTHEST_NS


def ended_after(delivery: StoredDelivery, arrived_ns: int) -> int:
    """How much later than its arrival a delivery ended, by its sender's clock."""
    # A length that cannot be right tells nothing of the clock.
    took = delivery.duration_ns if 0 <= delivery.duration_ns <= LONGEST_NS else 0
    return delivery.time_ns + took - arrived_ns


def signed_after(delivery: StoredDelivery) -> int | None:
    """How much later than it came a delivery was signed, in nanoseconds; None where no signed time is known."""
    age = delivery.attributes.get(semconv.SIGNATURE_AGE)
    if (type(age) is not float and type(age) is not int) or math.isnan(age):
        return None
    return -int(max(min(age, 1e7), -1e7) * 1e9)


def clock_after(known: KnownClock, reading: ClockReading) -> KnownClock:
    """What is known after a batch that says this."""
    signed_later = reading.signed_later
    if signed_later or not reading.is_signed:
        signed_later += known.signed_later
    return KnownClock(_offset_after(known.offset_ns, reading, signed_later), signed_later)


def _offset_after(was_ns: int, reading: ClockReading, signed_later: int) -> int:
    if reading.ahead_ns > TOLERANCE_NS:
        return reading.ahead_ns
    if reading.is_signed:
        if not reading.signed_later:
            return 0
        return -reading.behind_ns if signed_later >= SIGNED_LATER else was_ns
    # It has come within seconds of when it says that it ended: it cannot be far ahead. And what has come sooner than
    # so far behind it could have is of no clock that is that slow.
    is_refuted = reading.ahead_ns > (was_ns + TOLERANCE_NS if was_ns < 0 else -60 * 10**9)
    return 0 if is_refuted else was_ns
