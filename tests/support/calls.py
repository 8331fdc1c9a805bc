"""What tests say and see of a request, whichever framework serves it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from outworx_otel import TrackContext

PATH = "/webhooks/stripe"
HeaderList = Sequence[tuple[str, str]]


@dataclass
class Call:
    """What a handler was given."""

    body: bytes
    track: TrackContext | None
    native: Any


@dataclass(frozen=True)
class Reply:
    """What a handler answers; a body that is no bytes is streamed."""

    status: int = 200
    body: bytes | Iterable[bytes] = b'{"received": true}'
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Answer:
    """What the caller received."""

    status: int
    headers: dict[str, str]
    body: bytes


Handler = Callable[[Call], Reply | None]
Send = Callable[[], "Answer | Awaitable[Answer]"]


class Application(Protocol):
    """An application of one framework with one route, called by its test client."""

    def post(
        self, body: bytes = b"", headers: Any = (), path: str = PATH, method: str = "POST"
    ) -> Answer: ...


class Framework(Protocol):
    """Builds applications."""

    name: str
    json_answers: bool

    def serve(
        self, handler: Handler, path: str = PATH, *, raises: bool = False, reads: bool = True, **kinds: Any
    ) -> Application: ...

    def refusal(self, status: int) -> BaseException: ...


@dataclass
class Witness:
    """A handler that remembers its calls and then does as it is told."""

    does: Callable[[Call], Any] | None = None
    replies: Reply = field(default_factory=Reply)
    calls: list[Call] = field(default_factory=list)

    def __call__(self, call: Call) -> Reply:
        self.calls.append(call)
        reply = self.does(call) if self.does is not None else None
        return reply if isinstance(reply, Reply) else self.replies

    @property
    def bodies(self) -> list[bytes]:
        return [call.body for call in self.calls]


def pairs(headers: Any) -> list[tuple[str, str]]:
    """Headers as a list, given as one or as a mapping."""
    return list(headers.items()) if hasattr(headers, "items") else list(headers)
