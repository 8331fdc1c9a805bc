"""Tells open pages of deliveries as they are written."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final

from outworx_otel.server.model import Summary

MAX_WAITING: Final = 500
MAX_LISTENERS: Final = 64


class TooManyListeners(Exception):
    """No more pages can be kept up to date at once."""


class Live:
    """A hub with one bounded queue for each listener; a slow one loses the oldest. All on the event loop."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()
        self._closed = False

    def publish(self, deliveries: Sequence[Summary]) -> None:
        """Hands deliveries to every listener."""
        for listener in self._listeners:
            listener.put(deliveries)

    def close(self) -> None:
        """Ends every listener's stream, so that a server that stops is not held up by an open page."""
        self._closed = True
        for listener in self._listeners:
            listener.arrived.set()

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[list[Summary]]]:
        """What is published from now on, some at a time.

        Raises:
            TooManyListeners: `MAX_LISTENERS` are listening.
        """
        if len(self._listeners) >= MAX_LISTENERS:
            raise TooManyListeners
        listener = _Listener()
        self._listeners.add(listener)
        try:
            yield self._batches(listener)
        finally:
            self._listeners.discard(listener)

    async def _batches(self, listener: _Listener) -> AsyncIterator[list[Summary]]:
        while not self._closed:
            await listener.arrived.wait()
            if batch := listener.take():
                yield batch


class _Listener:
    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self._waiting: deque[Summary] = deque(maxlen=MAX_WAITING)

    def put(self, deliveries: Sequence[Summary]) -> None:
        self._waiting.extend(deliveries)
        self.arrived.set()

    def take(self) -> list[Summary]:
        self.arrived.clear()
        batch = list(self._waiting)
        self._waiting.clear()
        return batch
