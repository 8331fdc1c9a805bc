"""Limits how often an address may try a wrong key."""

from __future__ import annotations

import ipaddress
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

BURST: Final = 10
SECONDS_EACH: Final = 6.0
_MAX_ADDRESSES: Final = 10_000
_logger: Final = logging.getLogger("outworx_otel.server")


class BadKeys:
    """A token bucket for each address: ten at once, then one every six seconds.

    An address that has used them up must wait with a good key too, or guessing would not be slowed down at all. Not
    one that came with a good key before: whoever shares it (behind a proxy, say) with somebody's wrong key goes on.

    An IPv6 caller is its /64, which is what one customer has. The tables are bounded:
    whoever was seen longest ago goes.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # What is left, and as of when.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._proven: OrderedDict[str, None] = OrderedDict()

    def must_wait(self, address: str) -> int | None:
        """For a good key: None if it is taken now, else the seconds to wait."""
        name = _network(address)
        if name not in self._proven:
            left = self._left(name)
            if left < 1:
                return math.ceil((1 - left) * SECONDS_EACH)
            self._proven[name] = None
        self._proven.move_to_end(name)
        if len(self._proven) > _MAX_ADDRESSES:
            self._proven.popitem(last=False)
        return None

    def too_many(self, address: str) -> int | None:
        """Counts a bad key; None if that was all right, else the seconds to wait."""
        name = _network(address)
        left = self._left(name)
        wait = None if left >= 1 else math.ceil((1 - left) * SECONDS_EACH)
        self._buckets[name] = (left - 1 if wait is None else left, self._clock())
        self._buckets.move_to_end(name)
        if wait is None and left < 2:
            # Said as the last attempt is used up: at most once for each that comes back.
            _logger.warning("wrong API keys from %s: it now has to wait between them", address)
        if len(self._buckets) > _MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        return wait

    def _left(self, name: str) -> float:
        now = self._clock()
        left, since = self._buckets.get(name, (float(BURST), now))
        return min(left + (now - since) / SECONDS_EACH, float(BURST))


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
