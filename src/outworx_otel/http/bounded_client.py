"""Calls servers over kept connections. Each call is over by one deadline, whatever the other side does.

A time-out for each read is none for the whole: a server that sends a byte a second, or `100 Continue` for ever, holds
its caller for as long as it likes. Here the deadline is handed down to every connect, handshake, read and write.
"""

from __future__ import annotations

import dataclasses
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore
import msgspec

from outworx_otel.errors import OutworxError
from outworx_otel.http.certificates import Trust
from outworx_otel.http.name_lookup import addresses
from outworx_otel.http.proxies import Proxy, proxy_for
from outworx_otel.process.environment import Environ

Pairs = Sequence[tuple[bytes, bytes]]

_MAX_ANSWER: Final = 64 * 1024
_MAX_SHOWN: Final = 300
_NUMBERED: Final = re.compile(r"^\[Errno -?\d+\] ")


class CallFailed(OutworxError):
    """A call that brought no answer, or none that is whole. Its text says why, and holds no credentials."""


class NotConnected(CallFailed):
    """There was no connection: nothing was sent."""


class Untrusted(NotConnected):
    """The server's certificate is none of those that are trusted."""


class TooLate(CallFailed):
    """The deadline passed."""


class BrokenOff(CallFailed):
    """The connection ended, or what came over it is no HTTP."""


@dataclasses.dataclass(frozen=True)
class Reply:
    """What came back.

    Args:
        status: the HTTP status.
        headers: (name, value) pairs, repeats kept.
        body: the bytes as they came over the wire, as many as were asked for.
        cut: whether the body went on.
        failure: why the body is not whole, where it is not.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    cut: bool = False
    failure: CallFailed | None = None

    def header(self, name: str) -> str | None:
        """Returns the first header of this name, in small letters; None if there is none."""
        return next((value for known, value in self.headers if known.lower() == name), None)

    @property
    def problem(self) -> str | None:
        """What `outworx serve` says is wrong, in one printable line; None where the body says nothing of the kind."""
        try:
            said = msgspec.json.decode(self.body, type=_Problem).error
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return "".join(sign if sign.isprintable() else " " for sign in said[:_MAX_SHOWN])


class _Problem(msgspec.Struct):
    error: str


class BoundedClient:
    """Calls servers directly or through the environment's proxies. Follows no redirect, sets no cookie.

    Args:
        trust: says whose certificates are trusted; asked when the first call over TLS is made.
        certificate: this side's own certificate and key, as files; the key may be in the former.
        insecure: takes any certificate.
        connections: at most, per proxy.
        keep: seconds that an idle connection is kept.
        environ: environment variables; None is the process's own.
    """

    def __init__(
        self,
        trust: Callable[[], Trust],
        *,
        certificate: tuple[str, str | None] | None = None,
        insecure: bool = False,
        connections: int = 10,
        keep: float = 60.0,
        environ: Environ | None = None,
    ) -> None:
        self._trust = trust
        self._certificate = certificate
        self._insecure = insecure
        self._connections = connections
        self._keep = keep
        self._environ = environ
        self._pools: dict[tuple[Proxy | None, bool], httpcore.ConnectionPool] = {}

    def call(
        self,
        method: str,
        url: str,
        headers: Iterable[tuple[str | bytes, str | bytes]] = (),
        body: bytes | None = None,
        *,
        seconds: float,
        connecting: float | None = None,
        most: int = _MAX_ANSWER,
        server_name: str | None = None,
    ) -> Reply:
        """Sends one request and reads its answer.

        Args:
            method: such as POST.
            url: http:// or https://, in ASCII. User and password in it are not sent.
            headers: (name, value) pairs. Host and Content-Length are added where they are not among them.
            body: the bytes; None for none.
            seconds: when the call is over, from now.
            connecting: seconds for a new connection, to which `seconds` are added; None where they hold for both.
            most: bytes of the answer's body that are read.
            server_name: the name in TLS where it is not the URL's.

        Returns:
            The answer. Where the deadline passed or the connection ended within its body, `failure` says so.

        Raises:
            CallFailed: there was no answer.
            ConfigurationError: the environment names a proxy or certificates that cannot be used.
            ValueError: the URL or a header cannot be sent.
        """
        target = httpcore.URL(url)
        proxy = proxy_for(url, self._environ)
        until = _Until(seconds, begun=connecting is None)
        connected = until if connecting is None else _Until(connecting)
        extensions: dict[str, Any] = {
            "timeout": {"connect": connected, "pool": connected, "read": until, "write": until}
        }
        if server_name is not None:
            extensions["sni_hostname"] = server_name
        request = httpcore.Request(
            method, target, headers=_head(url, headers, body), content=body or b"", extensions=extensions
        )
        pool = self._pool(proxy, target.scheme == b"https")
        try:
            response = pool.handle_request(request)
        except Exception as error:
            raise self._failure(error, url, proxy, seconds) from error
        pieces, read, failure = [], 0, None
        try:
            for piece in response.iter_stream():
                pieces.append(piece)
                read += len(piece)
                if read > most:
                    break
        except Exception as error:  # noqa: BLE001  # the status stands; whoever needs the body finds it here
            failure = self._failure(error, url, proxy, seconds)
        finally:
            response.close()
        known = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
        return Reply(response.status, known, b"".join(pieces)[:most], read > most, failure)

    @property
    def open_connections(self) -> int:
        """How many connections there are."""
        return sum(len(pool.connections) for pool in self._pools.values())

    def close(self) -> None:
        """Closes the connections."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()

    def _pool(self, proxy: Proxy | None, encrypted: bool) -> httpcore.ConnectionPool:
        key = proxy, encrypted
        pool = self._pools.get(key)
        # Whoever comes second at the same time uses the first one's.
        return self._pools.setdefault(key, self._made(*key)) if pool is None else pool

    def _made(self, proxy: Proxy | None, encrypted: bool) -> httpcore.ConnectionPool:
        options: dict[str, Any] = {
            # Without TLS nothing is verified, and loading the certificates takes its time.
            "ssl_context": self._context() if encrypted else None,
            "max_connections": self._connections,
            "keepalive_expiry": self._keep,
            "network_backend": _Backend(),
        }
        if proxy is None:
            return httpcore.ConnectionPool(**options)
        if proxy.scheme == "socks5":
            return httpcore.SOCKSProxy(proxy.url, proxy_auth=proxy.credentials, **options)
        if proxy.scheme == "https":
            options["proxy_ssl_context"] = self._context()
        return httpcore.HTTPProxy(proxy.url, proxy_auth=proxy.credentials, **options)

    def _context(self) -> ssl.SSLContext:
        if self._insecure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            context = self._trust().context()
        if self._certificate is not None:
            context.load_cert_chain(*self._certificate)
        return context

    def _failure(self, error: Exception, url: str, proxy: Proxy | None, seconds: float) -> CallFailed:
        way = "" if proxy is None else f", through {proxy}"
        said = failure_text(error)
        if isinstance(error, httpcore.TimeoutException):
            return TooLate(f"no answer within {seconds:g} s{way}")
        if "CERTIFICATE_VERIFY_FAILED" in said:
            return Untrusted(untrusted(url, said, self._trust()) + way)
        if isinstance(error, httpcore.ConnectError | httpcore.ProxyError):
            return NotConnected(said + way)
        return BrokenOff(said + way)


def untrusted(url: str, said: str, trusted: Trust) -> str:
    """Explains that a server's certificate was refused, and what to do about it."""
    why = (
        said.partition("certificate verify failed: ")[2].partition(" (_ssl")[0] or "certificate verify failed"
    )
    return (
        f"the certificate of {urlsplit(url).hostname} is not trusted ({why}); trusted are {trusted}: name the "
        "authority's certificate with SSL_CERT_FILE"
    )


def failure_text(error: BaseException) -> str:
    """What an error says, in one line."""
    said = _NUMBERED.sub("", str(error)) or type(error).__name__
    return " ".join(said.split())[:_MAX_SHOWN]


def _head(
    url: str, headers: Iterable[tuple[str | bytes, str | bytes]], body: bytes | None
) -> list[tuple[bytes, bytes]]:
    given = [(_raw(name), _raw(value)) for name, value in headers]
    names = {name.lower() for name, _ in given}
    if b"host" not in names:
        given.insert(0, (b"Host", _raw(urlsplit(url).netloc.rpartition("@")[2])))
    if body is not None and b"content-length" not in names:
        given.append((b"Content-Length", b"%d" % len(body)))
    return given


def _raw(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


class _Until(float):
    """A deadline in the place of a time-out: httpcore hands it down as it is."""

    def __new__(cls, seconds: float, begun: bool = True) -> _Until:
        until = super().__new__(cls, seconds)
        until._at = time.monotonic() + seconds if begun else None
        return until

    _at: float | None

    def left(self) -> float:
        """The seconds that are left. One that was not begun begins with this.

        Raises:
            httpcore.ReadTimeout: none are.
        """
        now = time.monotonic()
        if self._at is None:
            self._at = now + self
        left = self._at - now
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline has passed")
        return left


class _Stream(httpcore.NetworkStream):
    """A connection whose operations end at the deadline of the call that they are made for."""

    def __init__(self, stream: httpcore.NetworkStream, until: _Until, inner: bool = False) -> None:
        self._stream = stream
        self._until = until
        # TLS within the TLS of a proxy has no socket of its own.
        self._socket: socket.socket | None = None if inner else stream.get_extra_info("socket")

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = self._left(timeout)
        if self._socket is None:
            self._stream.write(buffer, left)
            return
        # The stream below would begin its time-out anew after every part that was taken.
        rest = memoryview(buffer)
        try:
            while rest:
                self._socket.settimeout(self._until.left())
                rest = rest[self._socket.send(rest) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = isinstance(self._socket, ssl.SSLSocket)
        stream = self._stream.start_tls(ssl_context, server_hostname, self._left(timeout))
        return _Stream(stream, self._until, inner)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _left(self, timeout: float | None) -> float:
        # The talk with a SOCKS proxy is held without any time-out: it belongs to the call that connects.
        if isinstance(timeout, _Until):
            self._until = timeout
        return self._until.left()


class _Backend(httpcore.SyncBackend):
    """Connects to one address after the other, within the call's deadline."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        until = timeout if isinstance(timeout, _Until) else _Until(timeout or 60.0)
        try:
            found = addresses(host, port, until.left())
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the host {host[:100]} cannot be looked up ({error})") from error
        failure: Exception = httpcore.ConnectError(f"{host[:100]} has no address")
        for tried, address in enumerate(found):
            # An address where nobody answers leaves some of the time to the others.
            share = until.left() / (len(found) - tried)
            try:
                stream = super().connect_tcp(address, port, share, local_address, socket_options or ())
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, until)
        raise failure
