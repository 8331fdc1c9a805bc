"""Whether a service's clock is right, from what its deliveries prove.

What ended after it arrived proves a clock that is fast, by at least as much. What was signed after it came proves one
that is slow, where that is so delivery after delivery: the provider's own clock may be off once.
"""

from __future__ import annotations

from typing import Final

import msgspec

from outworx_otel.server.model import StoredDelivery
from outworx_otel.telemetry import semconv

TOLERANCE_NS: Final = 2 * 10**9
"""Smaller differences are of no account."""

LONGEST_NS: Final = 86_400 * 10**9
"""What is said to have lasted longer tells nothing of a clock."""

SIGNED_LATER: Final = 5
"""So many in a row prove a clock that is slow."""

_FURTHEST_NS: Final = 366 * 86_400 * 10**9


class ClockReading(msgspec.Struct):
    """What the deliveries of a batch say of a service's clock.

    Args:
        ahead_ns: how much later than their arrival the latest of them ended.
        signed_later: how many at the end were signed later than they came.
        behind_ns: how much later at least.
    """

    ahead_ns: int = -_FURTHEST_NS
    signed_later: int = 0
    behind_ns: int = _FURTHEST_NS
    is_signed: bool = False

    def add(self, delivery: StoredDelivery, arrived_ns: int) -> None:
        """Looks at one more delivery."""
        told = delivery.reported_time_ns
        took = delivery.duration_ns if 0 <= delivery.duration_ns <= LONGEST_NS else 0
        ahead = (delivery.time_ns if told is None else told) + took - arrived_ns
        if ahead > self.ahead_ns:
            self.ahead_ns = min(ahead, _FURTHEST_NS)
        age = delivery.attributes.get(semconv.SIGNATURE_AGE)
        if type(age) is float or type(age) is int:
            self.is_signed = True
            behind = -int(max(min(age, 1e7), -1e7) * 1e9)
            if behind > TOLERANCE_NS:
                self.signed_later += 1
                self.behind_ns = min(self.behind_ns, behind)
            else:
                self.signed_later, self.behind_ns = 0, _FURTHEST_NS


def offset_after(reading: ClockReading, signed_later: int) -> int | None:
    """How far the clock is ahead (behind: less than 0) in nanoseconds, 0 where it is right; None where this says
    nothing of it.

    Args:
        signed_later: how many in a row were signed later, those of the reading included.
    """
    if reading.ahead_ns > TOLERANCE_NS:
        return reading.ahead_ns
    if reading.is_signed:
        if not reading.signed_later:
            return 0
        return -reading.behind_ns if signed_later >= SIGNED_LATER else None
    # It has come within seconds of when it says that it ended: it cannot be far ahead.
    return 0 if reading.ahead_ns > -60 * 10**9 else None
