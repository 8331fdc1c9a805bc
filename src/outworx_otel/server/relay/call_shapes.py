"""The JSON of the calls between clients and the relay.

The names are those that the published outworx-hooks 1.5.0 sends and reads. Clients that poll with a `client` get the
second, exact shape. msgspec writes `bytes` as base64.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from outworx_otel.server.described import Time, says
from outworx_otel.server.relay.held_caller import Arrival, CallerAnswer

MAX_TEXT = 4096


class OpenCall(msgspec.Struct):
    """`POST /api/forward/sessions`.

    `resume` is the secret of a session that was opened before, here or by this server before it was started anew;
    `replaces` names a client of it that is known to be gone.
    """

    destination_url: str | None = None
    resume: Annotated[str | None, says("`resume` of an earlier answer: the same public URL again.")] = None
    replaces: Annotated[str | None, says("A `client` that is known to be gone.")] = None


class Opened(msgspec.Struct):
    """Its answer; the last three are for clients that want to come back. `waiting`: deliveries that are queued."""

    sessionId: str
    ingressUrl: Annotated[str, says("The public URL.")]
    expiresAt: Time
    slug: str
    resume: str
    waiting: int


class TextEvent(msgspec.Struct):
    """A delivery for clients of old: headers joined by name, the body as text."""

    id: str
    method: str
    path: str
    query_string: str
    request_headers: dict[str, str]
    request_body: str | None
    received_at: str


class ExactEvent(msgspec.Struct):
    """A delivery to the byte. `expires_in` is how many seconds the caller will still wait."""

    id: str
    method: str
    path: str
    query_string: str
    headers: tuple[tuple[str, str], ...]
    body_base64: bytes
    received_at: str
    expires_in: float


class TextPoll(msgspec.Struct):
    """`GET /api/forward/poll?session=`."""

    events: list[TextEvent]


class ExactPoll(msgspec.Struct):
    """`GET /api/forward/poll?session=&client=&ack=&max=`. The next poll says `ack=` this batch: it was received."""

    events: list[ExactEvent]
    batch: Annotated[int, says("What `ack` names.")]


class ResponseCall(msgspec.Struct):
    """`POST /api/forward/responses`: `body` as text, or `body_base64`; headers as an object or as pairs."""

    eventId: str
    status: int
    headers: dict[str, str] | list[tuple[str, str]] = {}
    body: str | None = None
    body_base64: bytes | None = None

    def answer(self) -> CallerAnswer:
        """What the caller is to get."""
        pairs = self.headers.items() if isinstance(self.headers, dict) else self.headers
        if self.body_base64 is not None:
            return CallerAnswer(self.status, tuple(pairs), self.body_base64)
        # A body that has become text is neither compressed any more nor as long as it was.
        told = tuple((name, value) for name, value in pairs if name.lower() not in _OF_THE_BYTES)
        return CallerAnswer(self.status, told, (self.body or "").encode("utf-8", "surrogatepass"))


_OF_THE_BYTES = frozenset({"content-encoding", "content-length"})


def as_text(arrival: Arrival) -> TextEvent:
    """The old shape; what is no UTF-8 is lost in it."""
    joined: dict[str, str] = {}
    for name, value in arrival.headers:
        separator = "; " if name == "cookie" else ", "
        joined[name] = f"{joined[name]}{separator}{value}" if name in joined else value
    return TextEvent(
        arrival.id,
        arrival.method,
        arrival.path,
        arrival.query_string,
        joined,
        arrival.body.decode("utf-8", "replace") if arrival.body else None,
        arrival.received_at,
    )


def as_bytes(arrival: Arrival, expires_in: float) -> ExactEvent:
    """The exact shape."""
    return ExactEvent(
        arrival.id,
        arrival.method,
        arrival.path,
        arrival.query_string,
        arrival.headers,
        arrival.body,
        arrival.received_at,
        expires_in,
    )
