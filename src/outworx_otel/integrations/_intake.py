"""The body of an ASGI request: read ahead and replayed, or looked at while the handler reads it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from outworx_otel.delivery import BodyProblem
from outworx_otel.http.headers import Headers, announced_length

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class Intake:
    """Stands between the server's `receive` and the handler's.

    Args:
        upstream: the server's.
        headers: of the request.
        http_version: as the scope has it.
        limit: bytes above which a body is too large to be kept.
        look: told the whole body once the handler has read it; None where nobody wants to know.
    """

    __slots__ = (
        "_headers",
        "_http_version",
        "_limit",
        "_look",
        "_parts",
        "_replayed",
        "_seen",
        "_size",
        "upstream",
    )

    def __init__(
        self,
        upstream: Receive,
        headers: Headers,
        http_version: str,
        limit: int,
        look: Callable[[bytes], None] | None,
    ) -> None:
        self.upstream = upstream
        self._headers = headers
        self._http_version = http_version
        self._limit = limit
        self._look = look
        self._seen: list[Message] = []
        self._replayed = 0
        self._parts: list[bytes] = []
        self._size = 0

    async def read_ahead(self, receive: Receive | None = None) -> None:
        """Reads the whole body, up to the limit, so that it can be verified and then replayed.

        Args:
            receive: where from, if something stands in between.
        """
        if not self._announces_body():
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

    def _announces_body(self) -> bool:
        # It overrides a Content-Length (RFC 9112, section 6.3), and h11 lets both in.
        if "transfer-encoding" in self._headers:
            return True
        length: str | None = self._headers.get("content-length")
        if length is None:
            # HTTP/2 and 3 need neither header.
            return not self._http_version.startswith("1")
        size = announced_length(length)
        if size is not None and size > self._limit:
            self._size = size
            return False
        return size != 0

    def whole(self) -> tuple[bytes | None, BodyProblem | None]:
        """What `read_ahead` has read, or why that is not the body."""
        seen = self._seen
        if len(seen) == 1:
            body = seen[0].get("body", b"")
        else:
            body = b"".join([message.get("body", b"") for message in seen])
        if max(len(body), self._size) > self._limit:
            return None, "too_large"
        if seen and (seen[-1]["type"] != "http.request" or seen[-1].get("more_body", False)):
            return None, "incomplete"
        if seen and not body and "content-length" in self._headers:
            return None, "unreadable"
        if len(seen) > 1:
            # One message for the handler too: the parts need not be kept beside the whole.
            self._seen = [{"type": "http.request", "body": body, "more_body": False}]
        return body, None

    async def receive(self) -> Message:
        """What was read ahead, then whatever comes, so that disconnects still arrive."""
        if self._replayed < len(self._seen):
            self._replayed += 1
            return self._seen[self._replayed - 1]
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
