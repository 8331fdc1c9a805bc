"""Sends a delivery's exact bytes to the developer's server and returns its answer's exact bytes."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import h11

from outworx_otel.cli.forward.local_connection import (
    BrokeOff,
    Encrypted,
    NotReached,
    Plain,
    TooLong,
    Wire,
    connect,
    exchange,
)
from outworx_otel.cli.forward.local_targets import Target, Targets
from outworx_otel.cli.forward.tunnelled_request import LocalAnswer, Pairs, TunnelledRequest
from outworx_otel.http.headers import end_to_end

MAX_BODY_BYTES: Final = 10 * 1024 * 1024
_CONNECT_TIMEOUT: Final = 5.0
# Written for the connection that is made here.
_REWRITTEN: Final = frozenset({"host", "content-length", "expect"})
# What is sent without a body all the same says so.
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class LocalServers:
    """Connects to what the user named, and to nothing else; redirects are the caller's business.

    Each delivery has a connection of its own.

    Args:
        targets: where deliveries go.
        headers: (name, value) pairs that replace the delivery's of the same name.
        timeout: seconds for one answer.
        connections: at once.
        verify: how an https server's certificate is checked.
    """

    def __init__(
        self,
        targets: Targets,
        *,
        headers: Sequence[tuple[str, str]] = (),
        timeout: float = 30.0,
        connections: int = 50,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._targets = targets
        self._headers = tuple(headers)
        self._replaced = frozenset(name.lower() for name, _ in headers)
        self._timeout = timeout
        self._at_once = asyncio.Semaphore(connections)
        # Certificates take their time to load.
        encrypted = any(target.url.startswith("https:") for target in targets)
        self._trust = _context(verify) if encrypted else None

    async def forward(self, delivery: TunnelledRequest) -> LocalAnswer:
        """Returns the local server's answer, or one that says why there is none. Raises for no server's fault."""
        target = self._targets.find(delivery.path)
        if target is None:
            return _own(404, "no local server is named for this path")
        begun = time.monotonic()
        timeout = min(self._timeout, max(delivery.seconds_left, 0.1))
        try:
            return await asyncio.wait_for(self._exchange(delivery, target, begun), timeout)
        except TooLong:
            return _own(502, f"{target.url} answered more than {MAX_BODY_BYTES >> 20} MiB", begun)
        except (asyncio.TimeoutError, TimeoutError):
            return _own(504, f"{target.url} did not answer within {timeout:.0f} s", begun)
        except (NotReached, BrokeOff, OSError, ValueError) as error:
            return _own(502, f"{target.url} {_reason(error)}", begun)

    async def _exchange(self, delivery: TunnelledRequest, target: Target, begun: float) -> LocalAnswer:
        head = self._head(delivery, target)
        parts = urlsplit(target.url)
        host, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        async with self._at_once:
            with await connect(host, port, _CONNECT_TIMEOUT) as connection:
                wire: Wire = Plain(connection)
                if secure and self._trust is not None:
                    wire = await Encrypted.over(connection, self._trust, host)
                answer = await exchange(wire, head, delivery.body, MAX_BODY_BYTES)
        pairs = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers)
        return LocalAnswer(answer.status, tuple(end_to_end(pairs)), answer.body, time.monotonic() - begun)

    def _head(self, delivery: TunnelledRequest, target: Target) -> h11.Request:
        """Makes the request's head, with the delivery's headers and no others but those of the connection."""
        query = f"?{delivery.query_string}" if delivery.query_string else ""
        line = f"{target.base}{delivery.path}{query}"
        if not _TOKEN.fullmatch(delivery.method) or not _visible(line):
            raise ValueError("cannot be asked for this: method or path are not valid")
        kept: Pairs = tuple(
            (name, value)
            for name, value in end_to_end(delivery.headers)
            if name.lower() not in _REWRITTEN and name.lower() not in self._replaced
        )
        headers = [*kept, *self._headers]
        if "host" not in self._replaced:
            headers.insert(0, ("Host", urlsplit(target.url).netloc))
        if delivery.body or delivery.method.upper() in _WITH_BODY:
            headers.append(("Content-Length", str(len(delivery.body))))
        try:
            return h11.Request(
                method=delivery.method,
                target=line,
                headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            )
        except h11.LocalProtocolError as error:
            raise ValueError(f"cannot be asked for this: {error}") from error


def _context(verify: ssl.SSLContext | bool) -> ssl.SSLContext:
    if isinstance(verify, ssl.SSLContext):
        return verify
    import httpx

    return httpx.create_ssl_context(verify=verify)


def _visible(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _reason(error: Exception) -> str:
    if isinstance(error, NotReached):
        if error.too_late:
            return "cannot be reached: no connection in time"
        return "cannot be reached: is the local server running?"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "has a certificate that is not trusted here: give --ca-bundle FILE, or --insecure"
    if isinstance(error, BrokeOff):
        return f"broke off: {str(error)[:200]}"
    return f"failed: {str(error)[:200] or type(error).__name__}"


def _own(status: int, problem: str, begun: float | None = None) -> LocalAnswer:
    seconds = 0.0 if begun is None else time.monotonic() - begun
    # The caller is a stranger: it is not told what this machine looks like.
    text = {
        404: b"outworx forward: no local server for this path\n",
        502: b"outworx forward: the local server could not answer\n",
        504: b"outworx forward: the local server did not answer in time\n",
    }[status]
    return LocalAnswer(status, (("content-type", "text/plain; charset=utf-8"),), text, seconds, problem)
