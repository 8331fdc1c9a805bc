"""Sends one request over HTTP: follows no redirect, uses no proxy, and cuts a long answer."""

from __future__ import annotations

import dataclasses
import ipaddress
import socket
import ssl
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from outworx_otel.server.replay.resigning import Outgoing
from outworx_otel.server.replay.stored import Pairs, ReplayError
from outworx_otel.signatures.encoding import header_bytes

if TYPE_CHECKING:
    import httpx

MAX_ANSWER: Final = 1024 * 1024
TIMEOUT: Final = 30.0
_REPLAYED: Final = "idempotent-replayed"


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
    """Sends requests over kept connections; a context manager.

    Args:
        timeout: seconds to wait for the connection, for each piece of the answer, and for its body as a whole.
        loopback_only: refuse every target whose host is not this machine alone, and connect to the very address
            that was looked at: a name could mean another one a moment later.
        insecure: take any certificate, as local TLS has them.
    """

    def __init__(
        self, *, timeout: float = TIMEOUT, loopback_only: bool = False, insecure: bool = False
    ) -> None:
        self._timeout = timeout
        self._loopback_only = loopback_only
        self._insecure = insecure
        self._client: httpx.Client | None = None
        self._verified: bool | None = None

    def __enter__(self) -> ReplaySender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def send(self, request: Outgoing) -> ReplayAnswer:
        """Sends one request.

        Raises:
            ReplayError: there was no answer, not in time, or the target is not allowed.
        """
        import httpx

        try:
            # Built by hand, so that no header is added but those of the connection.
            headers = [(name.encode("latin-1"), header_bytes(value)) for name, value in request.headers]
            for url, authority, extensions in self._ways(request.url):
                given = [(b"Host", authority), *headers] if authority else headers
                outgoing = httpx.Request(
                    request.method, url, headers=given, content=request.body, extensions=extensions
                )
                try:
                    return self._exchange(outgoing)
                except httpx.ConnectError as error:
                    refused = error
            raise refused
        except httpx.TimeoutException:
            raise ReplayError(f"{_place(request.url)} did not answer within {self._timeout:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
            raise ReplayError(_no_answer(request.url, error)) from error

    def _ways(self, url: str) -> list[tuple[str, bytes, dict[str, Any]]]:
        """Yields the addresses to connect to, with the URL's Host header and TLS name where these differ."""
        if not self._loopback_only:
            return [(url, b"", {})]
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
        ways: list[tuple[str, bytes, dict[str, Any]]] = []
        for address in loopback_addresses(parts.hostname or ""):
            host = f"[{address}]" if ":" in address else address
            at = urlunsplit(parts._replace(netloc=host + port))
            ways.append((at, parts.netloc.encode("idna"), {"sni_hostname": parts.hostname}))
        return ways

    def _exchange(self, request: httpx.Request) -> ReplayAnswer:
        import httpx

        request.extensions["timeout"] = httpx.Timeout(self._timeout).as_dict()
        client = self._ready(request.url.scheme == "https")
        began = time.monotonic()
        response = client.send(request, stream=True, follow_redirects=False, auth=None)
        body, cut = bytearray(), False
        try:
            # Raw, so that a few compressed bytes cannot become many.
            for piece in response.iter_raw():
                body += piece
                if len(body) > MAX_ANSWER:
                    cut = True
                    break
                if time.monotonic() - began > self._timeout:
                    raise httpx.ReadTimeout("the answer's body took too long")
        finally:
            response.close()
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw
        )
        return ReplayAnswer(
            response.status_code, headers, bytes(body[:MAX_ANSWER]), time.monotonic() - began, cut
        )

    def _ready(self, encrypted: bool) -> httpx.Client:
        import httpx

        if self._client is None or (encrypted and not self._verified):
            self.close()
            self._verified = encrypted
            self._client = httpx.Client(
                # Without TLS nothing is verified, and loading the certificates takes as long as ten requests.
                verify=_certificates(encrypted and not self._insecure),
                trust_env=False,
                limits=httpx.Limits(max_connections=64),
            )
        return self._client


def send(
    request: Outgoing, *, timeout: float = TIMEOUT, loopback_only: bool = False, insecure: bool = False
) -> ReplayAnswer:
    """Sends one request on a connection of its own; see `ReplaySender`.

    Raises:
        ReplayError: there was no answer, not in time, or the target is not allowed.
    """
    with ReplaySender(timeout=timeout, loopback_only=loopback_only, insecure=insecure) as sender:
        return sender.send(request)


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


def _certificates(verify: bool) -> ssl.SSLContext:
    if verify:
        import httpx

        return httpx.create_ssl_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _place(url: str) -> str:
    """A URL without its query, which may hold credentials."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _no_answer(url: str, error: Any) -> str:
    text = str(error) or type(error).__name__
    if "refused" in text:
        return f"nothing listens at {_place(url)}: is the application running there?"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return f"the certificate of {_place(url)} cannot be trusted; for a local one there is --insecure"
    return f"no answer from {_place(url)}: {text[:300]}"
