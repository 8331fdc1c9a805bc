"""Deliveries whose answer is out while their handler goes on (background tasks): reported at its end, or in time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from outworx_otel.process.timer import call_in

if TYPE_CHECKING:
    from outworx_otel.delivery._lifecycle import Delivery

SECONDS: Final = 30.0

# In the order in which they are due. One timer serves all, and there is none while nothing lingers.
_lingering: dict[Delivery, tuple[float, int]] = {}
_sweeping = False


def linger(delivery: Delivery, end_ns: int) -> None:
    """Reports a settled delivery in half a minute, as ended at `end_ns`, unless that was done by then."""
    global _sweeping
    _lingering[delivery] = (time.monotonic() + SECONDS, end_ns)
    if not _sweeping:
        _sweeping = True
        call_in(SECONDS, _sweep)


def forget(delivery: Delivery) -> None:
    """It was reported."""
    _lingering.pop(delivery, None)


def _sweep() -> None:
    global _sweeping
    now = time.monotonic()
    for delivery, (due, end_ns) in list(_lingering.items()):
        if due > now:
            break
        delivery.finish(end_ns)
    _sweeping = bool(_lingering)
    if _sweeping:
        call_in(SECONDS / 2, _sweep)
