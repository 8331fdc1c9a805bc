"""An ASGI connection played message by message, for what no test client stages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import anyio
from support.calls import PATH, Answer, pairs

Message = dict[str, Any]


def parts(*bodies: bytes, ends: bool = True) -> list[Message]:
    """A request's body in several messages; without `ends` the client goes away before it is complete."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": True} for body in bodies]
    if ends:
        messages[-1]["more_body"] = False
    else:
        messages.append({"type": "http.disconnect"})
    return messages


class Wire:
    """One request to an ASGI application.

    Args:
        app: the application.
        messages: what `receive` gives, one after the other; then it says that the client has gone.
        breaks_at: the type of message at which `send` raises, as a server does whose client has gone.
    """

    def __init__(self, app: Any, messages: Sequence[Message], breaks_at: str | None = None) -> None:
        self.app = app
        self.sent: list[Message] = []
        self.events: list[str] = []
        self.scope: Message = {}
        self._messages = list(messages)
        self._breaks_at = breaks_at

    async def receive(self) -> Message:
        self.events.append("receive")
        return self._messages.pop(0) if self._messages else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == self._breaks_at:
            raise OSError("the client has gone")
        self.events.append(message["type"])
        self.sent.append(message)

    async def play(self, headers: Any = (), path: str = PATH, method: str = "POST", **scope: Any) -> None:
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs(headers)],
            "client": ("127.0.0.1", 5),
            "server": ("testserver", 80),
            "state": {},
            **scope,
        }
        await self.app(self.scope, self.receive, self.send)

    def run(self, headers: Any = (), path: str = PATH, method: str = "POST", **scope: Any) -> Answer | None:
        """The answer, or None where none was sent."""

        async def play() -> None:
            await self.play(headers, path, method, **scope)

        anyio.run(play)
        return self.answer()

    def answer(self) -> Answer | None:
        starts = [message for message in self.sent if message["type"] == "http.response.start"]
        if not starts:
            return None
        headers = {name.decode(): value.decode() for name, value in starts[0]["headers"]}
        return Answer(starts[0]["status"], headers, joined(self.sent))


def joined(messages: Iterable[Message]) -> bytes:
    return b"".join(
        message.get("body", b"") for message in messages if message["type"] == "http.response.body"
    )
