"""The body of an ASGI request: read ahead and replayed, or looked at while the handler reads it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from outworx_otel.http.headers import Headers, announced_length
from outworx_otel.integrations._adapter import HINTS, Reading

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class Intake:
    """Stands between a `receive` and the handler's.

    Args:
        upstream: where messages come from.
        headers: of the request.
        limit: bytes above which a body is too large to be kept.
        look: told the whole body once the handler has read it; None where nobody wants to know.
    """

    __slots__ = (
        "_complete",
        "_headers",
        "_limit",
        "_look",
        "_parts",
        "_replayed",
        "_seen",
        "_size",
        "upstream",
    )

    def __init__(
        self, upstream: Receive, headers: Headers, limit: int, look: Callable[[bytes], None] | None
    ) -> None:
        self.upstream = upstream
        self._headers = headers
        self._limit = limit
        self._look = look
        self._seen: list[Message] = []
        self._replayed = 0
        self._parts: list[bytes] = []
        self._size = 0
        self._complete = False

    async def read_ahead(self, receive: Receive | None = None) -> None:
        """Reads the whole body, up to the limit, so that it can be verified and then replayed.

        Whether there is one is learnt from the stream: HTTP/2, Lambda and some middleware announce no length.

        Args:
            receive: where from, if something stands in between.
        """
        announced = announced_length(self._headers.get("content-length"))
        if announced is not None and announced > self._limit and "transfer-encoding" not in self._headers:
            self._size = announced
            return
        receive = receive or self.upstream
        size = 0
        while True:
            message = await receive()
            self._seen.append(message)
            if message["type"] != "http.request":
                return
            size += len(message.get("body", b""))
            if not message.get("more_body", False) or size > self._limit:
                return

    def whole(self) -> Reading:
        """What `read_ahead` has read, or why that is not the body."""
        seen = self._seen
        if len(seen) == 1:
            body = seen[0].get("body", b"")
        else:
            body = b"".join([message.get("body", b"") for message in seen])
        if max(len(body), self._size) > self._limit:
            return Reading(None, "too_large", HINTS["too_large"])
        if seen and (seen[-1]["type"] != "http.request" or seen[-1].get("more_body", False)):
            return Reading(None, "incomplete", HINTS["incomplete"])
        if not body and announced_length(self._headers.get("content-length")):
            return Reading(None, "unreadable", HINTS["unreadable"])
        self._complete = True
        if len(seen) > 1:
            # One message for the handler too: the parts need not be kept beside the whole.
            self._seen = [{"type": "http.request", "body": body, "more_body": False}]
        return Reading(body)

    async def receive(self) -> Message:
        """What was read ahead and no other bytes; then whatever comes, so that disconnects still arrive."""
        if self._replayed < len(self._seen):
            self._replayed += 1
            return self._seen[self._replayed - 1]
        message = await self.upstream()
        while self._complete and message["type"] == "http.request":
            # Nothing may follow a body that was verified.
            message = await self.upstream()
        if self._look is not None and message["type"] == "http.request":
            self._look_at(message, self._look)
        return message

    def _look_at(self, message: Message, look: Callable[[bytes], None]) -> None:
        part = message.get("body", b"")
        self._size += len(part)
        if self._size > self._limit:
            self._look = None
            self._parts.clear()
            return
        self._parts.append(part)
        if not message.get("more_body", False):
            self._look = None
            look(b"".join(self._parts))
            self._parts.clear()

    def replay(self) -> Receive:
        """A `receive` of its own over what was read ahead, for users' functions."""
        waiting = list(self._seen)
        if not waiting and not self._size:
            waiting.append({"type": "http.request", "body": b"", "more_body": False})

        async def receive() -> Message:
            return waiting.pop(0) if waiting else {"type": "http.disconnect"}

        return receive
