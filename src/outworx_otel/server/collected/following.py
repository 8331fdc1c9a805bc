"""Looks for what the collector has written since, so that open pages show it: nothing comes in by this server."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from starlette.concurrency import run_in_threadpool

from outworx_otel.server.live import Live
from outworx_otel.server.model import Filter, Summary
from outworx_otel.server.store import Store, StoreUnavailable

LOOKS_EVERY: Final = 5.0
_MOST: Final = 200
_SEEN: Final = 10_000
# A collector holds spans back until a batch is full; of what is older pages learn when they are loaded again.
_LATE_NS: Final = 120 * 10**9
_JUST_OPENED_NS: Final = int(2 * LOOKS_EVERY * 10**9)
_logger = logging.getLogger("outworx_otel.server")


class Follower:
    """Publishes new deliveries, for as long as a page is open.

    Args:
        store: where they appear.
        live: who is told.
        now_ns: Unix nanoseconds.
    """

    def __init__(self, store: Store, live: Live, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._store = store
        self._live = live
        self._now_ns = now_ns
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def run(self) -> None:
        """Looks until it is cancelled."""
        is_first = True
        while True:
            await asyncio.sleep(LOOKS_EVERY)
            if not self._live.listeners:
                is_first = True
                continue
            try:
                found = await run_in_threadpool(self.look)
            except StoreUnavailable as error:
                _logger.debug("new deliveries cannot be looked for: %s", error)
                continue
            if is_first:
                # What is older was there when the page was opened. A page shows what it has only once.
                since = self._now_ns() - _JUST_OPENED_NS
                found = [one for one in found if one.time_ns > since]
            if found:
                self._live.publish(found)
            is_first = False

    def look(self) -> list[Summary]:
        """Those that were not there at the look before."""
        wanted = Filter(since=self._now_ns() - _LATE_NS)
        found = [one for one in self._store.deliveries(wanted, _MOST).deliveries if one.id not in self._seen]
        self._seen.update(dict.fromkeys(one.id for one in found))
        while len(self._seen) > _SEEN:
            self._seen.popitem(last=False)
        return found
