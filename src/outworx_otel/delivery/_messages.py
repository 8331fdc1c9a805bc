"""What goes into a delivery and what comes out of it, whichever framework is outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from outworx_otel.headers import Headers
from outworx_otel.track import TrackContext

BodyProblem = Literal["too_large", "incomplete", "unreadable"]


@dataclass
class InboundRequest:
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
        url: gives the full URL; asked only by schemes that sign it.
        native: gives the framework's own request, for users' functions.
        json_answers: whether our own answers are JSON (Flask, Django) or text.
    """

    method: str
    path: str
    route: str | None
    headers: Headers
    body: bytes | None
    body_size: int | None
    url: Callable[[], str]
    native: Callable[[], Any]
    body_problem: BodyProblem | None = None
    problem_hint: str | None = None
    json_answers: bool = False


@dataclass(frozen=True)
class Proceed:
    """Run the handler, with this handle."""

    track: TrackContext


@dataclass(frozen=True)
class Respond:
    """Answer this, and do not run the handler."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class OutboundResponse:
    """What the handler answered; `body` is None where it was streamed, over the cap, or not kept."""

    status: int
    headers: Headers | None = None
    body: bytes | None = None


def respond(request: InboundRequest, status: int, message: str, *headers: tuple[str, str]) -> Respond:
    """An answer of our own, in the form that the request's framework gives errors in."""
    if request.json_answers:
        body = msgspec.json.encode({"error": message})
        return Respond(status, (("content-type", "application/json"), *headers), body)
    return Respond(status, (("content-type", "text/plain; charset=utf-8"), *headers), message.encode())
