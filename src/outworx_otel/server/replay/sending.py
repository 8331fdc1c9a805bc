"""Sends one request over HTTP: follows no redirect, cuts a long answer, and ends at its time-out."""

from __future__ import annotations

import dataclasses
import ipaddress
import socket
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from outworx_otel.errors import ConfigurationError
from outworx_otel.http.bounded_client import BoundedClient, CallFailed, NotConnected, TooLate, Untrusted
from outworx_otel.http.certificates import trust
from outworx_otel.server.replay.resigning import Outgoing
from outworx_otel.server.replay.stored import Pairs, ReplayError
from outworx_otel.signatures.encoding import header_bytes

MAX_ANSWER: Final = 1024 * 1024
TIMEOUT: Final = 30.0
_REPLAYED: Final = "idempotent-replayed"
# What is sent without a body all the same says so.
_WITH_BODY: Final = ("POST", "PUT", "PATCH")


@dataclasses.dataclass(frozen=True)
class ReplayAnswer:
    """The answer to a replayed request.

    Args:
        status: the HTTP status.
        headers: (name, value) pairs, repeats kept.
        body: the first MiB at most.
        seconds: from the request's first byte to the answer's last.
        cut: whether the answer went on.
    """

    status: int
    headers: Pairs
    body: bytes
    seconds: float
    cut: bool = False

    @property
    def replayed(self) -> bool:
        """Whether the endpoint answered out of its idempotency store, because it has handled this event before."""
        return any(name.lower() == _REPLAYED and value == "true" for name, value in self.headers)


class ReplaySender:
    """Sends requests, each over a connection of its own, as providers do; a context manager.

    Args:
        timeout: seconds for a request as a whole, from the connection to the answer's last byte.
        loopback_only: refuse every target whose host is not this machine alone, and connect to the very address
            that was looked at: a name could mean another one a moment later.
        insecure: take any certificate, as local TLS has them.
        authorities: (option, file) pairs: certificates to trust in addition.
    """

    def __init__(
        self,
        *,
        timeout: float = TIMEOUT,
        loopback_only: bool = False,
        insecure: bool = False,
        authorities: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._timeout = timeout
        self._loopback_only = loopback_only
        # Servers end a connection after a failure without a word: over a kept one, the next request would be lost.
        self._client = BoundedClient(lambda: trust(*authorities), insecure=insecure, connections=64, keep=0.0)

    def __enter__(self) -> ReplaySender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def send(self, request: Outgoing) -> ReplayAnswer:
        """Sends one request.

        Raises:
            ReplayError: there was no answer, not in time, or the target is not allowed.
        """
        try:
            headers = [(name.encode("latin-1"), header_bytes(value)) for name, value in request.headers]
            refused: NotConnected | None = None
            for url, authority, server_name in self._ways(request.url):
                given = [(b"Host", authority), *headers] if authority else headers
                try:
                    return self._exchange(request, url, given, server_name)
                except Untrusted:
                    raise
                except NotConnected as error:
                    refused = error
            raise refused or ValueError("it has no address")
        except TooLate:
            raise ReplayError(f"{_place(request.url)} did not answer within {self._timeout:g} s") from None
        except ConfigurationError as error:
            raise ReplayError(str(error)) from error
        except (CallFailed, ValueError, OSError) as error:
            raise ReplayError(_no_answer(request.url, error)) from error

    def _ways(self, url: str) -> list[tuple[str, bytes, str | None]]:
        """Returns the URLs to call, with the Host header and TLS name where these differ."""
        if not self._loopback_only:
            return [(ascii_url(url), b"", None)]
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
        ways: list[tuple[str, bytes, str | None]] = []
        for address in loopback_addresses(parts.hostname or ""):
            host = f"[{address}]" if ":" in address else address
            at = urlunsplit(parts._replace(netloc=host + port))
            ways.append((ascii_url(at), parts.netloc.encode("idna"), parts.hostname))
        return ways

    def _exchange(
        self, request: Outgoing, url: str, headers: list[tuple[bytes, bytes]], server_name: str | None
    ) -> ReplayAnswer:
        began = time.monotonic()
        # Its bytes as they come, so that a few compressed ones cannot become many.
        reply = self._client.call(
            request.method,
            url,
            headers,
            request.body or (b"" if request.method in _WITH_BODY else None),
            seconds=self._timeout,
            most=MAX_ANSWER,
            server_name=server_name,
        )
        if reply.failure is not None:
            raise reply.failure
        return ReplayAnswer(reply.status, reply.headers, reply.body, time.monotonic() - began, reply.cut)


def send(
    request: Outgoing,
    *,
    timeout: float = TIMEOUT,
    loopback_only: bool = False,
    insecure: bool = False,
    authorities: Sequence[tuple[str, str]] = (),
) -> ReplayAnswer:
    """Sends one request on a connection of its own; see `ReplaySender`.

    Raises:
        ReplayError: there was no answer, not in time, or the target is not allowed.
    """
    with ReplaySender(
        timeout=timeout, loopback_only=loopback_only, insecure=insecure, authorities=authorities
    ) as sender:
        return sender.send(request)


def ascii_url(url: str) -> str:
    """The URL as it goes over the wire: what is not ASCII in it escaped, and nothing else changed.

    Raises:
        ValueError: it is none.
    """
    import httpx

    try:
        return str(httpx.URL(url))
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from error


def loopback_addresses(host: str) -> list[str]:
    """The addresses to connect to, of a host that means this machine and nothing else.

    Raises:
        ReplayError: it cannot be looked up, or one of its addresses is another machine's.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ReplayError(f"{host[:200]!r} cannot be looked up") from None
    addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
    if not addresses or not all(map(_is_loopback, addresses)):
        raise ReplayError(
            f"{host[:200]!r} is not this machine: only loopback addresses (localhost, 127.0.0.1, ::1) are allowed"
        )
    # First what most development servers listen on.
    return sorted(addresses, key=lambda address: ":" in address)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _place(url: str) -> str:
    """A URL without its query, which may hold credentials."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _no_answer(url: str, error: Exception) -> str:
    text = str(error) or type(error).__name__
    if isinstance(error, Untrusted):
        return f"{text}, with --ca-bundle, or for a local server take any with --insecure"
    if isinstance(error, NotConnected) and "refused" in text:
        return f"nothing listens at {_place(url)}: is the application running there?"
    return f"no answer from {_place(url)}: {text[:300]}"
