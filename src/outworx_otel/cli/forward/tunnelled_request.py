"""A request from the tunnel, the local server's answer, and what kind of event the request is."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from outworx_otel.http.body import Body, FieldPicker
from outworx_otel.http.headers import Headers
from outworx_otel.signatures import detect, scheme_for

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TunnelledRequest:
    """A request that came to the public URL.

    Args:
        id: by which it is answered.
        method: as it came.
        path: percent-encoded, beginning with `/`.
        query_string: what stood after the `?`.
        headers: (name, value) pairs.
        body: exact bytes, from a server that keeps them.
        received_at: ISO 8601; "" where the server does not say.
        seconds_left: seconds that the caller will still wait.
    """

    id: str
    method: str
    path: str
    query_string: str
    headers: Pairs
    body: bytes
    received_at: str = ""
    seconds_left: float = 30.0


@dataclass(frozen=True)
class LocalAnswer:
    """The answer that goes back to the caller.

    Args:
        status: the HTTP status.
        headers: (name, value) pairs.
        body: exact bytes.
        seconds: how long the local server took.
        problem: why the local server gave no answer, for the developer.
    """

    status: int
    headers: Pairs = ()
    body: bytes = b""
    seconds: float = 0.0
    problem: str | None = None


@dataclass(frozen=True)
class RequestKind:
    """The provider and event type that the headers suggest, unverified. Either may be ""."""

    provider: str = ""
    event_type: str = ""


def describe(delivery: TunnelledRequest) -> RequestKind:
    """Detects provider and event type as the instrumentation does."""
    headers = Headers(delivery.headers)
    provider = detect(headers)
    scheme = scheme_for(provider) if provider else None
    place, _, name = (scheme.event_type if scheme is not None else "body.type").partition(".")
    if place == "header":
        return RequestKind(provider or "", headers.get(name, ""))
    kind: Any = None
    if name:
        kind = Body(delivery.body, headers.get("content-type", "")).pick(_picker(name))[0]
    return RequestKind(provider or "", kind if isinstance(kind, str) else "")


@functools.lru_cache(maxsize=64)
def _picker(name: str) -> FieldPicker:
    return FieldPicker((name,))
