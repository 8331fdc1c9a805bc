"""Looks up why a delivery failed, if the local application's telemetry reaches the tunnel's server.

The relay puts the delivery's id into a header, which the application's span captures. A little after an answer the
server is asked for new deliveries that went wrong, once for all of them; nothing waits for that.
"""

from __future__ import annotations

import asyncio
import datetime
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from outworx_otel.cli.forward.relay_client import RelayClient, RelayError
from outworx_otel.cli.forward.tunnelled_request import LocalAnswer, TunnelledRequest

EVENT_HEADER: Final = "http.request.header.x-outworx-tunnel-event"
_TROUBLE: Final = frozenset({"rejected", "refused", "failed", "silent_drop", "error"})
_EVERY: Final = 1.0
# Spans leave the application up to a second after the answer, and may have to be sent again.
_TIMEOUT_SECONDS: Final = 8.0
_MAX_WAITING: Final = 500
_MAX_LOOKED_AT: Final = 20


class Reasons:
    """Asks while there is something to ask for, at most once a second.

    Args:
        server: that may have the telemetry.
        tell: is given a delivery and what the server knows of it.
    """

    def __init__(self, server: RelayClient, tell: Callable[[TunnelledRequest, dict[str, Any]], None]) -> None:
        self._server = server
        self._tell = tell
        self._waiting: OrderedDict[str, tuple[TunnelledRequest, float]] = OrderedDict()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._asking: asyncio.Task[None] | None = None
        self._known = True

    def expect(self, delivery: TunnelledRequest, answer: LocalAnswer) -> None:
        """A delivery was answered by the local server: if it went wrong, that will be told."""
        if not self._known or answer.problem is not None:
            return
        self._waiting[delivery.id] = (delivery, asyncio.get_running_loop().time())
        while len(self._waiting) > _MAX_WAITING:
            self._waiting.popitem(last=False)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._ask())

    def stop(self) -> None:
        """Asks no more."""
        self._known = False
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self) -> None:
        while self._waiting and self._known:
            await asyncio.sleep(_EVERY)
            try:
                await self._look()
            except RelayError as error:
                # A server that only relays knows of no deliveries.
                self._known = error.status is None or error.status >= 500
            self._give_up_old()

    async def _look(self) -> None:
        now = datetime.datetime.now(datetime.timezone.utc)
        oldest = asyncio.get_running_loop().time() - next(iter(self._waiting.values()))[1]
        since = (now - datetime.timedelta(seconds=oldest + 35)).isoformat(timespec="milliseconds")
        page = await self._server.read(
            f"/api/deliveries?limit=100&since={quote(since.replace('+00:00', 'Z'))}"
        )
        found = page.get("deliveries")
        troubled = [
            str(one["id"])
            for one in found or ()
            if isinstance(one, dict) and one.get("outcome") in _TROUBLE and "id" in one
        ]
        for name in [name for name in troubled if name not in self._seen][:_MAX_LOOKED_AT]:
            self._seen[name] = None
            while len(self._seen) > 4 * _MAX_WAITING:
                self._seen.popitem(last=False)
            document = await self._server.read(f"/api/deliveries/{quote(name, safe='')}")
            self._match(document)

    def _match(self, document: dict[str, Any]) -> None:
        values = document.get(EVENT_HEADER)
        for value in values if isinstance(values, list) else [values]:
            found = self._waiting.pop(value, None) if isinstance(value, str) else None
            if found is not None:
                self._tell(found[0], document)

    def _give_up_old(self) -> None:
        now = asyncio.get_running_loop().time()
        for name in [name for name, (_, at) in self._waiting.items() if now - at > _TIMEOUT_SECONDS]:
            del self._waiting[name]
