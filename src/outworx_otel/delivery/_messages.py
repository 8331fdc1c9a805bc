"""What goes into a delivery and what comes out of it, whichever framework is outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from outworx_otel.delivery.track import TrackContext
from outworx_otel.http.headers import Headers

BodyProblem = Literal["too_large", "incomplete", "unreadable"]


class InboundRequest(msgspec.Struct):
    """A raw request, whichever framework received it.

    Args:
        method: in upper case.
        path: the concrete path, as the provider called it.
        route: its template, where the framework knows one.
        headers: case-insensitive.
        body: the exact bytes; None where nothing had to be read before the handler.
        body_size: announced or read, in bytes.
        body_problem: why `body` is None although it was wanted.
        problem_hint: what to do about it.
        url: gives the full URL, or the spellings it may have had; asked only by schemes that sign it.
        native: gives the framework's own request, for users' functions.
        json_answers: whether our own answers are JSON (Flask, Django) or text.
        own_path: the path that idempotency keys are unique within: decoded, without a prefix that a server or a
            header adds, with one that the application sets itself; "" is `path`.
        handler: the view as the framework holds it, for the diagnosis of silent drops; None where it is unknown.
    """

    method: str
    path: str
    route: str | None
    headers: Headers
    body: bytes | None
    body_size: int | None
    url: Callable[[], str | tuple[str, ...]]
    native: Callable[[], Any]
    body_problem: BodyProblem | None = None
    problem_hint: str | None = None
    json_answers: bool = False
    own_path: str = ""
    handler: Any = None

    def let_go(self) -> None:
        """Drops what the framework lent: a delivery kept in a circle with its request waits for the collector."""
        self.url = self.native = _gone


def _gone() -> Any:
    raise RuntimeError("the request is over")


class Proceed(msgspec.Struct, frozen=True):
    """Run the handler, with this handle."""

    track: TrackContext


class Respond(msgspec.Struct, frozen=True):
    """Answer this, and do not run the handler."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class OutboundResponse(msgspec.Struct, frozen=True):
    """What the handler answered.

    Args:
        status: of the answer.
        headers: of the answer.
        body: None where it was streamed, over the cap, or not kept.
        complete: False where it broke off before its end.
    """

    status: int
    headers: Headers | None = None
    body: bytes | None = None
    complete: bool = True


def respond(request: InboundRequest, status: int, message: str, *headers: tuple[str, str]) -> Respond:
    """An answer of our own, in the form that the request's framework gives errors in."""
    if request.json_answers:
        body = msgspec.json.encode({"error": message})
        return Respond(status, (("content-type", "application/json"), *headers), body)
    return Respond(status, (("content-type", "text/plain; charset=utf-8"), *headers), message.encode())
