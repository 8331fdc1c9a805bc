"""The places for requests under way: those of callers with a key, and those of everybody else.

A caller without a key never takes a place of one with a key, and one that sends its body slowly gives its place up
when somebody else needs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from outworx_otel.server.access.refusals import RequestRefused

_FULL: Final = "Too many requests at once: try again in a moment."
_GAVE_WAY: Final = "Too many requests at once, and this one was slow to arrive: try again in a moment."
_AGAIN: Final = {"Retry-After": "1"}


class Places:
    """A bounded number of places for requests.

    Args:
        most: requests at once.
        patience: seconds that a body may take to arrive before its request gives way to a new one. 0: at once, so
            that a short form gets in however many slow ones there are.
    """

    def __init__(self, most: int, patience: float) -> None:
        self._most = most
        self._patience = patience
        # The oldest first.
        self._taken: dict[Place, None] = {}

    @contextlib.contextmanager
    def place(self) -> Iterator[Place]:
        """Takes a place until the context ends.

        Raises:
            RequestRefused: 503 where all are taken, and no request in them is slow.
        """
        if len(self._taken) >= self._most:
            slow = next((place for place in self._taken if place.waits_longer_than(self._patience)), None)
            if slow is None:
                raise RequestRefused(503, _FULL, _AGAIN)
            slow.give_way()
            del self._taken[slow]
        taken = Place()
        self._taken[taken] = None
        try:
            yield taken
        finally:
            self._taken.pop(taken, None)


class Place:
    """The place of one request."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._reading: asyncio.Future[Message] | None = None
        self._gave_way = False

    def waits_longer_than(self, seconds: float) -> bool:
        """Returns whether the rest of the request's body has been waited for that long."""
        return self._reading is not None and time.monotonic() - (self._since or 0.0) >= seconds

    def give_way(self) -> None:
        """Ends the wait for the body: the request is answered 503."""
        self._gave_way = True
        if self._reading is not None:
            self._reading.cancel()

    def bounded(self, receive: Receive, seconds: float, most: int | None) -> Receive:
        """Returns `receive` with a longest time, and perhaps a largest size, of the body.

        The time counts from the first read: the application may have worked before it.

        Args:
            receive: ASGI's.
            seconds: for the whole body; beyond it the answer is 408.
            most: bytes; beyond it the answer is 413. None for no limit.
        """
        received, more = 0, True

        async def bounded() -> Message:
            nonlocal received, more
            if not more:
                # All was read: a further `receive` waits for the end of the connection.
                return await receive()
            if self._since is None:
                self._since = time.monotonic()
            message = await self._next(receive, self._since + seconds - time.monotonic())
            more = message.get("more_body", False)
            received += len(message.get("body", b""))
            if most is not None and received > most:
                raise too_large(most)
            return message

        return bounded

    async def _next(self, receive: Receive, seconds: float) -> Message:
        if not self._gave_way:
            self._reading = reading = asyncio.ensure_future(receive())
            try:
                return await asyncio.wait_for(reading, seconds)
            except (asyncio.TimeoutError, TimeoutError):
                raise HTTPException(
                    408, "The body took too long to arrive.", {"Connection": "close"}
                ) from None
            except asyncio.CancelledError:
                # Cancelled itself, it goes on as cancelled.
                if not self._gave_way:
                    raise
            finally:
                self._reading = None
        raise HTTPException(503, _GAVE_WAY, {**_AGAIN, "Connection": "close"})


def too_large(most: int) -> HTTPException:
    """The answer to a form that is larger than `most` bytes."""
    return HTTPException(413, f"A form may have {most} bytes.", {"Connection": "close"})
