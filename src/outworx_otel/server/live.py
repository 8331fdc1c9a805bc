"""Passes deliveries to open pages as they are written."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from outworx_otel.server.model import Summary

MAX_WAITING: Final = 500
MAX_LISTENERS: Final = 64


class TooManyListeners(Exception):
    """No more pages can be kept up to date at once."""


class Live:
    """A hub with one bounded queue for each listener; a slow one loses the oldest. All on the event loop."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._closed = False

    @property
    def listeners(self) -> int:
        """How many pages are kept up to date now."""
        return len(self._listeners)

    def publish(self, deliveries: Sequence[Summary], *, left_out: int = 0) -> None:
        """Hands deliveries to every listener; so many came before them that no listener would have kept."""
        for listener in self._listeners:
            listener.put(deliveries, left_out)

    def forget(self, ids: Collection[str]) -> None:
        """Takes deliveries back that no page has been told of yet."""
        for listener in self._listeners:
            listener.forget(ids)

    def close(self) -> None:
        """Ends every listener's stream, so that a server that stops is not held up by an open page.

        uvicorn waits for open connections before it ends the lifespan: call this when the server is told to stop.
        """
        self._closed = True
        for listener in self._listeners:
            listener.close()

    @contextlib.contextmanager
    def listen(self) -> Iterator[Listener]:
        """What is published from now on.

        Raises:
            TooManyListeners: `MAX_LISTENERS` are listening.
        """
        if len(self._listeners) >= MAX_LISTENERS:
            raise TooManyListeners
        listener = Listener()
        if self._closed:
            listener.close()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)


class Listener:
    """One page's queue."""

    def __init__(self) -> None:
        self._arrived = asyncio.Event()
        self._waiting: deque[Summary] = deque(maxlen=MAX_WAITING)
        self._lost = 0
        self.closed = False

    def put(self, deliveries: Sequence[Summary], left_out: int = 0) -> None:
        """Adds to the queue; the oldest go where it is full, and are counted."""
        self._lost += left_out + max(len(self._waiting) + len(deliveries) - MAX_WAITING, 0)
        self._waiting.extend(deliveries)
        self._arrived.set()

    def forget(self, ids: Collection[str]) -> None:
        """Takes some out of the queue."""
        kept = [one for one in self._waiting if one.id not in ids]
        self._waiting.clear()
        self._waiting.extend(kept)

    def close(self) -> None:
        """Nothing more will come."""
        self.closed = True
        self._arrived.set()

    async def next(self, seconds: float) -> tuple[list[Summary], int]:
        """What has come, and how many were lost, after `seconds` at the latest: then perhaps nothing."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), seconds)
        if not self.closed:
            self._arrived.clear()
        taken, lost = list(self._waiting), self._lost
        self._waiting.clear()
        self._lost = 0
        return taken, lost
