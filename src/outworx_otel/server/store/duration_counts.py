"""How long deliveries took: how many there were of each bucket, and percentiles of them."""

from __future__ import annotations

import bisect
import itertools
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

from outworx_otel.server.store.figures import duration_of

_BITS = 64


class DurationCounts(NamedTuple):
    """A number for each bucket from the lowest on, all in one integer: they are added up at once, and not one by one.

    Args:
        lowest: the bucket of the first number.
        counts: 64 bits for each.
    """

    lowest: int = 0
    counts: int = 0

    @classmethod
    def of(cls, deliveries: Mapping[int, int]) -> DurationCounts:
        """Of the deliveries of each bucket."""
        lowest = min(deliveries, default=0)
        return cls(lowest, sum(number << (bucket - lowest) * _BITS for bucket, number in deliveries.items()))

    def __add__(self, other: Any) -> DurationCounts:
        first, second = (self, other) if self.lowest <= other.lowest else (other, self)
        higher = second.counts << (second.lowest - first.lowest) * _BITS
        return DurationCounts(first.lowest, first.counts + higher)

    def percentiles(self, *parts: float) -> tuple[int | None, ...]:
        """Within how many nanoseconds such a part of the deliveries was answered; None where there are none."""
        if not self.counts:
            return (None,) * len(parts)
        length = -(-self.counts.bit_length() // _BITS)
        numbers = struct.unpack(f"<{length}Q", self.counts.to_bytes(length * _BITS // 8, "little"))
        sums = list(itertools.accumulate(numbers))
        return tuple(duration_of(self.lowest + bisect.bisect_left(sums, sums[-1] * part)) for part in parts)
